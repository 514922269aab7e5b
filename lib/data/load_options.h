// Which part of a data set's files a caller wants: the same for every format.
//
// Plain values and pure functions; a reader of files finds the labels, asks `chosen_rows`, and
// keeps the rows that it names.
#pragma once

#include <cstdint>
#include <functional>
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

// What a set's files say of their rows before any values are read.
struct RowFacts {
  std::uint64_t count = 0;
  std::span<const Label> labels;  // [count]; or empty, of samples with numbers in their place
  std::span<const std::uint32_t> users;  // [count]; or empty, if the files do not say

  bool have_labels() const { return labels.size() == count; }
};

struct LoadOptions {
  // Which rows to keep, ascending.
  using Choose = std::function<Result<std::vector<std::uint32_t>>(const RowFacts& rows)>;

  Partition partition = AllSamples{};
  Seat seat;
  // Deal only the first `limit` samples of those that are not held out; 0: all.
  std::uint32_t limit = 0;
  TargetKind targets = TargetKind::kClasses;
  // This part of the files' samples, 0 to below 1, is set aside for tests before anything is dealt.
  double held_out = 0.0;
  bool wants_held_out = false;  // keep those, all of them, in place of a share
  // If set, it alone says which: for who looks at a set without learning from it.
  Choose choose;
};

// The rows of one node's share, ascending, of files with these labels, and of files of `row_count`
// samples that have none. `users` as in `indices_for`, whose errors come back. kInvalidArgument: so
// few samples that none would be held out, or none be left.
Result<std::vector<std::uint32_t>> chosen_rows(std::span<const Label> labels,
                                               const LoadOptions& options,
                                               std::span<const std::uint32_t> users = {});
Result<std::vector<std::uint32_t>> chosen_rows(std::uint64_t row_count, const LoadOptions& options);

// nullopt if `value` may be a target of this kind, else what it must be. Of numbers only.
std::optional<std::string> complaint_of_target(float value, TargetKind kind);

}  // namespace skiptrain::data
