#include "data/load_options.h"

#include <algorithm>

namespace skiptrain::data {

Result<std::vector<std::uint32_t>> chosen_rows(std::span<const Label> labels,
                                               const LoadOptions& options) {
  if (options.limit != 0)
    labels = labels.first(std::min<std::size_t>(options.limit, labels.size()));
  return indices_for(options.partition, labels, options.seat);
}

}  // namespace skiptrain::data
