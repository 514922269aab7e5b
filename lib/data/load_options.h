// Which part of a data set's files a caller wants: the same for every format.
//
// Plain values and one pure function; a reader of files finds the labels, asks `chosen_rows`, and
// keeps the rows that it names.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/error.h"
#include "data/partition.h"

namespace skiptrain::data {

struct LoadOptions {
  // Which rows to keep, ascending, of files with these labels and, where they say so, users.
  using Choose = std::function<Result<std::vector<std::uint32_t>>(
      std::span<const Label> labels, std::span<const std::uint32_t> users)>;

  Partition partition = AllSamples{};
  Seat seat;
  // Deal only the first `limit` samples of those that are not held out; 0: all.
  std::uint32_t limit = 0;
  // This part of the files' samples, 0 to below 1, is set aside for tests before anything is dealt.
  double held_out = 0.0;
  bool wants_held_out = false;  // keep those, all of them, in place of a share
  // If set, it alone says which: for who looks at a set without learning from it.
  Choose choose;
};

// The rows of one node's share, ascending, of files with these labels. `users` as in `indices_for`,
// whose errors come back. kInvalidArgument: so few samples that none would be held out, or none be
// left.
Result<std::vector<std::uint32_t>> chosen_rows(std::span<const Label> labels,
                                               const LoadOptions& options,
                                               std::span<const std::uint32_t> users = {});

}  // namespace skiptrain::data
