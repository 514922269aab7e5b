// Where an operator of this folder puts the gradients of a layer's parameters. Inside lib/learn/ops
// only.
//
// Autograd would have it return a new tensor, and then add that to the gradient which is already
// there: for a large linear layer two passes over memory that cost as much as its arithmetic. So
// the operators add to a parameter's own gradient themselves, where there is one, and return none.
// backward() thus leaves the sums that it always leaves; torch::autograd::grad() of such a
// parameter, and hooks on it, find nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace at {
class Tensor;
}

namespace skiptrain::learn {

// The values of the gradient of `parameter`, to be added to: of its own one, if it is a leaf that
// has one, and else of `made`, which becomes a tensor of zeros to be returned. `made` stays
// undefined otherwise.
float* gradient_place(const at::Tensor& parameter, at::Tensor& made);

// Autograd's functions take no undefined tensor: an empty one stands for a bias that is not there.
at::Tensor or_empty(const at::Tensor& bias);
// Null for one that is undefined or empty.
const float* values_of(const at::Tensor& bias);

// Calls work(piece, begin, end) for pieces of [0, count), at most one for each of LibTorch's
// threads, and returns when all are done. Which piece is which depends on the number of threads
// alone.
void for_pieces(std::int64_t count,
                const std::function<void(std::size_t, std::int64_t, std::int64_t)>& work);
std::size_t piece_count(std::int64_t count);

}  // namespace skiptrain::learn
