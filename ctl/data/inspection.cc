#include "ctl/data/inspection.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <span>
#include <string_view>
#include <system_error>

#include "data/array_loader.h"
#include "data/cifar_reader.h"
#include "data/csv_loader.h"
#include "data/idx_reader.h"
#include "data/image_file.h"
#include "data/leaf_reader.h"
#include "data/mapped_file.h"
#include "data/npy_reader.h"
#include "data/npz_reader.h"
#include "data/source.h"
#include "data/torch_reader.h"

namespace skiptrain::ctl {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMagicBytes = 8;

std::string dtype_name(const data::Dataset& set) {
  return set.holds_floats() ? "float32" : "uint8";
}

// Sees all labels of a set as it is loaded, and has a few of its rows kept.
data::LoadOptions looking(InspectedPart& part, const InspectOptions& options) {
  data::LoadOptions load;
  load.choose = [&part,
                 &options](const data::RowFacts& rows) -> Result<std::vector<std::uint32_t>> {
    part.count = rows.count;
    for (const data::Label label : rows.labels) ++part.histogram[label];
    part.users = std::set<std::uint32_t>(rows.users.begin(), rows.users.end()).size();
    return data::seeded_subset(static_cast<std::uint32_t>(rows.count),
                               std::max(options.samples, 1u), options.seed);
  };
  return load;
}

// One part, by a function that loads with options.
template <typename Load>
Status add_part(Inspection& inspection, const std::string& name, const InspectOptions& options,
                Load load) {
  InspectedPart part;
  part.name = name;
  auto samples = load(looking(part, options));
  if (!samples && samples.error().code == ErrorCode::kInvalidArgument) {
    // What are no classes may be numbers to be learned. If they are none either, the first refusal
    // says more; but not if one of them is NaN.
    InspectedPart of_values{.name = name, .has_labels = false};
    data::LoadOptions values = looking(of_values, options);
    values.targets = data::TargetKind::kValues;
    auto read = load(values);
    if (read) part = std::move(of_values);
    if (read || read.error().code == ErrorCode::kNumeric) samples = std::move(read);
  }
  if (!samples) return tl::unexpected(samples.error());
  part.samples = *std::move(samples);
  part.dtype = dtype_name(part.samples);
  inspection.parts.push_back(std::move(part));
  return {};
}

Result<Inspection> inspect_folder(const std::string& path, const InspectOptions& options) {
  auto source = data::find_source(path);
  bool has_test = true;
  if (!source && source.error().code == ErrorCode::kNotFound) {
    auto alone = data::find_source(path, data::TestFiles::kIgnored);
    if (alone) {
      source = std::move(alone);
      source->held_out = 0.5;  // so that no test file is looked for; all rows are seen all the same
      has_test = false;
    }
  }
  if (!source) return tl::unexpected(source.error());
  source->label_column = options.label_column;
  Inspection inspection{path, std::string(to_string(source->format)), {}, {}};
  for (const data::Part part : {data::Part::kTrain, data::Part::kTest}) {
    const bool is_train = part == data::Part::kTrain;
    if (!is_train && !has_test) break;
    const auto added =
        add_part(inspection, is_train ? "train" : "test", options,
                 [&](const data::LoadOptions& load) { return data::load(*source, part, load); });
    if (!added) return tl::unexpected(added.error());
  }
  return inspection;
}

// An array by itself: labels, if it is a row of whole numbers; else samples without labels.
Status add_array(Inspection& inspection, const std::string& name, const data::Array& array,
                 const InspectOptions& options) {
  const std::size_t rank = array.type.shape.size();
  if (rank >= 2) {
    const auto added = add_part(inspection, name, options, [&](const data::LoadOptions& load) {
      return data::unlabelled(array, name, load);
    });
    if (!added) return added;
    inspection.parts.back().has_labels = false;
    inspection.parts.back().dtype = data::to_string(array.type.dtype);
    return {};
  }
  InspectedPart part{.name = name, .dtype = std::string(data::to_string(array.type.dtype))};
  part.count = array.type.row_count();
  part.has_values = false;
  part.has_labels = rank == 1 && !data::is_float(array.type.dtype);
  if (part.has_labels) {
    std::vector<std::int64_t> values(part.count);
    data::copy_integers(array.type, array.bytes, values);
    for (const std::int64_t value : values) {
      if (value >= 0 && value < data::kMaxLabels) {
        ++part.histogram[static_cast<data::Label>(value)];
        continue;
      }
      part.has_labels = false;  // whole numbers, but no labels
      part.histogram.clear();
      break;
    }
  }
  inspection.parts.push_back(std::move(part));
  return {};
}

// An archive that has keys(), type_of(), read() and read_rows().
template <typename Archive, typename LoadPair>
Result<Inspection> inspect_archive(const std::string& path, const Archive& archive,
                                   std::string format, const InspectOptions& options,
                                   LoadPair load_pair) {
  Inspection inspection{path, std::move(format), {}, {}};
  for (const std::string& key : archive.keys()) {
    const auto type = archive.type_of(key);
    inspection.arrays.emplace_back(key, type ? data::to_string(*type) : type.error().message);
  }
  const auto has = [&](const std::string& key) { return std::ranges::count(archive.keys(), key); };
  std::set<std::string> shown;
  for (const std::string part : {"train", "test"}) {
    const data::ArrayPair pair{path, "x_" + part, "y_" + part};
    if (!has(pair.features) || !has(pair.labels)) continue;
    const auto added = add_part(inspection, part, options, [&](const data::LoadOptions& load) {
      return load_pair(pair, load);
    });
    if (!added) return tl::unexpected(added.error());
    shown.insert({pair.features, pair.labels});
  }
  for (const std::string& key : archive.keys()) {
    if (shown.contains(key) || !archive.type_of(key)) continue;
    const auto array = archive.read(key);
    if (!array) return tl::unexpected(array.error());
    // Of a shape that is no sample's, it is listed above and no more.
    (void)add_array(inspection, key, *array, options);
  }
  return inspection;
}

Result<Inspection> inspect_zip(const std::string& path, const InspectOptions& options) {
  const auto npz = data::NpzFile::open(path);
  if (!npz) return tl::unexpected(npz.error());
  if (!npz->keys().empty()) {
    return inspect_archive(path, *npz, "npz", options, data::load_npz);
  }
  const auto torch = data::TorchFile::open(path);
  if (!torch) return tl::unexpected(torch.error());
  return inspect_archive(path, *torch, "torch", options, data::load_torch);
}

Result<Inspection> inspect_idx(const std::string& path, const InspectOptions& options) {
  Inspection inspection{path, "idx", {}, {}};
  const auto labels = data::read_idx_labels(path);
  if (labels) {
    const data::Array array{{data::DType::kUint8, false, {labels->size()}}, *labels, nullptr};
    if (auto added = add_array(inspection, "labels", array, options); !added) {
      return tl::unexpected(added.error());
    }
    return inspection;
  }
  const auto images = data::read_idx_images(path, std::nullopt);
  if (!images) return tl::unexpected(images.error());
  const data::ImageShape& shape = images->shape;
  const data::Array array{{data::DType::kUint8,
                           false,
                           {images->count_in_file, shape.channels, shape.height, shape.width}},
                          images->pixels,
                          nullptr};
  // The samples point into `images`, which goes; so they are copied.
  if (auto added = add_array(inspection, "images", array, options); !added) {
    return tl::unexpected(added.error());
  }
  data::Dataset& samples = inspection.parts.back().samples;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples.pixels.insert(samples.pixels.end(), samples.sample(i),
                          samples.sample(i) + shape.value_count());
  }
  samples.mapped = {};
  return inspection;
}

