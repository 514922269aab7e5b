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

#include "data/mapped_file.h"
#include "data/quoted.h"

namespace skiptrain::data {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Cuts a file's text into lines of fields.
class Records {
 public:
  Records(std::string_view text, const std::string& path) : rest_(text), path_(path) {
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }

  // The fields of the next line; false at the end, before which there may be blank lines. They
  // stay until the next call.
  Result<bool> next() {
    line_ += lines_taken_;
    lines_taken_ = 1;
    count_ = 0;
    if (rest_.find_first_not_of(" \t\r\n") == std::string_view::npos) return false;
    while (true) {
      if (count_ == kMaxCsvColumns) {
        return fail(ErrorCode::kResourceExhausted, here() + ": more than " +
                                                       std::to_string(kMaxCsvColumns) +
                                                       " columns, which is the limit");
      }
      if (count_ == fields_.size()) fields_.emplace_back();
      if (auto field = take_field(fields_[count_]); !field) {
        return tl::unexpected<Error>(field.error());
      }
      ++count_;
      if (rest_.starts_with(',')) {
        rest_.remove_prefix(1);
        continue;
      }
      take_line_end();
      return true;
    }
  }

  std::span<const std::string> fields() const { return std::span(fields_).first(count_); }
  // "PATH:LINE", of the line where the fields begin.
  std::string here() const { return path_ + ":" + std::to_string(line_); }

 private:
  // Leaves a comma, a line's end or nothing at the front of what is left.
  Status take_field(std::string& field) {
    field.clear();
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
    if (rest_.starts_with('"')) return take_quoted(field);
    const auto end =
        std::find_if(rest_.begin(), rest_.end(), [](char c) { return c == ',' || c == '\n'; });
    std::string_view text = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(text.size());
    if (text.ends_with('\r') && !rest_.starts_with(',')) text.remove_suffix(1);
    text = trimmed(text);
    if (text.find('"') != std::string_view::npos) {
      return problem(
          "a quote within a field that does not begin with one: must be doubled, and "
          "the field in quotes");
    }
    return keep(text, field);
  }

  Status take_quoted(std::string& field) {
    rest_.remove_prefix(1);
    while (true) {
      const std::size_t end = rest_.find('"');
      if (end == std::string_view::npos) return problem("a quote that nothing closes");
      const std::string_view part = rest_.substr(0, end);
      lines_taken_ += static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n'));
      if (auto kept = keep(part, field); !kept) return kept;
      rest_.remove_prefix(end + 1);
      if (!rest_.starts_with('"')) break;
      field += '"';
      rest_.remove_prefix(1);
    }
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r"), rest_.size()));
    if (rest_.empty() || rest_.front() == ',' || rest_.front() == '\n') return {};
    return problem("something between a closing quote and the next comma");
  }

  Status keep(std::string_view part, std::string& field) const {
    if (field.size() + part.size() > kMaxCsvFieldBytes) {
      return fail(ErrorCode::kResourceExhausted,
                  here() + ": column " + std::to_string(count_ + 1) + ": more than " +
                      std::to_string(kMaxCsvFieldBytes) + " bytes, which is the limit of a field");
    }
    field += part;
    return {};
  }

  Status problem(const std::string& what) const {
    return fail(ErrorCode::kInvalidArgument,
                here() + ": column " + std::to_string(count_ + 1) + ": " + what);
  }

  void take_line_end() {
    if (!rest_.empty()) rest_.remove_prefix(1);
  }

  std::string_view rest_;
  std::string path_;
  std::uint64_t line_ = 0;
  std::uint64_t lines_taken_ = 1;  // by the fields that there are now
  std::vector<std::string> fields_;
  std::size_t count_ = 0;
};

// A file whose header has been read.
struct Table {
  MappedFile file;
  Records records;
  std::vector<std::string> columns;
  std::size_t label = 0;
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

Result<Table> open_table(const std::string& path, const std::string& label_column) {
  auto file = MappedFile::open(path);
  if (!file) return tl::unexpected<Error>(file.error());
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()),
                              file->bytes().size());
  Table table{*std::move(file), Records(text, path), {}, 0};
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
  const auto label = std::find(table.columns.begin(), table.columns.end(), label_column);
  if (label == table.columns.end()) {
    return fail(ErrorCode::kNotFound, table.records.here() + ": there is no column " +
                                          quoted(label_column) + " for the labels; there are " +
                                          quoted_list(table.columns));
  }
  table.label = static_cast<std::size_t>(label - table.columns.begin());
  if (table.columns.size() == 1) {
    return fail(ErrorCode::kInvalidArgument, table.records.here() +
                                                 ": there must be a column of features beside " +
                                                 quoted(label_column));
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

Result<float> parse_feature(const Table& table, std::size_t column) {
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
  auto table = open_table(path, label_column);
  if (!table) return tl::unexpected<Error>(table.error());
  CsvLabels labels{table->columns, {}, {}};
  labels.features.erase(labels.features.begin() + static_cast<std::ptrdiff_t>(table->label));
  std::unordered_map<std::string, std::uint32_t> indices;
  while (true) {
    const auto more = next_row(*table);
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) break;
    const std::string& name = table->records.fields()[table->label];
    if (name.empty()) {
      return tl::unexpected<Error>(bad_field(*table, table->label, ErrorCode::kInvalidArgument,
                                             "is empty: must be a class's number or name"));
    }
    const auto [entry, is_new] =
        indices.try_emplace(name, static_cast<std::uint32_t>(labels.names.size()));
    if (is_new) {
      if (labels.names.size() == kMaxCsvClasses) {
        return tl::unexpected<Error>(bad_field(
            *table, table->label, ErrorCode::kResourceExhausted,
            "more than " + std::to_string(kMaxCsvClasses) + " classes, which is the limit"));
      }
      labels.names.push_back(name);
    }
    if (labels.rows.size() == std::numeric_limits<std::uint32_t>::max()) {
      return fail(ErrorCode::kResourceExhausted, path + ": more than 4294967295 rows");
    }
    labels.rows.push_back(entry->second);
  }
  if (!labels.rows.empty()) return labels;
  return fail(ErrorCode::kInvalidArgument, path + ": holds no rows after the first line");
}

Result<std::vector<float>> read_csv_features(const std::string& path,
                                             const std::string& label_column,
                                             std::span<const std::uint32_t> rows) {
  auto table = open_table(path, label_column);
  if (!table) return tl::unexpected<Error>(table.error());
  std::vector<float> values;
  values.reserve(rows.size() * (table->columns.size() - 1));
  std::size_t kept = 0;
  for (std::uint32_t row = 0; kept < rows.size(); ++row) {
    const auto more = next_row(*table);
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) {
      return fail(ErrorCode::kMismatch, path + ": row " + std::to_string(rows[kept]) +
                                            " was asked for, but there are only " +
                                            std::to_string(row));
    }
    if (row != rows[kept]) continue;
    ++kept;
    for (std::size_t column = 0; column < table->columns.size(); ++column) {
      if (column == table->label) continue;
      const auto value = parse_feature(*table, column);
      if (!value) return tl::unexpected<Error>(value.error());
      values.push_back(*value);
    }
  }
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
