// Puts the operators of this folder into a TorchScript program. Inside lib/learn only.
//
// A user's model comes as a graph of ATen's operators. What the reference models do by hand is done
// here by looking for it: relu and max_pool2d(2) (in either order), with a group_norm before them
// or not; conv2d with stride 1; linear, with a relu behind it or not. Each is replaced by one of
// skiptrain::convolution, relu_max_pool, norm_relu_max_pool and linear, which this file makes known
// to TorchScript. They take whatever ATen's take: shapes and types that they have nothing faster
// for go to ATen's at run time. What is not recognised stays as it is.
#pragma once

#include <cstddef>

namespace torch::jit {
struct Module;
}

namespace skiptrain::learn {

// Rewrites `forward` and all it calls, before it is run for the first time (a graph that has run
// keeps what it was compiled to). The module computes the same function; results differ in their
// last bits. Returns how many operators were put in. May throw c10::Error.
std::size_t optimize_graph(torch::jit::Module& module);

}  // namespace skiptrain::learn
