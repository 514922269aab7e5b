// GroupNorm, ReLU and 2x2 max-pool with stride 2 in one operator. Inside lib/learn only.
//
// ATen's four passes over the largest activations of a model, and as many on the way back, become
// two and two. Of the forward pass it keeps the input and two numbers for each group and sample,
// and finds the rest anew. Sums are taken in one order: on one machine, with one number of threads,
// results are always the same; they differ from ATen's in their last bits.
#pragma once

#include <cstdint>

namespace at {
class Tensor;
}

namespace skiptrain::learn {

// As at::group_norm, relu and at::max_pool2d(2, 2) in this order, or the last two in the other.
// x: float32 [batch, channels, height, width], height and width at least 2; weight and bias:
// [channels]. Differentiable once; see gradient_place.h. Throws c10::Error on other shapes or
// types.
at::Tensor norm_relu_max_pool(const at::Tensor& x, std::int64_t groups, const at::Tensor& weight,
                              const at::Tensor& bias, double epsilon);

}  // namespace skiptrain::learn
