#include "data/csv_records.h"

#include <algorithm>

#include "data/csv_reader.h"

namespace skiptrain::data {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

CsvRecords::CsvRecords(std::string_view text, const std::string& path) : rest_(text), path_(path) {
  if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
}

Result<bool> CsvRecords::next() {
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

Status CsvRecords::take_field(std::string& field) {
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

Status CsvRecords::take_quoted(std::string& field) {
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

Status CsvRecords::keep(std::string_view part, std::string& field) const {
  if (field.size() + part.size() > kMaxCsvFieldBytes) {
    return fail(ErrorCode::kResourceExhausted,
                here() + ": column " + std::to_string(count_ + 1) + ": more than " +
                    std::to_string(kMaxCsvFieldBytes) + " bytes, which is the limit of a field");
  }
  field += part;
  return {};
}

Status CsvRecords::problem(const std::string& what) const {
  return fail(ErrorCode::kInvalidArgument,
              here() + ": column " + std::to_string(count_ + 1) + ": " + what);
}

void CsvRecords::take_line_end() {
  if (!rest_.empty()) rest_.remove_prefix(1);
}

}  // namespace skiptrain::data
