// A labelled set of images as a node holds it: unsigned bytes, one sample after the other.
//
// Bytes rather than floats, so that a share of 30 000 samples of 784 pixels takes 23 MB and not 94;
// the trainer turns a minibatch into floats when it needs it. Plain values, no threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace skiptrain::data {

inline constexpr std::uint32_t kMaxImageSide = 4096;  // rows or columns
inline constexpr std::uint32_t kMaxImageChannels = 64;

struct ImageShape {
  std::uint32_t channels = 1;
  std::uint32_t height = 0;
  std::uint32_t width = 0;

  std::size_t value_count() const { return std::size_t{1} * channels * height * width; }
  bool operator==(const ImageShape&) const = default;
};

// "3x32x32": channels, height, width.
std::string to_string(const ImageShape& shape);

struct Dataset {
  ImageShape shape;
  // Largest label of the files it came from, plus one; the same on every node, whatever its share.
  std::uint32_t classes = 0;
  std::vector<std::uint8_t> pixels;  // [size, channels, height, width], row-major
  std::vector<std::uint8_t> labels;  // [size], each below `classes`

  std::size_t size() const { return labels.size(); }
  const std::uint8_t* sample(std::size_t index) const {
    return pixels.data() + index * shape.value_count();
  }
  // kInvalidArgument unless pixels, labels and classes agree with each other.
  Status validate() const;
};

}  // namespace skiptrain::data
