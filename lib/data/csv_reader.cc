#include "data/csv_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "data/csv_records.h"
#include "data/mapped_file.h"
#include "data/quoted.h"

namespace skiptrain::data {
namespace {

// A file whose header has been read.
struct Table {
  MappedFile file;
  CsvRecords records;
  std::vector<std::string> columns;
  std::vector<std::size_t> learned;  // the label's column, or those of targets, as they were named
  std::vector<bool> is_feature;      // of each column

  std::vector<std::string> feature_names() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (is_feature[i]) names.push_back(columns[i]);
    }
    return names;
  }
};

Status check_columns(const std::vector<std::string>& columns, const std::string& here) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].empty()) {
      return fail(ErrorCode::kInvalidArgument,
                  here + ": column " + std::to_string(i + 1) +
                      " has no name: the first line must name every column (pandas writes row "
                      "numbers without one, unless told index=False)");
    }
    if (!seen.insert(columns[i]).second) {
      return fail(ErrorCode::kInvalidArgument, here + ": column " + std::to_string(i + 1) +
                                                   ": there is already one named " +
                                                   quoted(columns[i]) + ": names must differ");
    }
  }
  return {};
}

// `what` is to be found in the columns named by `learned`, for messages.
Result<Table> open_table(const std::string& path, std::span<const std::string> learned,
                         const char* what) {
  auto file = MappedFile::open(path);
  if (!file) return tl::unexpected<Error>(file.error());
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()),
                              file->bytes().size());
  Table table{*std::move(file), CsvRecords(text, path), {}, {}, {}};
  const auto header = table.records.next();
  if (!header) return tl::unexpected<Error>(header.error());
  if (!*header) {
    return fail(ErrorCode::kInvalidArgument,
                path + ": is empty: must begin with a line that names the columns");
  }
  table.columns.assign(table.records.fields().begin(), table.records.fields().end());
  if (auto good = check_columns(table.columns, table.records.here()); !good) {
    return tl::unexpected<Error>(good.error());
  }
  table.is_feature.assign(table.columns.size(), true);
  for (const std::string& name : learned) {
    const auto found = std::find(table.columns.begin(), table.columns.end(), name);
    if (found == table.columns.end()) {
      return fail(ErrorCode::kNotFound, table.records.here() + ": there is no column " +
                                            quoted(name) + " for the " + what + "; there are " +
                                            quoted_list(table.columns));
    }
    const auto column = static_cast<std::size_t>(found - table.columns.begin());
    if (!table.is_feature[column]) {
      return fail(ErrorCode::kInvalidArgument,
                  path + ": the column " + quoted(name) + " is asked for twice as one of " + what);
    }
    table.is_feature[column] = false;
    table.learned.push_back(column);
  }
  if (table.columns.size() == table.learned.size()) {
    return fail(ErrorCode::kInvalidArgument, table.records.here() +
                                                 ": there must be a column of features beside " +
                                                 quoted_list({learned.begin(), learned.end()}));
  }
  return table;
}

// The next row; false at the end.
Result<bool> next_row(Table& table) {
  auto more = table.records.next();
  if (!more || !*more) return more;
  const std::span<const std::string> fields = table.records.fields();
  if (fields.size() == table.columns.size()) return true;
  if (fields.size() == 1 && fields.front().empty()) {
    return fail(ErrorCode::kInvalidArgument,
                table.records.here() + ": a blank line between others: there must be none");
  }
  return fail(ErrorCode::kInvalidArgument,
              table.records.here() + ": " + std::to_string(fields.size()) + " columns: must be " +
                  std::to_string(table.columns.size()) + ", as the first line names; " +
                  (fields.size() < table.columns.size()
                       ? "there is none for " + quoted(table.columns[fields.size()])
                       : "the last that has a name is " + quoted(table.columns.back())));
}

Error bad_field(const Table& table, std::size_t column, ErrorCode code, const std::string& why) {
  return {code, table.records.here() + ": column " + quoted(table.columns[column]) + ": " + why};
}

Result<float> parse_number(const Table& table, std::size_t column) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  const std::string& field = table.records.fields()[column];
  const auto bad = [&](ErrorCode code, const std::string& why) {
    return tl::unexpected<Error>(bad_field(table, column, code, why));
  };
  std::string_view text = trimmed(field);
  if (text.empty()) return bad(ErrorCode::kInvalidArgument, "is empty: must be a number");
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (stop != text.data() + text.size() || error == std::errc::invalid_argument) {
    return bad(ErrorCode::kInvalidArgument, quoted(field) + ": must be a number");
  }
  if (error != std::errc() || (std::isfinite(value) && std::abs(value) > kLargest)) {
    return bad(ErrorCode::kInvalidArgument,
               quoted(field) + ": must be a number of float32's range");
  }
  if (!std::isfinite(value)) {
    return bad(ErrorCode::kNumeric, quoted(field) + ": must be a finite number");
  }
  return static_cast<float>(value);
}

tl::unexpected<Error> too_many_rows(const std::string& path) {
  return fail(ErrorCode::kResourceExhausted, path + ": more than 4294967295 rows");
}

tl::unexpected<Error> no_rows(const std::string& path) {
  return fail(ErrorCode::kInvalidArgument, path + ": holds no rows after the first line");
}

