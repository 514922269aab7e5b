#include "data/array_loader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "data/npy_reader.h"
#include "data/npz_reader.h"

namespace skiptrain::data {
namespace {

// An array's type, and what it is called in messages.
struct Named {
  const ArrayType& type;
  std::string name;
};

// What is known before the features are read.
struct Plan {
  ImageShape shape;
  std::uint32_t classes = 0;
  std::vector<Label> labels;         // of all rows; empty if there are targets
  std::vector<std::uint32_t> share;  // the rows to keep
  std::uint32_t target_width = 0;
};

Result<ImageShape> shape_of(const ArrayType& type, const std::string& name) {
  const std::vector<std::uint64_t>& extents = type.shape;
  if (extents.size() < 2 || extents.size() > 4) {
    return fail(ErrorCode::kInvalidArgument,
                name + ": features are " + to_string(type) +
                    ": must be of shape (n, columns), (n, height, width) or (n, channels, height, "
                    "width)");
  }
  if (extents.size() == 2) return row_shape(extents[1], name);
  const std::uint64_t channels = extents.size() == 4 ? extents[1] : 1;
  const std::uint64_t height = extents[extents.size() - 2];
  const std::uint64_t width = extents[extents.size() - 1];
  if (channels < 1 || channels > kMaxImageChannels || height < 1 || height > kMaxImageSide ||
      width < 1 || width > kMaxImageSide) {
    return fail(ErrorCode::kResourceExhausted,
                name + ": features are " + to_string(type) + ": the limits are 1 to " +
                    std::to_string(kMaxImageChannels) +
                    " channels, which come before height and width, and sides of 1 to " +
                    std::to_string(kMaxImageSide));
  }
  return ImageShape{static_cast<std::uint32_t>(channels), static_cast<std::uint32_t>(height),
                    static_cast<std::uint32_t>(width)};
}

Result<std::vector<Label>> labels_of(const Array& array, const std::string& name) {
  if (array.type.shape.empty() || array.type.row_values() != 1 || is_float(array.type.dtype)) {
    return fail(ErrorCode::kInvalidArgument,
                name + ": labels are " + to_string(array.type) +
                    ": must be whole numbers of shape (n,) or (n, 1); in NumPy: a.astype('i4'), "
                    "or a.argmax(axis=1) of one-hot rows");
  }
  std::vector<std::int64_t> values(array.type.row_count());
  copy_integers(array.type, array.bytes, values);
  std::vector<Label> labels(values.size());
  for (std::size_t row = 0; row < values.size(); ++row) {
    if (values[row] < 0 || values[row] >= kMaxLabels) {
      return fail(ErrorCode::kInvalidArgument,
                  name + ": row " + std::to_string(row) + ": label " + std::to_string(values[row]) +
                      ": must be from 0 to " + std::to_string(kMaxLabels - 1));
    }
    labels[row] = static_cast<Label>(values[row]);
  }
  return labels;
}

// The features' shape, once both arrays have been found to belong together.
Result<ImageShape> shape_beside(const Named& features, const Named& labels) {
  const std::uint64_t count = labels.type.row_count();
  if (count == 0) return fail(ErrorCode::kInvalidArgument, labels.name + ": holds no labels");
  auto shape = shape_of(features.type, features.name);
  if (!shape || features.type.row_count() == count) return shape;
  return fail(ErrorCode::kMismatch,
              features.name + ": holds " + std::to_string(features.type.row_count()) +
                  " samples, but " + labels.name + " holds " + std::to_string(count) +
                  " labels: the two must belong together");
}

Result<Plan> plan_of_classes(const Named& features, const Array& array, const std::string& name,
                             const LoadOptions& options) {
  auto labels = labels_of(array, name);
  if (!labels) return tl::unexpected<Error>(labels.error());
  const auto shape = shape_beside(features, {array.type, name});
  if (!shape) return tl::unexpected<Error>(shape.error());
  auto share = chosen_rows(*labels, options);
  if (!share) return tl::unexpected<Error>(share.error());
  const std::uint32_t classes = *std::max_element(labels->begin(), labels->end()) + 1u;
  return Plan{*shape, classes, *std::move(labels), *std::move(share)};
}

Result<Plan> plan_of_targets(const Named& features, const Named& targets,
                             const LoadOptions& options) {
  const std::size_t rank = targets.type.shape.size();
  if (rank < 1 || rank > 2) {
    return fail(ErrorCode::kInvalidArgument, targets.name + ": targets are " +
                                                 to_string(targets.type) +
                                                 ": must be of shape (n,) or (n, width)");
  }
  const std::uint64_t width = targets.type.row_values();
  if (width < 1 || width > kMaxTargetWidth ||
      targets.type.row_count() > std::numeric_limits<std::uint32_t>::max()) {
    return fail(ErrorCode::kResourceExhausted, targets.name + ": targets are " +
                                                   to_string(targets.type) +
                                                   ": the limits are 4294967295 rows of 1 to " +
                                                   std::to_string(kMaxTargetWidth) + " values");
  }
  const auto shape = shape_beside(features, targets);
  if (!shape) return tl::unexpected<Error>(shape.error());
  auto share = chosen_rows(targets.type.row_count(), options);
  if (!share) return tl::unexpected<Error>(share.error());
  return Plan{*shape, 0, {}, *std::move(share), static_cast<std::uint32_t>(width)};
}

// `bytes_of_row(i)` has those of the share's i-th row of the array of targets.
template <typename BytesOfRow>
Status add_targets(Dataset& dataset, const Plan& plan, const Named& array, TargetKind kind,
                   BytesOfRow bytes_of_row) {
  dataset.target_width = plan.target_width;
  dataset.targets.resize(plan.share.size() * plan.target_width);
  for (std::size_t i = 0; i < plan.share.size(); ++i) {
    const std::span<float> row =
        std::span(dataset.targets).subspan(i * plan.target_width, plan.target_width);
    copy_floats(array.type, bytes_of_row(i), row);
    for (std::size_t column = 0; column < row.size(); ++column) {
      const auto complaint = complaint_of_target(row[column], kind);
      if (!complaint) continue;
      return fail(std::isfinite(row[column]) ? ErrorCode::kInvalidArgument : ErrorCode::kNumeric,
                  array.name + ": row " + std::to_string(plan.share[i]) + ": column " +
                      std::to_string(column) + ": target " + std::to_string(row[column]) + ": " +
                      *complaint);
    }
  }
  return {};
}

// The samples of the plan's share. `bytes_of_row(i)` has those of the share's i-th row.
template <typename BytesOfRow>
Result<Dataset> make_dataset(const Plan& plan, const ArrayType& type, const std::string& name,
                             BytesOfRow bytes_of_row) {
  Dataset dataset;
  dataset.shape = plan.shape;
  dataset.classes = plan.classes;
  const std::size_t values = plan.shape.value_count();
  const bool are_pixels = type.dtype == DType::kUint8;
  if (are_pixels) {
    dataset.pixels.resize(plan.share.size() * values);
  } else {
    dataset.features.resize(plan.share.size() * values);
  }
  dataset.labels.reserve(plan.labels.empty() ? 0 : plan.share.size());
  for (std::size_t i = 0; i < plan.share.size(); ++i) {
    if (!plan.labels.empty()) dataset.labels.push_back(plan.labels[plan.share[i]]);
    const std::span<const std::uint8_t> bytes = bytes_of_row(i);
    if (are_pixels) {
      std::memcpy(dataset.pixels.data() + i * values, bytes.data(), values);
      continue;
    }
    const std::span<float> row = std::span(dataset.features).subspan(i * values, values);
    copy_floats(type, bytes, row);
    const auto bad =
        std::find_if(row.begin(), row.end(), [](float x) { return !std::isfinite(x); });
    if (bad != row.end()) {
      return fail(ErrorCode::kNumeric, name + ": row " + std::to_string(plan.share[i]) +
                                           ": value " + std::to_string(bad - row.begin()) + " is " +
                                           std::to_string(*bad) +
                                           ": must be a finite number of float32's range");
    }
  }
  return dataset;
}

}  // namespace

Result<Dataset> load_npy(const std::string& features, const std::string& labels,
                         const LoadOptions& options) {
  const bool has_classes = options.targets == TargetKind::kClasses;
  const auto label_array = read_npy(labels);
  if (!label_array) return tl::unexpected<Error>(label_array.error());
  const auto array = read_npy(features);
  if (!array) return tl::unexpected<Error>(array.error());
  const Named named{array->type, features};
  const Named named_labels{label_array->type, labels};
  const auto plan = has_classes ? plan_of_classes(named, *label_array, labels, options)
                                : plan_of_targets(named, named_labels, options);
  if (!plan) return tl::unexpected<Error>(plan.error());
  auto dataset = make_dataset(*plan, array->type, features,
                              [&](std::size_t i) { return array->row(plan->share[i]); });
  if (!dataset || has_classes) return dataset;
  const auto row = [&](std::size_t i) { return label_array->row(plan->share[i]); };
  if (auto added = add_targets(*dataset, *plan, named_labels, options.targets, row); !added) {
    return tl::unexpected<Error>(added.error());
  }
  return dataset;
}

namespace {

Result<Plan> plan_of_npz(const NpzFile& npz, const NpzArrays& arrays, const Named& features,
                         const Named& labels, const LoadOptions& options) {
  if (options.targets != TargetKind::kClasses) return plan_of_targets(features, labels, options);
  const auto array = npz.read(arrays.labels);
  if (!array) return tl::unexpected<Error>(array.error());
  return plan_of_classes(features, *array, labels.name, options);
}

}  // namespace

Result<Dataset> load_npz(const NpzArrays& arrays, const LoadOptions& options) {
  const auto npz = NpzFile::open(arrays.file);
  if (!npz) return tl::unexpected<Error>(npz.error());
  const auto type = npz->type_of(arrays.features);
  if (!type) return tl::unexpected<Error>(type.error());
  const auto label_type = npz->type_of(arrays.labels);
  if (!label_type) return tl::unexpected<Error>(label_type.error());
  const Named features{*type, arrays.file + ": " + arrays.features + ".npy"};
  const Named labels{*label_type, arrays.file + ": " + arrays.labels + ".npy"};
  const auto plan = plan_of_npz(*npz, arrays, features, labels, options);
  if (!plan) return tl::unexpected<Error>(plan.error());
  const auto kept = npz->read_rows(arrays.features, plan->share);
  if (!kept) return tl::unexpected<Error>(kept.error());
  auto dataset =
      make_dataset(*plan, *type, features.name, [&](std::size_t i) { return kept->row(i); });
  if (!dataset || options.targets == TargetKind::kClasses) return dataset;
  const auto targets = npz->read_rows(arrays.labels, plan->share);
  if (!targets) return tl::unexpected<Error>(targets.error());
  const auto row = [&](std::size_t i) { return targets->row(i); };
  if (auto added = add_targets(*dataset, *plan, labels, options.targets, row); !added) {
    return tl::unexpected<Error>(added.error());
  }
  return dataset;
}

Result<ImageShape> row_shape(std::uint64_t columns, const std::string& name) {
  if (columns >= 1 && columns <= kMaxImageSide) {
    return ImageShape{1, 1, static_cast<std::uint32_t>(columns)};
  }
  return fail(ErrorCode::kResourceExhausted, name + ": " + std::to_string(columns) +
                                                 " features: must be from 1 to " +
                                                 std::to_string(kMaxImageSide));
}

}  // namespace skiptrain::data
