// Data sets from CSV files (csv_reader.h): a sample per line, of shape 1x1xCOLUMNS.
//
// The classes of a set's files are numbered together, and their columns must be the same in the
// same order. With LoadOptions::targets of another kind than classes, numbers of some columns are
// learned. Blocking; thread-safe, since nothing is shared.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"
#include "data/load_options.h"

namespace skiptrain::data {

struct CsvSet {
  std::vector<std::string> files;  // all of the set, whichever is loaded
  std::string label_column;
  std::vector<std::string> target_columns;  // of numbers to be learned; empty: label_column
};
// One node's share of one of the set's files. kMismatch: files with different columns. Further
// errors as the readers and `chosen_rows`.
Result<Dataset> load_csv(const CsvSet& set, const std::string& file,
                         const LoadOptions& options = {});

}  // namespace skiptrain::data