std::optional<std::uint32_t> as_class(std::string_view text) {
  std::uint32_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || value >= kMaxCsvClasses) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

Result<CsvLabels> read_csv_labels(const std::string& path, const std::string& label_column) {
  auto table = open_table(path, std::span(&label_column, 1), "labels");
  if (!table) return tl::unexpected<Error>(table.error());
  const std::size_t label = table->learned.front();
  CsvLabels labels{table->feature_names(), {}, {}};
  std::unordered_map<std::string, std::uint32_t> indices;
  while (true) {
    const auto more = next_row(*table);
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) break;
    const std::string& name = table->records.fields()[label];
    if (name.empty()) {
      return tl::unexpected<Error>(bad_field(*table, label, ErrorCode::kInvalidArgument,
                                             "is empty: must be a class's number or name"));
    }
    const auto [entry, is_new] =
        indices.try_emplace(name, static_cast<std::uint32_t>(labels.names.size()));
    if (is_new) {
      if (labels.names.size() == kMaxCsvClasses) {
        return tl::unexpected<Error>(bad_field(
            *table, label, ErrorCode::kResourceExhausted,
            "more than " + std::to_string(kMaxCsvClasses) + " classes, which is the limit"));
      }
      labels.names.push_back(name);
    }
    if (labels.rows.size() == std::numeric_limits<std::uint32_t>::max()) {
      return too_many_rows(path);
    }
    labels.rows.push_back(entry->second);
  }
  if (!labels.rows.empty()) return labels;
  return no_rows(path);
}

Result<CsvRows> read_csv_rows(const std::string& path,
                              std::span<const std::string> target_columns) {
  auto table = open_table(path, target_columns, "targets");
  if (!table) return tl::unexpected<Error>(table.error());
  CsvRows rows{table->feature_names(), 0};
  while (true) {
    const auto more = next_row(*table);
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) break;
    if (rows.count == std::numeric_limits<std::uint32_t>::max()) return too_many_rows(path);
    ++rows.count;
  }
  if (rows.count > 0) return rows;
  return no_rows(path);
}

namespace {

// What `take_row` does with each of `rows`, the table standing at it.
template <typename TakeRow>
Status for_rows(Table& table, const std::string& path, std::span<const std::uint32_t> rows,
                TakeRow take_row) {
  std::size_t kept = 0;
  for (std::uint32_t row = 0; kept < rows.size(); ++row) {
    const auto more = next_row(table);
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) {
      return fail(ErrorCode::kMismatch, path + ": row " + std::to_string(rows[kept]) +
                                            " was asked for, but there are only " +
                                            std::to_string(row));
    }
    if (row != rows[kept]) continue;
    ++kept;
    if (Status taken = take_row(); !taken) return taken;
  }
  return {};
}

Status append_features(const Table& table, std::vector<float>& features) {
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    if (!table.is_feature[column]) continue;
    const auto value = parse_number(table, column);
    if (!value) return tl::unexpected<Error>(value.error());
    features.push_back(*value);
  }
  return {};
}

Status append_targets(const Table& table, TargetKind kind, std::vector<float>& targets) {
  for (const std::size_t column : table.learned) {
    const auto value = parse_number(table, column);
    if (!value) return tl::unexpected<Error>(value.error());
    if (const auto complaint = complaint_of_target(*value, kind)) {
      return tl::unexpected<Error>(
          bad_field(table, column, ErrorCode::kInvalidArgument,
                    quoted(table.records.fields()[column]) + ": " + *complaint));
    }
    targets.push_back(*value);
  }
  return {};
}

}  // namespace

Result<std::vector<float>> read_csv_features(const std::string& path,
                                             const std::string& label_column,
                                             std::span<const std::uint32_t> rows) {
  auto table = open_table(path, std::span(&label_column, 1), "labels");
  if (!table) return tl::unexpected<Error>(table.error());
  std::vector<float> values;
  values.reserve(rows.size() * (table->columns.size() - 1));
  const Status read = for_rows(*table, path, rows, [&] { return append_features(*table, values); });
  if (!read) return tl::unexpected<Error>(read.error());
  return values;
}

Result<CsvValues> read_csv_values(const std::string& path,
                                  std::span<const std::string> target_columns, TargetKind kind,
                                  std::span<const std::uint32_t> rows) {
  auto table = open_table(path, target_columns, "targets");
  if (!table) return tl::unexpected<Error>(table.error());
  CsvValues values;
  values.targets.reserve(rows.size() * target_columns.size());
  values.features.reserve(rows.size() * (table->columns.size() - target_columns.size()));
  const Status read = for_rows(*table, path, rows, [&] {
    Status taken = append_features(*table, values.features);
    return taken ? append_targets(*table, kind, values.targets) : taken;
  });
  if (!read) return tl::unexpected<Error>(read.error());
  return values;
}

std::map<std::string, std::uint32_t> number_classes(std::span<const std::string> names) {
  std::map<std::string, std::uint32_t> classes;
  for (const std::string& name : names) classes.emplace(name, 0);
  const bool are_numbers = std::all_of(classes.begin(), classes.end(), [](const auto& entry) {
    return as_class(entry.first).has_value();
  });
  std::uint32_t next = 0;
  for (auto& [name, number] : classes) number = are_numbers ? *as_class(name) : next++;
  return classes;
}

}  // namespace skiptrain::data
