#include "data/csv_loader.h"

#include <algorithm>
#include <utility>

#include "data/array_loader.h"
#include "data/csv_reader.h"

namespace skiptrain::data {
namespace {

// A file of a set, and the names of its features.
struct Columns {
  const std::vector<std::string>& features;
  const std::string& file;
};

Status check_same_columns(const Columns& first, const Columns& other) {
  if (first.features == other.features) return {};
  const auto at = std::mismatch(first.features.begin(), first.features.end(),
                                other.features.begin(), other.features.end());
  const auto named = [](const auto& column, const auto& end) {
    return column == end ? std::string("missing") : '"' + *column + '"';
  };
  return fail(ErrorCode::kMismatch,
              other.file + ":1: feature " + std::to_string(at.first - first.features.begin() + 1) +
                  " is " + named(at.second, other.features.end()) + ", but " +
                  named(at.first, first.features.end()) + " in " + first.file +
                  ": the files of a set must have the same columns in the same order");
}

}  // namespace

Result<CsvTables> CsvTables::open(const CsvSet& set, TargetKind targets) {
  CsvTables tables;
  tables.set_ = set;
  tables.targets_ = targets;
  const Status opened =
      targets == TargetKind::kClasses ? tables.open_labels() : tables.open_values();
  if (!opened) return tl::unexpected<Error>(opened.error());
  return tables;
}

Status CsvTables::open_labels() {
  std::vector<CsvLabels> read;
  std::vector<std::string> names;
  for (const std::string& file : set_.files) {
    auto labels = read_csv_labels(file, set_.label_column);
    if (!labels) return tl::unexpected<Error>(labels.error());
    read.push_back(*std::move(labels));
    const Status same = check_same_columns({read.front().features, set_.files.front()},
                                           {read.back().features, file});
    if (!same) return same;
    names.insert(names.end(), read.back().names.begin(), read.back().names.end());
  }
  const auto shape = row_shape(read.front().features.size(), set_.files.front());
  if (!shape) return tl::unexpected<Error>(shape.error());
  shape_ = *shape;
  const auto classes = number_classes(names);
  if (classes.size() > kMaxLabels) {
    return fail(ErrorCode::kResourceExhausted, set_.files.front() + ": more than " +
                                                   std::to_string(kMaxLabels) +
                                                   " classes in all files of the set");
  }
  for (const auto& [name, number] : classes) classes_ = std::max(classes_, number + 1);
  for (const CsvLabels& labels : read) {
    std::vector<Label> label_of;  // by index in labels.names
    for (const std::string& name : labels.names) {
      label_of.push_back(static_cast<Label>(classes.at(name)));
    }
    std::vector<Label>& of_file = labels_.emplace_back();
    of_file.reserve(labels.rows.size());
    for (const std::uint32_t name : labels.rows) of_file.push_back(label_of[name]);
  }
  return {};
}

Status CsvTables::open_values() {
  target_columns_ = set_.target_columns;
  if (target_columns_.empty()) target_columns_ = {set_.label_column};
  if (target_columns_.size() > kMaxTargetWidth) {
    return fail(ErrorCode::kResourceExhausted, set_.files.front() + ": more than " +
                                                   std::to_string(kMaxTargetWidth) +
                                                   " columns of targets");
  }
  std::vector<std::string> features;  // of the first file
  for (const std::string& file : set_.files) {
    auto rows = read_csv_rows(file, target_columns_);
    if (!rows) return tl::unexpected<Error>(rows.error());
    if (row_counts_.empty()) features = rows->features;
    const Status same = check_same_columns({features, set_.files.front()}, {rows->features, file});
    if (!same) return same;
    row_counts_.push_back(rows->count);
  }
  const auto shape = row_shape(features.size(), set_.files.front());
  if (!shape) return tl::unexpected<Error>(shape.error());
  shape_ = *shape;
  return {};
}

Result<Dataset> CsvTables::load(std::size_t file, const LoadOptions& options) const {
  return targets_ == TargetKind::kClasses ? load_labels(file, options) : load_values(file, options);
}

Result<Dataset> CsvTables::load_labels(std::size_t file, const LoadOptions& options) const {
  const std::vector<Label>& labels = labels_[file];
  const auto share = chosen_rows(labels, options);
  if (!share) return tl::unexpected<Error>(share.error());
  auto features = read_csv_features(set_.files[file], set_.label_column, *share);
  if (!features) return tl::unexpected<Error>(features.error());
  Dataset dataset;
  dataset.shape = shape_;
  dataset.classes = classes_;
  dataset.features = *std::move(features);
  dataset.labels.reserve(share->size());
  for (const std::uint32_t row : *share) dataset.labels.push_back(labels[row]);
  return dataset;
}

Result<Dataset> CsvTables::load_values(std::size_t file, const LoadOptions& options) const {
  const auto share = chosen_rows(row_counts_[file], options);
  if (!share) return tl::unexpected<Error>(share.error());
  auto values = read_csv_values(set_.files[file], target_columns_, targets_, *share);
  if (!values) return tl::unexpected<Error>(values.error());
  Dataset dataset;
  dataset.shape = shape_;
  dataset.features = std::move(values->features);
  dataset.targets = std::move(values->targets);
  dataset.target_width = static_cast<std::uint32_t>(target_columns_.size());
  return dataset;
}

}  // namespace skiptrain::data
