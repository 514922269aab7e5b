#include "data/csv_loader.h"

#include <algorithm>
#include <utility>

#include "data/array_loader.h"
#include "data/csv_reader.h"

namespace skiptrain::data {
namespace {

Status check_same_columns(const CsvLabels& first, const std::string& first_file,
                          const CsvLabels& other, const std::string& other_file) {
  if (first.features == other.features) return {};
  const auto at = std::mismatch(first.features.begin(), first.features.end(),
                                other.features.begin(), other.features.end());
  const auto named = [](const auto& column, const auto& end) {
    return column == end ? std::string("missing") : '"' + *column + '"';
  };
  return fail(ErrorCode::kMismatch,
              other_file + ":1: feature " + std::to_string(at.first - first.features.begin() + 1) +
                  " is " + named(at.second, other.features.end()) + ", but " +
                  named(at.first, first.features.end()) + " in " + first_file +
                  ": the files of a set must have the same columns in the same order");
}

}  // namespace

Result<CsvTables> CsvTables::open(const CsvSet& set) {
  CsvTables tables;
  tables.set_ = set;
  std::vector<CsvLabels> read;
  std::vector<std::string> names;
  for (const std::string& file : set.files) {
    auto labels = read_csv_labels(file, set.label_column);
    if (!labels) return tl::unexpected<Error>(labels.error());
    read.push_back(*std::move(labels));
    if (auto same = check_same_columns(read.front(), set.files.front(), read.back(), file); !same) {
      return tl::unexpected<Error>(same.error());
    }
    names.insert(names.end(), read.back().names.begin(), read.back().names.end());
  }
  const auto shape = row_shape(read.front().features.size(), set.files.front());
  if (!shape) return tl::unexpected<Error>(shape.error());
  tables.shape_ = *shape;
  const auto classes = number_classes(names);
  if (classes.size() > kMaxLabels) {
    return fail(ErrorCode::kResourceExhausted, set.files.front() + ": more than " +
                                                   std::to_string(kMaxLabels) +
                                                   " classes in all files of the set");
  }
  for (const auto& [name, number] : classes) {
    tables.classes_ = std::max(tables.classes_, number + 1);
  }
  for (const CsvLabels& labels : read) {
    std::vector<Label> label_of;  // by index in labels.names
    for (const std::string& name : labels.names) {
      label_of.push_back(static_cast<Label>(classes.at(name)));
    }
    std::vector<Label>& of_file = tables.labels_.emplace_back();
    of_file.reserve(labels.rows.size());
    for (const std::uint32_t name : labels.rows) of_file.push_back(label_of[name]);
  }
  return tables;
}

Result<Dataset> CsvTables::load(std::size_t file, const LoadOptions& options) const {
  const std::vector<Label>& labels = labels_[file];
  const auto share = chosen_rows(labels, options);
  if (!share) return tl::unexpected<Error>(share.error());
  auto features = read_csv_features(set_.files[file], set_.label_column, *share);
  if (!features) return tl::unexpected<Error>(features.error());
  Dataset dataset{shape_, classes_, {}, {}, *std::move(features)};
  dataset.labels.reserve(share->size());
  for (const std::uint32_t row : *share) dataset.labels.push_back(labels[row]);
  return dataset;
}

}  // namespace skiptrain::data
