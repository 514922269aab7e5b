#include "data/source.h"

#include <filesystem>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "data/array_loader.h"
#include "data/cifar_reader.h"
#include "data/csv_loader.h"

namespace skiptrain::data {
namespace {

// Training files first, in the order in which their samples are numbered.
constexpr std::string_view kIdxNames[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                          "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
constexpr std::string_view kCifar10Names[] = {"data_batch_1.bin", "data_batch_2.bin",
                                              "data_batch_3.bin", "data_batch_4.bin",
                                              "data_batch_5.bin", "test_batch.bin"};
constexpr std::string_view kCifar100Names[] = {"train.bin", "test.bin"};
constexpr std::string_view kNpyNames[] = {"x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"};
constexpr std::string_view kNpzNames[] = {"data.npz"};
constexpr std::string_view kCsvNames[] = {"train.csv", "test.csv"};

struct FormatFiles {
  Format format;
  std::span<const std::string_view> names;
  std::string_view what;        // for messages: of a folder with none of them
  std::string_view if_missing;  // and of one with some
  bool may_be_packed = false;   // by gzip, with .gz after the name
};
constexpr std::array<FormatFiles, kFormats.size()> kFormatFiles = {{
    {Format::kIdx, kIdxNames, "idx, as in Debian's package dataset-fashion-mnist",
     "Debian's package dataset-fashion-mnist has them", true},
    {Format::kCifar10, kCifar10Names, "cifar-10, binary version",
     "the binary version of CIFAR-10 has data_batch_1.bin to data_batch_5.bin and test_batch.bin",
     true},
    {Format::kCifar100, kCifar100Names, "cifar-100, binary version",
     "the binary version of CIFAR-100 has train.bin and test.bin", true},
    {Format::kNpy, kNpyNames, "npy, arrays of NumPy",
     "there must be x_train.npy, y_train.npy, x_test.npy and y_test.npy"},
    {Format::kNpz, kNpzNames, "npz, with the arrays x_train, y_train, x_test and y_test", ""},
    {Format::kCsv, kCsvNames, "csv, with a column label", "there must be train.csv and test.csv"},
}};

const FormatFiles& files_of(Format format) {
  return kFormatFiles[static_cast<std::size_t>(format)];
}

// The plain file if it is there, else the packed one.
std::optional<std::string> find_file(const std::string& directory, std::string_view name,
                                     bool may_be_packed) {
  for (const char* suffix : {"", ".gz"}) {
    if (*suffix != '\0' && !may_be_packed) break;
    const auto path = std::filesystem::path(directory) / (std::string(name) + suffix);
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path.string();
  }
  return std::nullopt;
}

Error no_such_file(const std::string& directory, std::string_view name, const FormatFiles& files) {
  const std::string packed = files.may_be_packed ? " and no " + std::string(name) + ".gz" : "";
  return {ErrorCode::kNotFound, directory + ": there is no " + std::string(name) + packed + "; " +
                                    std::string(files.if_missing)};
}

Result<Dataset> load_cifar_part(const Source& source, Part part, const LoadOptions& options) {
  const FormatFiles& files = files_of(source.format);
  const std::size_t train_count = files.names.size() - 1;
  std::vector<std::string> paths;
  for (const std::string_view name :
       part == Part::kTrain ? files.names.first(train_count) : files.names.subspan(train_count)) {
    auto path = find_file(source.directory, name, files.may_be_packed);
    if (!path) return tl::unexpected<Error>(no_such_file(source.directory, name, files));
    paths.push_back(*std::move(path));
  }
  const CifarKind kind =
      source.format == Format::kCifar10 ? CifarKind::kCifar10 : CifarKind::kCifar100;
  return load_cifar(kind, paths, options);
}

// A format's files as far as they are in a folder.
struct Found {
  Format format;
  std::vector<std::string> paths;
  std::string_view first_missing;
};

Found look_for(const FormatFiles& files, const std::string& directory) {
  Found found{files.format, {}, {}};
  for (const std::string_view name : files.names) {
    if (auto path = find_file(directory, name, files.may_be_packed)) {
      found.paths.push_back(*std::move(path));
    } else if (found.first_missing.empty()) {
      found.first_missing = name;
    }
  }
  return found;
}

Error nothing_found(const std::string& directory) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    return {ErrorCode::kNotFound, directory + ": is no folder that can be read"};
  }
  std::string message = directory + ": there is no data set in it; looked for ";
  for (const FormatFiles& files : kFormatFiles) {
    for (const std::string_view name : files.names) {
      message += std::string(name) + (name == files.names.back() ? " (" : ", ");
    }
    message += std::string(files.what);
    if (files.may_be_packed) message += "; also with .gz after their names";
    message += &files == &kFormatFiles.back() ? ")" : "), ";
  }
  return {ErrorCode::kNotFound, message};
}

}  // namespace

