// What is in a file or folder of data: how many samples of what shape, of which classes, and a few
// to look at. Reads every format of data/source.h, whole sets and single files of them. Blocking.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"

namespace skiptrain::ctl {

struct InspectOptions {
  std::string label_column = "label";  // of CSV files
  std::uint32_t samples = 16;          // to keep, drawn from all
  std::uint64_t seed = 1;
};

struct InspectedPart {
  std::string name;   // "train", "test", or what it is of a single file
  std::string dtype;  // of the values, as they lie in the file: "uint8", "float32"
  std::uint64_t count = 0;
  bool has_labels = true;  // false of samples with numbers in their place, or with neither
  bool has_values = true;  // false of a file of labels alone
  std::uint64_t users = 0;
  std::map<data::Label, std::uint64_t> histogram;  // samples of each class that occurs
  data::Dataset samples;                           // some of them, and the shape of all
};

struct Inspection {
  std::string path;
  std::string format;
  std::vector<InspectedPart> parts;
  std::vector<std::pair<std::string, std::string>> arrays;  // of an archive: name, type and shape
};

// Errors as the readers. kInvalidArgument: a file of no format that is known.
Result<Inspection> inspect(const std::string& path, const InspectOptions& options);

}  // namespace skiptrain::ctl
