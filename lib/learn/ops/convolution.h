// A 2D convolution for training on processors. Inside lib/learn only.
//
// 5x5 kernels with stride 1, as the reference models have them, are computed here: by Winograd's
// algorithm where channels fill vectors (multiples of 16), else by the definition. Images are kept
// channels last, which ATen's operators understand too; a convolution of another form is ATen's.
// Its sums have another order than ATen's, so results differ in their last bits; on one machine,
// with one number of threads, they are always the same.
#pragma once

#include <cstdint>

namespace at {
class Tensor;
}

namespace skiptrain::learn {

// images: float32 [batch, channels, height, width]; weight: [out channels, channels, side, side];
// bias: [out channels], or undefined. As at::conv2d with this padding on all sides. Differentiable
// once; see gradient_place.h. Throws c10::Error on sizes that do not fit together.
at::Tensor convolution(const at::Tensor& images, const at::Tensor& weight, const at::Tensor& bias,
                       std::int64_t padding);

}  // namespace skiptrain::learn
