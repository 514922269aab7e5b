// The sizes that the reference models and the count of their parameters share: what is left of an
// image's rows and columns where the linear layers begin.
#pragma once

#include <cstdint>

#include "data/dataset.h"

namespace skiptrain::learn {

inline constexpr std::uint32_t kKernel = 5;   // side of every convolution
inline constexpr std::uint32_t kPadding = 2;  // makes such a convolution keep the size
// LeNet-5 was drawn for 32x32; smaller images are padded towards it.
inline constexpr std::uint32_t kLeNet5Side = 32;

struct Grid {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::uint64_t area() const { return std::uint64_t{height} * width; }
};

// Three 2x2 pools.
inline Grid gn_lenet_grid(const data::ImageShape& image) {
  return {image.height / 2 / 2 / 2, image.width / 2 / 2 / 2};
}
// Two.
inline Grid femnist_cnn_grid(const data::ImageShape& image) {
  return {image.height / 2 / 2, image.width / 2 / 2};
}
inline std::uint32_t lenet5_padding(const data::ImageShape& image) {
  return image.height < kLeNet5Side || image.width < kLeNet5Side ? kPadding : 0;
}
// Convolution, pool, convolution, pool; only the first is padded, if at all.
inline Grid lenet5_grid(const data::ImageShape& image) {
  const std::uint32_t padding = lenet5_padding(image);
  const auto side = [padding](std::uint32_t in) {
    return ((in + 2 * padding - (kKernel - 1)) / 2 - (kKernel - 1)) / 2;
  };
  return {side(image.height), side(image.width)};
}

}  // namespace skiptrain::learn
