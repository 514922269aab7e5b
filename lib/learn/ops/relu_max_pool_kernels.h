// The loops of relu_max_pool over one plane [height, width] of float32. Pure; no LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skiptrain::learn {

struct Plane {
  std::size_t height = 0;
  std::size_t width = 0;
};

// Which of a window's four values won, row by row; or that ReLU let none through.
inline constexpr std::uint8_t kNoWinner = 4;

// out and winners: [height / 2, width / 2].
void relu_max_pool_forward(const float* in, Plane plane, float* out, std::uint8_t* winners);
// Writes every element of grad_in [height, width].
void relu_max_pool_backward(const float* grad_out, const std::uint8_t* winners, Plane plane,
                            float* grad_in);

}  // namespace skiptrain::learn
