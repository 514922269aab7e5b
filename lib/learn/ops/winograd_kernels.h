// A 5x5 convolution in Winograd's way (Lavin & Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2015), for layers of many channels. Pure; no LibTorch. Any thread.
//
// F(2x2, 5x5): tiles of 6x6 inputs give tiles of 2x2 outputs. Inputs, weights and outputs go
// through linear transforms whose points are 0, 1, -1, 2, -2 and infinity; between them stand 36
// products of matrices instead of 100 multiplications for each output and channel, so a convolution
// takes 0.36 of the arithmetic. Rounding errors are a few times those of the definition, as in
// F(4x4, 3x3), which has the same points. The gradients are the transposed steps, and share the
// transformed tiles. Sums over channels and over tiles run in order.
#pragma once

#include <cstddef>

#include "learn/ops/conv_shape.h"

namespace skiptrain::learn::winograd {

// Whether the channels fill whole vectors of any width.
bool suits(const ConvShape& shape);

// Floats of transformed weights [36][channels][out_channels], and of the memory that forward and
// backward need to work in.
std::size_t transformed_size(const ConvShape& shape);
std::size_t scratch_size(const ConvShape& shape);

void transform(const ConvShape& shape, const float* weights, float* transformed);
// To [36][out_channels][channels].
void transpose(const ConvShape& shape, const float* transformed, float* transposed);

// bias: [out_channels], or null.
void forward(const ConvShape& shape, const float* images, std::size_t count,
             const float* transformed, const float* bias, float* out, float* scratch);

// Which gradients are wanted; null is none.
struct Gradients {
  const float* transposed = nullptr;  // weights, for `in`
  float* in = nullptr;                // written
  float* weights = nullptr;           // added to, in the transformed form
};
void backward(const ConvShape& shape, const float* images, const float* out_gradient,
              std::size_t count, const Gradients& gradients, float* scratch);
// Adds a transformed gradient to one that is not.
void add_untransformed(const ConvShape& shape, const float* transformed, float* gradient);

}  // namespace skiptrain::learn::winograd
