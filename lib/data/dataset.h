// A labelled set of samples as a node holds it: one after the other, each of the same shape.
//
// Of images, unsigned bytes rather than floats, so that a share of 30 000 samples of 784 pixels
// takes 23 MB and not 94; the trainer turns a minibatch into floats when it needs it. Of anything
// else, the floats themselves; a row of a table is a sample of shape 1x1xCOLUMNS. What is learned
// of a sample is its class, or one or more numbers.
//
// The values are in vectors, or they stay in the files they came from, mapped into memory, so that
// a set may be larger than the memory: then the set holds a pointer for each sample of the share,
// and the system reads the pages that a minibatch needs. `sample` and `float_sample` do not tell
// which. Labels and targets are always in vectors. Plain values, no threads; copies share the
// mapped files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
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

// Samples that lie in mapped files, or in other memory of somebody else's.
struct MappedSamples {
  std::vector<const void*> rows;  // where each sample's values begin, aligned as their type needs
  bool are_floats = false;
  std::vector<std::shared_ptr<const void>> owners;  // of the memory behind `rows`
};

struct Dataset {
  ImageShape shape;
  // Largest label of the files it came from, plus one; the same on every node, whatever its share.
  // 0 of a set with targets.
  std::uint32_t classes = 0;
  // [size, channels, height, width], row-major; or empty, and the values are in `features` or
  // `mapped`.
  std::vector<std::uint8_t> pixels;
  std::vector<Label> labels;    // [size], each below `classes`
  std::vector<float> features;  // as `pixels`, finite; empty if those are not
  // In place of labels, of regression and of several labels at once: [size, target_width], finite.
  std::vector<float> targets;
  std::uint32_t target_width = 0;  // 0: samples have labels
  // [size]: by whom each sample was made, numbered from 0; empty if the files do not say.
  std::vector<std::uint32_t> users;
  MappedSamples mapped;  // [size] rows, and both vectors of values are empty; or no rows

  bool has_targets() const { return target_width > 0; }
  std::size_t size() const { return has_targets() ? targets.size() / target_width : labels.size(); }
  // How many outputs a model needs for them: one for each class, or for each of a sample's targets.
  std::uint32_t output_count() const { return has_targets() ? target_width : classes; }
  bool holds_floats() const { return !features.empty() || mapped.are_floats; }
  // Its pixels; of a set that does not hold floats.
  const std::uint8_t* sample(std::size_t index) const {
    if (!mapped.rows.empty()) return static_cast<const std::uint8_t*>(mapped.rows[index]);
    return pixels.data() + index * shape.value_count();
  }
  // Its features; of a set that holds floats.
  const float* float_sample(std::size_t index) const {
    if (!mapped.rows.empty()) return static_cast<const float*>(mapped.rows[index]);
    return features.data() + index * shape.value_count();
  }
  // Of a set that has targets: target_width of them.
  const float* target(std::size_t index) const { return targets.data() + index * target_width; }
  // That its vectors' elements take; what is mapped takes none that the system could not have back.
  std::size_t byte_count() const {
    return pixels.size() + labels.size() * sizeof(Label) +
           (features.size() + targets.size()) * sizeof(float) + users.size() * sizeof(users[0]) +
           mapped.rows.size() * sizeof(mapped.rows[0]);
  }
  // kInvalidArgument unless the values, users, and labels and classes, or targets and their width,
  // agree with each other, and targets are finite.
  Status validate() const;
};

}  // namespace skiptrain::data
