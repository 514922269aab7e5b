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
#include "data/image_folder.h"
#include "data/leaf_reader.h"
#include "data/source_files.h"

namespace skiptrain::data {
namespace {

Result<Dataset> load_cifar_part(const Source& source, Part part, const LoadOptions& options) {
  const FormatFiles& files = files_of(source.format);
  std::vector<std::string> paths;
  for (const std::string_view name : part == Part::kTrain ? files.train : files.test) {
    auto path = find_file(source.directory, name, files.may_be_packed);
    if (!path) return tl::unexpected<Error>(no_such_file(source.directory, name, files));
    paths.push_back(*std::move(path));
  }
  const CifarKind kind =
      source.format == Format::kCifar10 ? CifarKind::kCifar10 : CifarKind::kCifar100;
  return load_cifar(kind, paths, options);
}

Result<Dataset> load_leaf_part(const Source& source, Part part, const LoadOptions& options) {
  const auto folder = part_folder(source, part);
  if (!folder) return tl::unexpected<Error>(folder.error());
  const auto files = json_files(*folder);
  if (!files) return tl::unexpected<Error>(files.error());
  return load_leaf(*files, options);
}

// What both parts of a set have in common, as far as the format has such a thing.
struct Opened {
  std::optional<CsvTables> tables;
  std::optional<ImageFolders> folders;
};

Result<Opened> open(const Source& source, TargetKind targets) {
  if (targets != TargetKind::kClasses && !may_hold_values(source.format)) {
    return fail(ErrorCode::kInvalidArgument,
                "files of format " + std::string(to_string(source.format)) +
                    " hold classes: for other targets the format must be npy, npz, torch or csv");
  }
  Opened opened;
  const bool has_test = source.held_out == 0;
  if (source.format == Format::kCsv) {
    CsvSet set{{source.train_file}, source.label_column, source.target_columns};
    if (has_test && source.test_file != source.train_file) set.files.push_back(source.test_file);
    auto tables = CsvTables::open(set, targets);
    if (!tables) return tl::unexpected<Error>(tables.error());
    opened.tables = *std::move(tables);
  } else if (source.format == Format::kImages) {
    std::vector<std::string> paths;
    for (const Part part : {Part::kTrain, Part::kTest}) {
      if (part == Part::kTest && !has_test) break;
      auto folder = part_folder(source, part);
      if (!folder) return tl::unexpected<Error>(folder.error());
      paths.push_back(*std::move(folder));
    }
    auto folders = ImageFolders::open(paths);
    if (!folders) return tl::unexpected<Error>(folders.error());
    opened.folders = *std::move(folders);
  }
  return opened;
}

Result<Dataset> load_part(const Source& source, const Opened& opened, Part part,
                          LoadOptions options) {
  options.held_out = source.held_out;
  options.wants_held_out = source.held_out > 0 && part == Part::kTest;
  if (options.wants_held_out) part = Part::kTrain;
  const bool is_train = part == Part::kTrain;
  const IdxFiles& files = is_train ? source.train : source.test;
  const std::string& file = is_train ? source.train_file : source.test_file;
  const ArrayKeys& keys = is_train ? source.train_arrays : source.test_arrays;
  switch (source.format) {
    case Format::kIdx:
      return load_idx(files, options);
    case Format::kNpy:
      return load_npy(files.images, files.labels, options);
    case Format::kNpz:
      return load_npz({file, keys.features, keys.labels}, options);
    case Format::kTorch:
      return load_torch({file, keys.features, keys.labels}, options);
    case Format::kCsv:
      return opened.tables->load(is_train || source.test_file == source.train_file ? 0 : 1,
                                 options);
    case Format::kLeaf:
      return load_leaf_part(source, part, options);
    case Format::kImages:
      return opened.folders->load(is_train ? 0 : 1, options);
    case Format::kCifar10:
    case Format::kCifar100:
      break;
  }
  return load_cifar_part(source, part, options);
}

// The files of a format that a folder has, and which they are.
struct Found {
  const FormatFiles* files = nullptr;
  std::vector<std::string> train;
  std::vector<std::string> test;
  std::string_view first_missing;

  std::size_t count() const { return train.size() + test.size(); }
};

Found look_for(const FormatFiles& files, const std::string& directory, TestFiles test) {
  Found found{&files, {}, {}, {}};
  const auto look = [&](std::span<const std::string_view> names, std::vector<std::string>& paths) {
    for (const std::string_view name : names) {
      if (auto path = find_file(directory, name, files.may_be_packed)) {
        paths.push_back(*std::move(path));
      } else if (found.first_missing.empty()) {
        found.first_missing = name;
      }
    }
  };
  look(files.train, found.train);
  if (test == TestFiles::kNeeded) look(files.test, found.test);
  return found;
}

Error nothing_found(const std::string& directory) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    return {ErrorCode::kNotFound, directory + ": is no folder that can be read"};
  }
  std::string message = directory + ": there is no data set in it; looked for ";
  for (const FormatFiles& files : all_format_files()) {
    for (const std::string_view name : files.train) message += std::string(name) + ", ";
    if (files.test.data() != files.train.data()) {
      for (const std::string_view name : files.test) message += std::string(name) + ", ";
    }
    message.replace(message.size() - 2, 2, " (" + std::string(files.what));
    if (files.may_be_packed) message += "; also with .gz after their names";
    message += "), ";
  }
  return {ErrorCode::kNotFound, message +
                                    "train/*.json and test/*.json (leaf), train/CLASS/* and "
                                    "test/CLASS/* (images, .png or .jpg)"};
}

