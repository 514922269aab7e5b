// A linear layer with an optional ReLU, and its gradients, for minibatches: [samples][features] of
// float32 each. Pure; no LibTorch. Any thread. Sums run in order.
//
// The weights are read where they are, each once in a pass; of the two small factors beside them
// the samples are turned so that they lie along the vectors' lanes.
#pragma once

#include <cstddef>

namespace skiptrain::learn::dense {

struct Size {
  std::size_t samples = 0;
  std::size_t in = 0;
  std::size_t out = 0;
};

// Floats of the memory that forward works in.
std::size_t scratch_size(const Size& size);

// weights: [out][in]; bias: [out], or null.
void forward(const Size& size, const float* in, const float* weights, const float* bias, bool relu,
             float* out, float* scratch);
// Writes in_gradient.
void backward_input(const Size& size, const float* out_gradient, const float* weights,
                    float* in_gradient);
// Adds to `gradient` [out][in].
void backward_weights(const Size& size, const float* in, const float* out_gradient,
                      float* gradient);
// gradient[k] += the sum over rows of values[row][k].
void add_rows(const float* values, std::size_t rows, std::size_t columns, float* gradient);
// Zero where ReLU let nothing through: where `out` is not above 0.
void mask_gradient(const float* out, const float* out_gradient, std::size_t count, float* masked);

}  // namespace skiptrain::learn::dense
