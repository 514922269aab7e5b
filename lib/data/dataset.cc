#include "data/dataset.h"

#include <algorithm>

namespace skiptrain::data {

std::string to_string(const ImageShape& shape) {
  return std::to_string(shape.channels) + "x" + std::to_string(shape.height) + "x" +
         std::to_string(shape.width);
}

Status Dataset::validate() const {
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
