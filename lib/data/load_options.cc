#include "data/load_options.h"

#include <algorithm>
#include <cmath>

namespace skiptrain::data {

Result<std::vector<std::uint32_t>> chosen_rows(std::span<const Label> labels,
                                               const LoadOptions& options) {
  if (options.limit != 0)
    labels = labels.first(std::min<std::size_t>(options.limit, labels.size()));
  return indices_for(options.partition, labels, options.seat);
}

Result<std::vector<std::uint32_t>> chosen_rows(std::uint64_t row_count,
                                               const LoadOptions& options) {
  if (options.limit != 0) row_count = std::min<std::uint64_t>(options.limit, row_count);
  return indices_for(options.partition, row_count, options.seat);
}

std::optional<std::string> complaint_of_target(float value, TargetKind kind) {
  if (!std::isfinite(value)) return "must be a finite number of float32's range";
  if (kind == TargetKind::kFractions && (value < 0 || value > 1)) {
    return "must be from 0 to 1, which is what binary cross-entropy takes";
  }
  return std::nullopt;
}

}  // namespace skiptrain::data
