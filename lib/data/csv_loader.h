// Data sets from CSV files (csv_reader.h): a sample per line, of shape 1x1xCOLUMNS.
//
// The classes of a set's files are numbered together, and their columns must be the same in the
// same order. Blocking; thread-safe, since nothing is shared.
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
};

// A set whose files have been read for their labels, once each, however many are then loaded.
class CsvTables {
 public:
  // kMismatch: files with different columns. Further errors as the reader.
  static Result<CsvTables> open(const CsvSet& set);

  // One node's share of the set's file number `file`. Errors as the reader and `chosen_rows`.
  Result<Dataset> load(std::size_t file, const LoadOptions& options = {}) const;

 private:
  CsvSet set_;
  ImageShape shape_;
  std::uint32_t classes_ = 0;
  std::vector<std::vector<Label>> labels_;  // of each file, by row
};

}  // namespace skiptrain::data