Result<Inspection> inspect_image(const std::string& path) {
  auto image = data::read_image(path);
  if (!image) return tl::unexpected(image.error());
  InspectedPart part{.name = "image", .dtype = "uint8", .count = 1, .has_labels = false};
  part.samples = data::Dataset{image->shape, 1, std::move(image->pixels), {0}};
  return Inspection{path, "image", {std::move(part)}, {}};
}

// A file whose reader makes samples with labels of it.
template <typename Load>
Result<Inspection> inspect_set(const std::string& path, const std::string& format,
                               const InspectOptions& options, Load load) {
  Inspection inspection{path, format, {}, {}};
  if (auto added = add_part(inspection, "samples", options, load); !added) {
    return tl::unexpected(added.error());
  }
  return inspection;
}

Result<Inspection> inspect_by_name(const std::string& path, const InspectOptions& options) {
  const fs::path name =
      fs::path(path).extension() == ".gz" ? fs::path(path).stem() : fs::path(path);
  if (name.extension() == ".csv") {
    return inspect_set(
        path, "csv", options, [&](const data::LoadOptions& load) -> Result<data::Dataset> {
          const auto tables = data::CsvTables::open({{path}, options.label_column, {}});
          if (!tables) return tl::unexpected(tables.error());
          return tables->load(0, load);
        });
  }
  if (name.extension() == ".json") {
    return inspect_set(path, "leaf", options, [&](const data::LoadOptions& load) {
      return data::load_leaf({path}, load);
    });
  }
  if (name.extension() == ".bin") {
    // The two have records of different sizes.
    auto ten = inspect_set(path, "cifar-10", options, [&](const data::LoadOptions& load) {
      return data::load_cifar(data::CifarKind::kCifar10, {path}, load);
    });
    if (ten) return ten;
    auto hundred = inspect_set(path, "cifar-100", options, [&](const data::LoadOptions& load) {
      return data::load_cifar(data::CifarKind::kCifar100, {path}, load);
    });
    return hundred ? std::move(hundred) : std::move(ten);
  }
  return fail(ErrorCode::kInvalidArgument,
              path +
                  ": of no format that is known: must be a folder with a data set, or a file of "
                  "IDX, .npy, .npz, torch.save, .csv, LEAF's .json, CIFAR's .bin, PNG or JPEG");
}

}  // namespace

Result<Inspection> inspect(const std::string& path, const InspectOptions& options) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return inspect_folder(path, options);
  std::array<std::uint8_t, kMagicBytes> magic{};
  {
    const auto file = data::MappedFile::open(path);
    if (!file) return tl::unexpected(file.error());
    std::copy_n(file->bytes().begin(), std::min(file->bytes().size(), kMagicBytes), magic.begin());
  }
  const auto begins = [&](std::initializer_list<int> bytes) {
    return std::equal(bytes.begin(), bytes.end(), magic.begin());
  };
  if (begins({0x93, 'N', 'U', 'M', 'P', 'Y'})) {
    const auto array = data::read_npy(path);
    if (!array) return tl::unexpected(array.error());
    Inspection inspection{path, "npy", {}, {{"array", data::to_string(array->type)}}};
    if (auto added = add_array(inspection, "array", *array, options); !added) {
      return tl::unexpected(added.error());
    }
    return inspection;
  }
  if (begins({'P', 'K'})) return inspect_zip(path, options);
  if (begins({0x89, 'P', 'N', 'G'}) || begins({0xff, 0xd8, 0xff})) return inspect_image(path);
  const bool is_packed = begins({0x1f, 0x8b});
  const bool names_another = path.find(".bin") != std::string::npos;
  if (begins({0, 0, 8}) || (is_packed && !names_another)) return inspect_idx(path, options);
  return inspect_by_name(path, options);
}

}  // namespace skiptrain::ctl
