#include "data/array_loader.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "data/npy_reader.h"
#include "data/npz_reader.h"
#include "data/torch_reader.h"

namespace skiptrain::data {
namespace {

// An array's type, and what it is called in messages.
struct Named {
  const ArrayType& type;
  std::string name;
};

struct NamedArray {
  const Array& array;
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

Result<Plan> plan_of_classes(const Named& features, const NamedArray& label_array,
                             const LoadOptions& options) {
  auto labels = labels_of(label_array.array, label_array.name);
  if (!labels) return tl::unexpected<Error>(labels.error());
  const auto shape = shape_beside(features, {label_array.array.type, label_array.name});
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

// `place(i)` is the row of the array that has the targets of the share's i-th sample.
template <typename Place>
Status add_targets(Dataset& dataset, const Plan& plan, const NamedArray& targets, TargetKind kind,
                   Place place) {
  dataset.target_width = plan.target_width;
  dataset.targets.resize(plan.share.size() * plan.target_width);
  for (std::size_t i = 0; i < plan.share.size(); ++i) {
    const std::span<float> row =
        std::span(dataset.targets).subspan(i * plan.target_width, plan.target_width);
    copy_floats(targets.array.type, targets.array.row(place(i)), row);
    for (std::size_t column = 0; column < row.size(); ++column) {
      const auto complaint = complaint_of_target(row[column], kind);
      if (!complaint) continue;
      return fail(std::isfinite(row[column]) ? ErrorCode::kInvalidArgument : ErrorCode::kNumeric,
                  targets.name + ": row " + std::to_string(plan.share[i]) + ": column " +
                      std::to_string(column) + ": target " + std::to_string(row[column]) + ": " +
                      *complaint);
    }
  }
  return {};
}

// The place of the first value that is not finite, or values.size().
std::size_t first_not_finite(std::span<const float> values) {
  // The exponent's bits are all ones; told in one pass without branches, which is vectorised.
  constexpr std::uint32_t kExponent = 0x7f80'0000;
  std::uint32_t any = 0;
  for (const float value : values) {
    any |=
        static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent);
  }
  if (any == 0) return values.size();
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
  return static_cast<std::size_t>(bad - values.begin());
}

Status check_finite(std::span<const float> row, std::uint32_t number, const std::string& name) {
  const std::size_t bad = first_not_finite(row);
  if (bad == row.size()) return {};
  return fail(ErrorCode::kNumeric,
              name + ": row " + std::to_string(number) + ": value " + std::to_string(bad) + " is " +
                  std::to_string(row[bad]) +
                  ": must be a finite number of float32's range; in NumPy: numpy.isfinite(a) tells "
                  "which are");
}

// Whether the values can be used where they lie.
bool is_usable_in_place(const Array& array) {
  if (array.type.dtype == DType::kUint8) return true;
  const bool is_native = array.type.is_big_endian == (std::endian::native == std::endian::big);
  return array.type.dtype == DType::kFloat32 && is_native &&
         reinterpret_cast<std::uintptr_t>(array.bytes.data()) % alignof(float) == 0;
}

// The samples of the plan's share, with their labels if it has such; `place(i)` is the row of the
// array that has the i-th of them.
template <typename Place>
Result<Dataset> make_dataset(const Plan& plan, const Array& array, const std::string& name,
                             Place place) {
  Dataset dataset;
  dataset.shape = plan.shape;
  dataset.classes = plan.classes;
  if (!plan.labels.empty()) {
    dataset.labels.reserve(plan.share.size());
    for (const std::uint32_t row : plan.share) dataset.labels.push_back(plan.labels[row]);
  }
  const std::size_t values = plan.shape.value_count();
  const bool in_place = is_usable_in_place(array);
  if (in_place) {
    dataset.mapped.are_floats = array.type.dtype == DType::kFloat32;
    dataset.mapped.owners = {array.owner};
    dataset.mapped.rows.reserve(plan.share.size());
  } else {
    dataset.features.resize(plan.share.size() * values);
  }
  for (std::size_t i = 0; i < plan.share.size(); ++i) {
    const std::span<const std::uint8_t> bytes = array.row(place(i));
    if (in_place) {
      dataset.mapped.rows.push_back(bytes.data());
      if (!dataset.mapped.are_floats) continue;
    } else {
      copy_floats(array.type, bytes, std::span(dataset.features).subspan(i * values, values));
    }
    const std::span<const float> row(dataset.float_sample(i), values);
    if (auto finite = check_finite(row, plan.share[i], name); !finite) {
      return tl::unexpected<Error>(finite.error());
    }
  }
  return dataset;
}

// Two arrays of an archive that has type_of(), read() and read_rows().
template <typename Archive>
Result<Dataset> load_pair(const Archive& archive, const ArrayPair& arrays, const char* suffix,
                          const LoadOptions& options) {
  const bool has_classes = options.targets == TargetKind::kClasses;
  const auto type = archive.type_of(arrays.features);
  if (!type) return tl::unexpected<Error>(type.error());
  const auto label_type = archive.type_of(arrays.labels);
  if (!label_type) return tl::unexpected<Error>(label_type.error());
  const Named features{*type, arrays.file + ": " + arrays.features + suffix};
  const Named labels{*label_type, arrays.file + ": " + arrays.labels + suffix};
  const auto plan = [&]() -> Result<Plan> {
    if (!has_classes) return plan_of_targets(features, labels, options);
    const auto array = archive.read(arrays.labels);
    if (!array) return tl::unexpected<Error>(array.error());
    return plan_of_classes(features, {*array, labels.name}, options);
  }();
  if (!plan) return tl::unexpected<Error>(plan.error());
  // Both hold the rows of the share alone.
  const auto in_order = [](std::size_t i) { return i; };
  const auto kept = archive.read_rows(arrays.features, plan->share);
  if (!kept) return tl::unexpected<Error>(kept.error());
  auto dataset = make_dataset(*plan, *kept, features.name, in_order);
  if (!dataset || has_classes) return dataset;
  const auto targets = archive.read_rows(arrays.labels, plan->share);
  if (!targets) return tl::unexpected<Error>(targets.error());
  const Status added =
      add_targets(*dataset, *plan, {*targets, labels.name}, options.targets, in_order);
  if (!added) return tl::unexpected<Error>(added.error());
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
  const auto plan = has_classes ? plan_of_classes(named, {*label_array, labels}, options)
                                : plan_of_targets(named, {label_array->type, labels}, options);
  if (!plan) return tl::unexpected<Error>(plan.error());
  const auto row_of = [&](std::size_t i) { return plan->share[i]; };
  auto dataset = make_dataset(*plan, *array, features, row_of);
  if (!dataset || has_classes) return dataset;
  const Status added =
      add_targets(*dataset, *plan, {*label_array, labels}, options.targets, row_of);
  if (!added) return tl::unexpected<Error>(added.error());
  return dataset;
}

Result<Dataset> load_npz(const ArrayPair& arrays, const LoadOptions& options) {
  const auto npz = NpzFile::open(arrays.file);
  if (!npz) return tl::unexpected<Error>(npz.error());
  return load_pair(*npz, arrays, ".npy", options);
}

Result<Dataset> load_torch(const ArrayPair& arrays, const LoadOptions& options) {
  const auto file = TorchFile::open(arrays.file);
  if (!file) return tl::unexpected<Error>(file.error());
  return load_pair(*file, arrays, "", options);
}

Result<Dataset> unlabelled(const Array& features, const std::string& name,
                           const LoadOptions& options) {
  const std::uint64_t rows = features.type.row_count();
  if (rows > std::numeric_limits<std::uint32_t>::max()) {
    return fail(ErrorCode::kResourceExhausted, name + ": more than 4294967295 rows");
  }
  const std::vector<std::uint8_t> zeros(rows);
  const Array labels{{DType::kUint8, false, {rows}}, zeros, nullptr};
  const auto plan = plan_of_classes({features.type, name}, {labels, name}, options);
  if (!plan) return tl::unexpected<Error>(plan.error());
  return make_dataset(*plan, features, name, [&](std::size_t i) { return plan->share[i]; });
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
