// Which part of a data set's files a caller wants: the same for every format.
//
// Plain values and one pure function; a reader of files finds the labels, asks `chosen_rows`, and
// keeps the rows that it names.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "data/partition.h"

namespace skiptrain::data {

struct LoadOptions {
  Partition partition = AllSamples{};
  Seat seat;
  // Deal only the first `limit` samples of the files; 0: all.
  std::uint32_t limit = 0;
};

// The rows of one node's share, ascending, of files with these labels. Errors as `indices_for`.
Result<std::vector<std::uint32_t>> chosen_rows(std::span<const Label> labels,
                                               const LoadOptions& options);

}  // namespace skiptrain::data
