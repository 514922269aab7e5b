#include "data/load_options.h"

#include <algorithm>
#include <string>

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

}  // namespace

Result<std::vector<std::uint32_t>> chosen_rows(std::span<const Label> labels,
                                               const LoadOptions& options,
                                               std::span<const std::uint32_t> users) {
  if (options.choose) return options.choose(labels, users);
  const auto limited = [&](auto values) {
    if (options.limit == 0) return values;
    return values.first(std::min<std::size_t>(options.limit, values.size()));
  };
  if (options.held_out == 0) {
    return indices_for(options.partition, limited(labels), options.seat, limited(users));
  }
  auto held_out = held_out_rows(labels, options.held_out, options.seat.seed);
  if (held_out.empty() || held_out.size() == labels.size()) {
    return fail(ErrorCode::kInvalidArgument,
                "data.held_out = " + std::to_string(options.held_out) + " of " +
                    std::to_string(labels.size()) + " samples leaves " +
                    (held_out.empty() ? "none to test on" : "none to train on"));
  }
  if (options.wants_held_out) return held_out;
  const std::vector<std::uint32_t> rest = rows_without(labels.size(), held_out);
  const std::vector<Label> rest_labels = picked(labels, rest);
  const std::vector<std::uint32_t> rest_users = picked(users, rest);
  auto share = indices_for(options.partition, limited(std::span<const Label>(rest_labels)),
                           options.seat, limited(std::span<const std::uint32_t>(rest_users)));
  if (!share) return share;
  for (std::uint32_t& row : *share) row = rest[row];
  return share;
}

}  // namespace skiptrain::data
