// A 5x5 convolution by its definition, for layers of few channels: the output's channels lie along
// the vectors' lanes, and an image is read where it is, in a copy with zeros around it. Pure; no
// LibTorch. Any thread. Sums over an image's pixels and over images run in order.
//
// Weights are packed before: [5][5][channels][lanes for the output's channels].
#pragma once

#include <cstddef>

#include "learn/ops/conv_shape.h"

namespace skiptrain::learn::direct {

// Floats of packed weights, and of the memory that each of the calls below needs to work in.
std::size_t packed_size(const ConvShape& shape);
std::size_t scratch_size(const ConvShape& shape);

void pack(const ConvShape& shape, const float* weights, float* packed);
// `shape` is the convolution's own; packs for shape.transposed().
void pack_transposed(const ConvShape& shape, const float* weights, float* packed);

// bias: [out_channels], or null.
void forward(const ConvShape& shape, const float* images, std::size_t count, const float* packed,
             const float* bias, float* out, float* scratch);
// Adds to `gradient`, which has the packed form.
void backward_weights(const ConvShape& shape, const float* images, const float* out_gradient,
                      std::size_t count, float* gradient, float* scratch);
// Adds a packed gradient to one that is not.
void add_unpacked(const ConvShape& shape, const float* packed, float* gradient);

}  // namespace skiptrain::learn::direct
