// Which part of a data set's files a caller wants: the same for every format.
//
// Plain values and pure functions; a reader of files finds the labels, asks `chosen_rows`, and
// keeps the rows that it names.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/partition.h"

namespace skiptrain::data {

// What is learned of a sample.
enum class TargetKind {
  kClasses,
  kValues,     // any finite numbers
  kFractions,  // numbers from 0 to 1
};

struct LoadOptions {
  Partition partition = AllSamples{};
  Seat seat;
  // Deal only the first `limit` samples of the files; 0: all.
  std::uint32_t limit = 0;
  TargetKind targets = TargetKind::kClasses;
};

// The rows of one node's share, ascending, of files with these labels, and of files of `row_count`
// samples that have none. Errors as `indices_for`.
Result<std::vector<std::uint32_t>> chosen_rows(std::span<const Label> labels,
                                               const LoadOptions& options);
Result<std::vector<std::uint32_t>> chosen_rows(std::uint64_t row_count, const LoadOptions& options);

// nullopt if `value` may be a target of this kind, else what it must be. Of numbers only.
std::optional<std::string> complaint_of_target(float value, TargetKind kind);

}  // namespace skiptrain::data
