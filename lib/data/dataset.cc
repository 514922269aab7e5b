#include "data/dataset.h"

#include <algorithm>
#include <cmath>

namespace skiptrain::data {

std::string to_string(const ImageShape& shape) {
  return std::to_string(shape.channels) + "x" + std::to_string(shape.height) + "x" +
         std::to_string(shape.width);
}

namespace {

Status validate_targets(const Dataset& set) {
  const bool has_classes = !set.labels.empty() || set.classes != 0;
  if (has_classes || set.targets.size() % std::max(set.target_width, 1u) != 0 ||
      (!set.has_targets() && !set.targets.empty())) {
    return fail(ErrorCode::kInvalidArgument,
                "data set: " + std::to_string(set.targets.size()) + " targets of width " +
                    std::to_string(set.target_width) + " beside " +
                    std::to_string(set.labels.size()) + " labels of " +
                    std::to_string(set.classes) +
                    " classes: must be whole rows of targets, or labels, and not both");
  }
  const auto bad = std::find_if(set.targets.begin(), set.targets.end(),
                                [](float value) { return !std::isfinite(value); });
  if (bad == set.targets.end()) return {};
  const auto at = static_cast<std::size_t>(bad - set.targets.begin());
  return fail(ErrorCode::kInvalidArgument,
              "data set: target " + std::to_string(at % set.target_width) + " of sample " +
                  std::to_string(at / set.target_width) + " is " + std::to_string(*bad) +
                  ": must be finite");
}

}  // namespace

Status Dataset::validate() const {
  if (has_targets() || !targets.empty()) {
    if (auto valid = validate_targets(*this); !valid) return valid;
  }
  const std::size_t values = size() * shape.value_count();
  if (!mapped.rows.empty() || mapped.are_floats) {
    if (!pixels.empty() || !features.empty() || mapped.rows.size() != size()) {
      return fail(ErrorCode::kInvalidArgument,
                  "data set: " + std::to_string(mapped.rows.size()) + " mapped samples, " +
                      std::to_string(features.size()) + " features and " +
                      std::to_string(pixels.size()) + " pixels do not make " +
                      std::to_string(size()) + " samples of " + to_string(shape));
    }
  } else if (holds_floats() && (!pixels.empty() || features.size() != values)) {
    return fail(ErrorCode::kInvalidArgument, "data set: " + std::to_string(features.size()) +
                                                 " features and " + std::to_string(pixels.size()) +
                                                 " pixels do not make " + std::to_string(size()) +
                                                 " samples of " + to_string(shape));
  } else if (!holds_floats() && pixels.size() != values) {
    return fail(ErrorCode::kInvalidArgument, "data set: " + std::to_string(pixels.size()) +
                                                 " pixels do not make " + std::to_string(size()) +
                                                 " images of " + to_string(shape));
  }
  if (!users.empty() && users.size() != size()) {
    return fail(ErrorCode::kInvalidArgument, "data set: " + std::to_string(users.size()) +
                                                 " users named for " + std::to_string(size()) +
                                                 " samples");
  }
  const auto largest = std::max_element(labels.begin(), labels.end());
  if (largest != labels.end() && *largest >= classes) {
    return fail(ErrorCode::kInvalidArgument, "data set: label " + std::to_string(*largest) +
                                                 " is not below the number of " +
                                                 std::to_string(classes) + " classes");
  }
  return {};
}

}  // namespace skiptrain::data
