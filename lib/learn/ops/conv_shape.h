// Sizes of a 5x5 convolution with stride 1. Inside lib/learn/ops only.
#pragma once

#include <cstddef>

namespace skiptrain::learn {

inline constexpr std::size_t kKernelSide = 5;
inline constexpr std::size_t kKernelArea = kKernelSide * kKernelSide;

// Images are [height][width][channels] (channels last), weights [out_channels][channels][5][5].
struct ConvShape {
  std::size_t channels = 0;
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t out_channels = 0;
  std::size_t padding = 0;  // zeros on each side, 0 to 4

  std::size_t out_height() const { return height + 2 * padding - (kKernelSide - 1); }
  std::size_t out_width() const { return width + 2 * padding - (kKernelSide - 1); }
  std::size_t in_size() const { return height * width * channels; }
  std::size_t out_size() const { return out_height() * out_width() * out_channels; }
  std::size_t weight_count() const { return out_channels * channels * kKernelArea; }

  // The convolution that takes a gradient of the output to that of the input.
  ConvShape transposed() const {
    return {out_channels, out_height(), out_width(), channels, kKernelSide - 1 - padding};
  }
};

}  // namespace skiptrain::learn
