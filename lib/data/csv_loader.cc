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

Result<Dataset> load_values(const CsvSet& set, const std::string& file,
                            const LoadOptions& options) {
  const std::vector<std::string> columns =
      set.target_columns.empty() ? std::vector<std::string>{set.label_column} : set.target_columns;
  if (columns.size() > kMaxTargetWidth) {
    return fail(ErrorCode::kResourceExhausted,
                file + ": more than " + std::to_string(kMaxTargetWidth) + " columns of targets");
  }
  const auto wanted = read_csv_rows(file, columns);
  if (!wanted) return tl::unexpected<Error>(wanted.error());
  for (const std::string& other_file : set.files) {
    if (other_file == file) continue;
    const auto other = read_csv_rows(other_file, columns);
    if (!other) return tl::unexpected<Error>(other.error());
    auto same = check_same_columns({wanted->features, file}, {other->features, other_file});
    if (!same) return tl::unexpected<Error>(same.error());
  }
  const auto shape = row_shape(wanted->features.size(), file);
  if (!shape) return tl::unexpected<Error>(shape.error());
  const auto share = chosen_rows(wanted->count, options);
  if (!share) return tl::unexpected<Error>(share.error());
  auto values = read_csv_values(file, columns, options.targets, *share);
  if (!values) return tl::unexpected<Error>(values.error());
  Dataset dataset;
  dataset.shape = *shape;
  dataset.features = std::move(values->features);
  dataset.targets = std::move(values->targets);
  dataset.target_width = static_cast<std::uint32_t>(columns.size());
  return dataset;
}

}  // namespace

Result<Dataset> load_csv(const CsvSet& set, const std::string& file, const LoadOptions& options) {
  if (options.targets != TargetKind::kClasses) return load_values(set, file, options);
  auto wanted = read_csv_labels(file, set.label_column);
  if (!wanted) return tl::unexpected<Error>(wanted.error());
  std::vector<std::string> names = wanted->names;
  for (const std::string& other_file : set.files) {
    if (other_file == file) continue;
    const auto other = read_csv_labels(other_file, set.label_column);
    if (!other) return tl::unexpected<Error>(other.error());
    if (auto same = check_same_columns({wanted->features, file}, {other->features, other_file});
        !same) {
      return tl::unexpected<Error>(same.error());
    }
    names.insert(names.end(), other->names.begin(), other->names.end());
  }
  const auto classes = number_classes(names);
  if (classes.size() > kMaxLabels) {
    return fail(ErrorCode::kResourceExhausted, file + ": more than " + std::to_string(kMaxLabels) +
                                                   " classes in all files of the set");
  }
  const auto shape = row_shape(wanted->features.size(), file);
  if (!shape) return tl::unexpected<Error>(shape.error());
  std::vector<Label> label_of;  // by index in wanted->names
  for (const std::string& name : wanted->names) {
    label_of.push_back(static_cast<Label>(classes.at(name)));
  }
  std::vector<Label> labels;
  labels.reserve(wanted->rows.size());
  for (const std::uint32_t name : wanted->rows) labels.push_back(label_of[name]);
  const auto share = chosen_rows(labels, options);
  if (!share) return tl::unexpected<Error>(share.error());
  auto features = read_csv_features(file, set.label_column, *share);
  if (!features) return tl::unexpected<Error>(features.error());
  Dataset dataset;
  dataset.shape = *shape;
  dataset.features = *std::move(features);
  for (const auto& [name, number] : classes)
    dataset.classes = std::max(dataset.classes, number + 1);
  dataset.labels.reserve(share->size());
  for (const std::uint32_t row : *share) dataset.labels.push_back(labels[row]);
  return dataset;
}

}  // namespace skiptrain::data