std::string_view to_string(Format format) {
  switch (format) {
    case Format::kIdx:
      return "idx";
    case Format::kCifar10:
      return "cifar-10";
    case Format::kCifar100:
      return "cifar-100";
    case Format::kNpy:
      return "npy";
    case Format::kNpz:
      return "npz";
    case Format::kCsv:
      return "csv";
  }
  return "unknown";
}

bool may_hold_values(Format format) {
  return format == Format::kNpy || format == Format::kNpz || format == Format::kCsv;
}

Result<Dataset> load(const Source& source, Part part, const LoadOptions& options) {
  const bool is_train = part == Part::kTrain;
  const IdxFiles& files = is_train ? source.train : source.test;
  const std::string& file = is_train ? source.train_file : source.test_file;
  const ArrayKeys& keys = is_train ? source.train_arrays : source.test_arrays;
  if (options.targets != TargetKind::kClasses && !may_hold_values(source.format)) {
    return fail(ErrorCode::kInvalidArgument,
                "files of format " + std::string(to_string(source.format)) +
                    " hold classes: for other targets the format must be npy, npz or csv");
  }
  switch (source.format) {
    case Format::kIdx:
      return load_idx(files, options);
    case Format::kNpy:
      return load_npy(files.images, files.labels, options);
    case Format::kNpz:
      return load_npz({file, keys.features, keys.labels}, options);
    case Format::kCsv:
      return load_csv(
          {{source.train_file, source.test_file}, source.label_column, source.target_columns}, file,
          options);
    case Format::kCifar10:
    case Format::kCifar100:
      break;
  }
  return load_cifar_part(source, part, options);
}

Result<Source> find_source(const std::string& directory) {
  std::optional<Found> whole;
  std::optional<Found> most;  // of those of which there is some file
  for (const FormatFiles& files : kFormatFiles) {
    Found found = look_for(files, directory);
    if (found.first_missing.empty()) {
      if (whole) {
        return fail(ErrorCode::kInvalidArgument,
                    directory + ": holds both " + std::string(to_string(whole->format)) + " and " +
                        std::string(to_string(found.format)) +
                        " files: there must be one data set in a folder");
      }
      whole = std::move(found);
    } else if (!found.paths.empty() && (!most || found.paths.size() > most->paths.size())) {
      most = std::move(found);
    }
  }
  if (!whole && most) {
    return tl::unexpected<Error>(
        no_such_file(directory, most->first_missing, files_of(most->format)));
  }
  if (!whole) return tl::unexpected<Error>(nothing_found(directory));
  Source source{.format = whole->format};
  const std::vector<std::string>& paths = whole->paths;
  switch (source.format) {
    case Format::kIdx:
    case Format::kNpy:
      source.train = {paths[0], paths[1]};
      source.test = {paths[2], paths[3]};
      break;
    case Format::kNpz:
    case Format::kCsv:
      source.train_file = paths.front();
      source.test_file = paths.back();
      break;
    case Format::kCifar10:
    case Format::kCifar100:
      source.directory = directory;
      break;
  }
  return source;
}

PixelStatistics usual_statistics(Format format) {
  switch (format) {
    case Format::kIdx:
    case Format::kNpy:
    case Format::kNpz:
    case Format::kCsv:
      break;
    case Format::kCifar10:
      return {.mean = 0.4734, .std = 0.2516};
    case Format::kCifar100:
      return {.mean = 0.4782, .std = 0.2682};
  }
  return {.mean = 0.2860, .std = 0.3530};
}

}  // namespace skiptrain::data
