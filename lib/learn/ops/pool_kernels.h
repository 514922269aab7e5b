// ReLU and 2x2 max-pool with stride 2 over one image [height][width][channels] of float32, alone or
// behind GroupNorm, and their gradients. Channels lie along the vectors' lanes. Pure; no LibTorch.
// Any thread. Sums have one order on a machine.
//
// The rule of ATen's max_pool2d, without a branch: of four values in the order of rows a larger one
// or a NaN takes over; ReLU lets no value through that is 0 or less. An odd last row or column is
// in no window.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skiptrain::learn {

struct ImageSize {
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t channels = 0;

  std::size_t count() const { return height * width * channels; }
  std::size_t pooled_count() const { return (height / 2) * (width / 2) * channels; }
};

// Which of a window's four values won, or that ReLU let none through: a byte per output.
inline constexpr std::uint8_t kNoneWon = 4;

void relu_pool_forward(const ImageSize& size, const float* in, float* out, std::uint8_t* winners);
// Writes every element of in_gradient.
void relu_pool_backward(const ImageSize& size, const float* out_gradient,
                        const std::uint8_t* winners, float* in_gradient);

struct GroupNorm {
  std::size_t groups = 0;  // divides the channels
  const float* weight = nullptr;
  const float* bias = nullptr;
  float epsilon = 0.0f;
};

// Floats of the memory that each of the two calls below works in.
std::size_t norm_pool_scratch_size(const ImageSize& size);

// mean and inverse_deviation: one of each group, for the way back.
void norm_pool_forward(const ImageSize& size, const GroupNorm& norm, const float* in, float* out,
                       float* mean, float* inverse_deviation, float* scratch);
// Finds the winners anew instead of keeping them. Writes in_gradient, adds to the others
// [channels].
void norm_pool_backward(const ImageSize& size, const GroupNorm& norm, const float* in,
                        const float* mean, const float* inverse_deviation,
                        const float* out_gradient, float* in_gradient, float* weight_gradient,
                        float* bias_gradient, float* scratch);

}  // namespace skiptrain::learn
