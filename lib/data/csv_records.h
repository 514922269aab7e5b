// Cuts the text of a CSV file into lines of fields; csv_reader.h has the format. Inside lib/data
// only. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace skiptrain::data {

// Without the blanks around it.
std::string_view trimmed(std::string_view text);

class CsvRecords {
 public:
  // `text` must outlive it. `path` is named in messages.
  CsvRecords(std::string_view text, const std::string& path);

  // The fields of the next line; false at the end, before which there may be blank lines. They
  // stay until the next call.
  Result<bool> next();

  std::span<const std::string> fields() const { return std::span(fields_).first(count_); }
  // "PATH:LINE", of the line where the fields begin.
  std::string here() const { return path_ + ":" + std::to_string(line_); }

 private:
  // Leaves a comma, a line's end or nothing at the front of what is left.
  Status take_field(std::string& field);
  Status take_quoted(std::string& field);
  Status keep(std::string_view part, std::string& field) const;
  Status problem(const std::string& what) const;
  void take_line_end();

  std::string_view rest_;
  std::string path_;
  std::uint64_t line_ = 0;
  std::uint64_t lines_taken_ = 1;  // by the fields that there are now
  std::vector<std::string> fields_;
  std::size_t count_ = 0;
};

}  // namespace skiptrain::data
