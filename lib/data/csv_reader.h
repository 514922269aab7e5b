// Reads tables of numbers in CSV files: a column of labels, or columns of numbers to be learned,
// and features in all others.
//
// Format (RFC 4180): a header line with the columns' names, then a line per sample. Fields are
// parted by commas; one that holds a comma, a quote or a line's end stands in quotes, with "" for a
// quote. Lines end with LF or CRLF; blank lines at the end, spaces around a field and a byte order
// mark are passed over. Features and targets are decimal numbers and become float32. Labels are
// whole numbers or names (number_classes).
//
// The file is mapped and read twice: for all labels, or to count its rows, then for the numbers of
// the rows that a node keeps; only those are parsed and checked. Blocking; thread-safe, since
// nothing is shared.
//
// Errors start with PATH:LINE, or with the path if they are of the whole file, and name the column.
// kNotFound: the file cannot be opened, or has no such column; the message lists those it has.
// kInvalidArgument: a hole, something that is no number, or not of the range of targets, a line
// with too many or too few columns, quotes that do not match. kNumeric: NaN or infinity.
// kResourceExhausted: beyond a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/load_options.h"

namespace skiptrain::data {

inline constexpr std::size_t kMaxCsvColumns = 65'536;
inline constexpr std::size_t kMaxCsvFieldBytes = 4096;
inline constexpr std::size_t kMaxCsvClasses = 65'536;

struct CsvLabels {
  std::vector<std::string> features;  // the names of all columns but the label's, in their order
  std::vector<std::string> names;     // what stands in the label column, each once, as it comes up
  std::vector<std::uint32_t> rows;    // of each row its label's index in `names`
};
// The labels of every row of the file, which has at least one.
Result<CsvLabels> read_csv_labels(const std::string& path, const std::string& label_column);

// The features of the rows named by `rows` (counted from 0 after the header, ascending, without
// repeats), one row after the other. kMismatch if a row is not in the file.
Result<std::vector<float>> read_csv_features(const std::string& path,
                                             const std::string& label_column,
                                             std::span<const std::uint32_t> rows);

struct CsvRows {
  std::vector<std::string> features;  // the names of all columns but the targets, in their order
  std::uint64_t count = 0;            // of the file's rows, at least 1
};
// What of a file without labels must be known before its rows are dealt.
Result<CsvRows> read_csv_rows(const std::string& path, std::span<const std::string> target_columns);

struct CsvValues {
  std::vector<float> features;  // one row after the other
  std::vector<float> targets;   // likewise, in the order of the target columns
};
// Those of the rows named by `rows`, as `read_csv_features` has them. Of the kinds with numbers.
Result<CsvValues> read_csv_values(const std::string& path,
                                  std::span<const std::string> target_columns, TargetKind kind,
                                  std::span<const std::uint32_t> rows);

// Which class each label is. If all are whole numbers from 0 to 65535, those are the classes; else
// the names are numbered from 0 in ascending order of their bytes. Take the labels of all files of
// a set together, or a name may be one class here and another there.
std::map<std::string, std::uint32_t> number_classes(std::span<const std::string> names);

}  // namespace skiptrain::data
