#include "data/array_loader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "data/npy_reader.h"
#include "data/npz_reader.h"

namespace skiptrain::data {
namespace {

// What is known before the features are read.
struct Plan {
  ImageShape shape;
  std::uint32_t classes = 0;
  std::vector<Label> labels;         // of all rows
  std::vector<std::uint32_t> share;  // the rows to keep
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

Result<Plan> make_plan(const ArrayType& features, const std::string& features_name,
                       const Array& labels_array, const std::string& labels_name,
                       const LoadOptions& options) {
  auto labels = labels_of(labels_array, labels_name);
  if (!labels) return tl::unexpected<Error>(labels.error());
  if (labels->empty()) {
    return fail(ErrorCode::kInvalidArgument, labels_name + ": holds no labels");
  }
  const auto shape = shape_of(features, features_name);
  if (!shape) return tl::unexpected<Error>(shape.error());
  if (features.row_count() != labels->size()) {
    return fail(ErrorCode::kMismatch, features_name + ": holds " +
                                          std::to_string(features.row_count()) + " samples, but " +
                                          labels_name + " holds " + std::to_string(labels->size()) +
                                          " labels: the two must belong together");
  }
  auto share = chosen_rows(*labels, options);
  if (!share) return tl::unexpected<Error>(share.error());
  const std::uint32_t classes = *std::max_element(labels->begin(), labels->end()) + 1u;
  return Plan{*shape, classes, *std::move(labels), *std::move(share)};
}

// The samples of the plan's share. `bytes_of_row(i)` has those of the share's i-th row.
template <typename BytesOfRow>
Result<Dataset> make_dataset(const Plan& plan, const ArrayType& type, const std::string& name,
                             BytesOfRow bytes_of_row) {
  Dataset dataset{plan.shape, plan.classes, {}, {}};
  const std::size_t values = plan.shape.value_count();
  const bool are_pixels = type.dtype == DType::kUint8;
  if (are_pixels) {
    dataset.pixels.resize(plan.share.size() * values);
  } else {
    dataset.features.resize(plan.share.size() * values);
  }
  dataset.labels.reserve(plan.share.size());
  for (std::size_t i = 0; i < plan.share.size(); ++i) {
    dataset.labels.push_back(plan.labels[plan.share[i]]);
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
  const auto label_array = read_npy(labels);
  if (!label_array) return tl::unexpected<Error>(label_array.error());
  const auto array = read_npy(features);
  if (!array) return tl::unexpected<Error>(array.error());
  const auto plan = make_plan(array->type, features, *label_array, labels, options);
  if (!plan) return tl::unexpected<Error>(plan.error());
  return make_dataset(*plan, array->type, features,
                      [&](std::size_t i) { return array->row(plan->share[i]); });
}

Result<Dataset> load_npz(const NpzArrays& arrays, const LoadOptions& options) {
  const auto npz = NpzFile::open(arrays.file);
  if (!npz) return tl::unexpected<Error>(npz.error());
  const auto type = npz->type_of(arrays.features);
  if (!type) return tl::unexpected<Error>(type.error());
  const auto label_array = npz->read(arrays.labels);
  if (!label_array) return tl::unexpected<Error>(label_array.error());
  const std::string features = arrays.file + ": " + arrays.features + ".npy";
  const auto plan = make_plan(*type, features, *label_array,
                              arrays.file + ": " + arrays.labels + ".npy", options);
  if (!plan) return tl::unexpected<Error>(plan.error());
  const auto kept = npz->read_rows(arrays.features, plan->share);
  if (!kept) return tl::unexpected<Error>(kept.error());
  return make_dataset(*plan, *type, features, [&](std::size_t i) { return kept->row(i); });
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
