#include "data/load_options.h"

#include <algorithm>
#include <cmath>

namespace skiptrain::data {
namespace {

// All rows from 0 to `count` that are not in `held_out`, which is ascending.
std::vector<std::uint32_t> rows_without(std::size_t count,
                                        const std::vector<std::uint32_t>& held_out) {
  std::vector<std::uint32_t> rows;
  rows.reserve(count - held_out.size());
  auto next = held_out.begin();
  for (std::uint32_t row = 0; row < count; ++row) {
    if (next != held_out.end() && *next == row) {
      ++next;
    } else {
      rows.push_back(row);
    }
  }
  return rows;
}

template <typename Value>
std::vector<Value> picked(std::span<const Value> values, std::span<const std::uint32_t> rows) {
  std::vector<Value> out;
  if (values.empty()) return out;
  out.reserve(rows.size());
  for (const std::uint32_t row : rows) out.push_back(values[row]);
  return out;
}

// One node's share of those of `rows` that the limit leaves.
Result<std::vector<std::uint32_t>> dealt(RowFacts rows, const LoadOptions& options) {
  if (options.limit != 0 && options.limit < rows.count) {
    rows.count = options.limit;
    rows.labels = rows.labels.first(std::min<std::size_t>(rows.count, rows.labels.size()));
    rows.users = rows.users.first(std::min<std::size_t>(rows.count, rows.users.size()));
  }
  return rows.have_labels() ? indices_for(options.partition, rows.labels, options.seat, rows.users)
                            : indices_for(options.partition, rows.count, options.seat);
}

Result<std::vector<std::uint32_t>> chosen(const RowFacts& rows, const LoadOptions& options) {
  if (options.choose) return options.choose(rows);
  if (options.held_out == 0) return dealt(rows, options);
  auto held_out = rows.have_labels()
                      ? held_out_rows(rows.labels, options.held_out, options.seat.seed)
                      : held_out_rows(rows.count, options.held_out, options.seat.seed);
  if (held_out.empty() || held_out.size() == rows.count) {
    return fail(ErrorCode::kInvalidArgument,
                "data.held_out = " + std::to_string(options.held_out) + " of " +
                    std::to_string(rows.count) + " samples leaves " +
                    (held_out.empty() ? "none to test on" : "none to train on"));
  }
  if (options.wants_held_out) return held_out;
  const std::vector<std::uint32_t> rest = rows_without(rows.count, held_out);
  const std::vector<Label> rest_labels = picked(rows.labels, rest);
  const std::vector<std::uint32_t> rest_users = picked(rows.users, rest);
  auto share = dealt({rest.size(), rest_labels, rest_users}, options);
  if (!share) return share;
  for (std::uint32_t& row : *share) row = rest[row];
  return share;
}

}  // namespace

Result<std::vector<std::uint32_t>> chosen_rows(std::span<const Label> labels,
                                               const LoadOptions& options,
                                               std::span<const std::uint32_t> users) {
  return chosen({labels.size(), labels, users}, options);
}

Result<std::vector<std::uint32_t>> chosen_rows(std::uint64_t row_count,
                                               const LoadOptions& options) {
  return chosen({row_count, {}, {}}, options);
}

std::optional<std::string> complaint_of_target(float value, TargetKind kind) {
  if (!std::isfinite(value)) return "must be a finite number of float32's range";
  if (kind == TargetKind::kFractions && (value < 0 || value > 1)) {
    return "must be from 0 to 1, which is what binary cross-entropy takes";
  }
  return std::nullopt;
}

}  // namespace skiptrain::data