Source source_of(const Found& found, const std::string& directory) {
  Source source{.format = found.files->format};
  switch (source.format) {
    case Format::kIdx:
    case Format::kNpy:
      source.train = {found.train.front(), found.train.back()};
      if (!found.test.empty()) source.test = {found.test.front(), found.test.back()};
      break;
    case Format::kNpz:
    case Format::kCsv:
    case Format::kTorch:
      source.train_file = found.train.front();
      if (!found.test.empty()) source.test_file = found.test.front();
      break;
    case Format::kCifar10:
    case Format::kCifar100:
    case Format::kLeaf:
    case Format::kImages:
      source.directory = directory;
      break;
  }
  return source;
}

// A set that is told by its folders, not by its files' names.
std::optional<Source> find_folders(const std::string& directory, TestFiles test) {
  // Where samples are held out, any part will do, and the folder itself.
  Source source{.directory = directory, .held_out = test == TestFiles::kIgnored ? 0.5 : 0.0};
  const auto has = [&](const auto& is_of_format) {
    for (const Part part : {Part::kTrain, Part::kTest}) {
      const auto folder = part_folder(source, part);
      if (!folder || !is_of_format(*folder)) return false;
    }
    return true;
  };
  const auto holds_json = [](const std::string& folder) { return json_files(folder).has_value(); };
  const auto holds_images = [](const std::string& folder) {
    return ImageFolders::open({folder}).has_value();
  };
  if (has(holds_json)) {
    source.format = Format::kLeaf;
  } else if (has(holds_images)) {
    source.format = Format::kImages;
  } else {
    return std::nullopt;
  }
  source.held_out = 0;
  return source;
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
    case Format::kTorch:
      return "torch";
    case Format::kLeaf:
      return "leaf";
    case Format::kImages:
      return "images";
  }
  return "unknown";
}

bool may_hold_values(Format format) {
  return format == Format::kNpy || format == Format::kNpz || format == Format::kTorch ||
         format == Format::kCsv;
}

Result<Dataset> load(const Source& source, Part part, const LoadOptions& options) {
  const auto opened = open(source, options.targets);
  if (!opened) return tl::unexpected<Error>(opened.error());
  return load_part(source, *opened, part, options);
}

Result<Parts> load_parts(const Source& source, const LoadOptions& share) {
  const auto opened = open(source, share.targets);
  if (!opened) return tl::unexpected<Error>(opened.error());
  auto train = load_part(source, *opened, Part::kTrain, share);
  if (!train) return tl::unexpected<Error>(train.error());
  LoadOptions whole;
  whole.seat.seed = share.seat.seed;
  whole.targets = share.targets;
  auto test = load_part(source, *opened, Part::kTest, whole);
  if (!test) return tl::unexpected<Error>(test.error());
  return Parts{*std::move(train), *std::move(test)};
}

Result<Source> find_source(const std::string& directory, TestFiles test) {
  std::optional<Found> whole;
  std::optional<Found> most;  // of those of which there is some file
  for (const FormatFiles& files : all_format_files()) {
    Found found = look_for(files, directory, test);
    if (found.first_missing.empty()) {
      if (whole) {
        return fail(ErrorCode::kInvalidArgument,
                    directory + ": holds both " + std::string(to_string(whole->files->format)) +
                        " and " + std::string(to_string(files.format)) +
                        " files: there must be one data set in a folder");
      }
      whole = std::move(found);
    } else if (found.count() > 0 && (!most || found.count() > most->count())) {
      most = std::move(found);
    }
  }
  if (whole) return source_of(*whole, directory);
  if (most) {
    return tl::unexpected<Error>(no_such_file(directory, most->first_missing, *most->files));
  }
  if (auto folders = find_folders(directory, test)) return *std::move(folders);
  return tl::unexpected<Error>(nothing_found(directory));
}

PixelStatistics usual_statistics(Format format) {
  switch (format) {
    case Format::kIdx:
    case Format::kNpy:
    case Format::kNpz:
    case Format::kCsv:
    case Format::kTorch:
    case Format::kLeaf:
    case Format::kImages:
      break;
    case Format::kCifar10:
      return {.mean = 0.4734, .std = 0.2516};
    case Format::kCifar100:
      return {.mean = 0.4782, .std = 0.2682};
  }
  return {.mean = 0.2860, .std = 0.3530};
}

}  // namespace skiptrain::data
