// Data sets from CSV files (csv_reader.h): a sample per line, of shape 1x1xCOLUMNS.
//
// The classes of a set's files are numbered together, and their columns must be the same in the
// same order. With targets of another kind than classes, numbers of some columns are learned.
// Blocking; thread-safe, since nothing is shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"
#include "data/load_options.h"

namespace skiptrain::data {

struct CsvSet {
  std::vector<std::string> files;  // all of the set, whichever are loaded
  std::string label_column;
  std::vector<std::string> target_columns;  // of numbers to be learned; empty: label_column
};

// A set whose files have been read for their labels, or of numbers to be learned for their rows'
// count, once each, however many are then loaded.
class CsvTables {
 public:
  // kMismatch: files with different columns. Further errors as the reader.
  static Result<CsvTables> open(const CsvSet& set, TargetKind targets = TargetKind::kClasses);

  // One node's share of the set's file number `file`, with the targets that it was opened for,
  // whatever `options` say of them. Errors as the reader and `chosen_rows`.
  Result<Dataset> load(std::size_t file, const LoadOptions& options = {}) const;

 private:
  Status open_labels();
  Status open_values();
  Result<Dataset> load_labels(std::size_t file, const LoadOptions& options) const;
  Result<Dataset> load_values(std::size_t file, const LoadOptions& options) const;

  CsvSet set_;
  TargetKind targets_ = TargetKind::kClasses;
  ImageShape shape_;
  // Of classes:
  std::uint32_t classes_ = 0;
  std::vector<std::vector<Label>> labels_;  // of each file, by row
  // Of numbers:
  std::vector<std::string> target_columns_;  // at least one
  std::vector<std::uint64_t> row_counts_;    // of each file
};

}  // namespace skiptrain::data
