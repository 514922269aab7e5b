// A labelled set of samples as a node holds it: one after the other, each of the same shape.
//
// Of images, unsigned bytes rather than floats, so that a share of 30 000 samples of 784 pixels
// takes 23 MB and not 94; the trainer turns a minibatch into floats when it needs it. Of anything
// else, the floats themselves; a row of a table is a sample of shape 1x1xCOLUMNS. What is learned
// of a sample is its class, or one or more numbers. Plain values, no threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
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

// A sample's class.
using Label = std::uint16_t;
inline constexpr std::uint32_t kMaxLabels = std::numeric_limits<Label>::max() + 1u;
inline constexpr std::uint32_t kMaxTargetWidth = 65'536;

struct Dataset {
  ImageShape shape;
  // Largest label of the files it came from, plus one; the same on every node, whatever its share.
  // 0 of a set with targets.
  std::uint32_t classes = 0;
  // [size, channels, height, width], row-major; or empty, and the values are in `features`.
  std::vector<std::uint8_t> pixels;
  std::vector<Label> labels;    // [size], each below `classes`
  std::vector<float> features;  // as `pixels`, finite; empty if those are not
  // In place of labels, of regression and of several labels at once: [size, target_width], finite.
  std::vector<float> targets;
  std::uint32_t target_width = 0;  // 0: samples have labels

  bool has_targets() const { return target_width > 0; }
  std::size_t size() const { return has_targets() ? targets.size() / target_width : labels.size(); }
  // How many outputs a model needs for them: one for each class, or for each of a sample's targets.
  std::uint32_t output_count() const { return has_targets() ? target_width : classes; }
  bool holds_floats() const { return !features.empty(); }
  // Its pixels; of a set that does not hold floats.
  const std::uint8_t* sample(std::size_t index) const {
    return pixels.data() + index * shape.value_count();
  }
  // Its features; of a set that holds floats.
  const float* float_sample(std::size_t index) const {
    return features.data() + index * shape.value_count();
  }
  // Of a set that has targets: target_width of them.
  const float* target(std::size_t index) const { return targets.data() + index * target_width; }
  // That its vectors' elements take.
  std::size_t byte_count() const {
    return pixels.size() + labels.size() * sizeof(Label) +
           (features.size() + targets.size()) * sizeof(float);
  }
  // kInvalidArgument unless pixels or features, labels and classes, or targets and their width,
  // agree with each other, and targets are finite.
  Status validate() const;
};

}  // namespace skiptrain::data
