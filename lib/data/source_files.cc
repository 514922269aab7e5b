#include "data/source_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace skiptrain::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIdxTrain[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"};
constexpr std::string_view kIdxTest[] = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
constexpr std::string_view kCifar10Train[] = {"data_batch_1.bin", "data_batch_2.bin",
                                              "data_batch_3.bin", "data_batch_4.bin",
                                              "data_batch_5.bin"};
constexpr std::string_view kCifar10Test[] = {"test_batch.bin"};
constexpr std::string_view kCifar100Train[] = {"train.bin"};
constexpr std::string_view kCifar100Test[] = {"test.bin"};
constexpr std::string_view kNpyTrain[] = {"x_train.npy", "y_train.npy"};
constexpr std::string_view kNpyTest[] = {"x_test.npy", "y_test.npy"};
constexpr std::string_view kNpzFile[] = {"data.npz"};
constexpr std::string_view kCsvTrain[] = {"train.csv"};
constexpr std::string_view kCsvTest[] = {"test.csv"};
constexpr std::string_view kTorchFile[] = {"data.pt"};

constexpr FormatFiles kFormatFiles[] = {
    {Format::kIdx, kIdxTrain, kIdxTest, "idx, as in Debian's package dataset-fashion-mnist",
     "Debian's package dataset-fashion-mnist has them", true},
    {Format::kCifar10, kCifar10Train, kCifar10Test, "cifar-10, binary version",
     "the binary version of CIFAR-10 has data_batch_1.bin to data_batch_5.bin and test_batch.bin",
     true},
    {Format::kCifar100, kCifar100Train, kCifar100Test, "cifar-100, binary version",
     "the binary version of CIFAR-100 has train.bin and test.bin", true},
    {Format::kNpy, kNpyTrain, kNpyTest, "npy, arrays of NumPy",
     "there must be x_train.npy, y_train.npy, x_test.npy and y_test.npy"},
    {Format::kNpz, kNpzFile, kNpzFile, "npz, with the arrays x_train, y_train, x_test and y_test",
     ""},
    {Format::kCsv, kCsvTrain, kCsvTest, "csv, with a column label",
     "there must be train.csv and test.csv"},
    {Format::kTorch, kTorchFile, kTorchFile,
     "torch, with the tensors x_train, y_train, x_test and y_test", ""},
};

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

}  // namespace

std::span<const FormatFiles> all_format_files() {
  return kFormatFiles;
}

const FormatFiles& files_of(Format format) {
  const auto found = std::ranges::find(kFormatFiles, format, &FormatFiles::format);
  SKIPTRAIN_CHECK(found != std::end(kFormatFiles), "only formats with usual names are asked for");
  return *found;
}

std::optional<std::string> find_file(const std::string& directory, std::string_view name,
                                     bool may_be_packed) {
  for (const char* suffix : {"", ".gz"}) {
    if (*suffix != '\0' && !may_be_packed) break;
    const auto path = fs::path(directory) / (std::string(name) + suffix);
    std::error_code ignored;
    if (fs::exists(path, ignored)) return path.string();
  }
  return std::nullopt;
}

Error no_such_file(const std::string& directory, std::string_view name, const FormatFiles& files) {
  const std::string packed = files.may_be_packed ? " and no " + std::string(name) + ".gz" : "";
  return {ErrorCode::kNotFound, directory + ": there is no " + std::string(name) + packed + "; " +
                                    std::string(files.if_missing)};
}

Result<std::string> part_folder(const Source& source, Part part) {
  const fs::path folder = source.directory;
  const bool holds_out = source.held_out > 0;
  const fs::path wanted = folder / (part == Part::kTrain || holds_out ? "train" : "test");
  if (is_folder(wanted)) return wanted.string();
  if (holds_out && is_folder(folder)) return folder.string();
  return fail(ErrorCode::kNotFound,
              wanted.string() + ": there is no such folder; " + folder.string() +
                  " must have one called train and one called test, or data.held_out must be set");
}

Result<std::vector<std::string>> json_files(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const fs::path& path = at->path();
    if (path.extension() == ".json" && !path.filename().native().starts_with('.')) {
      files.push_back(path.string());
    }
  }
  if (error || files.empty()) {
    return fail(ErrorCode::kNotFound,
                folder + ": there is no .json file in it" + (error ? ": " + error.message() : ""));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace skiptrain::data
