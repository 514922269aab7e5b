// Whatever bytes a file of data holds: its reader must neither crash, nor read out of bounds, nor
// give a set that does not agree with itself; and what it refuses, it must refuse with the file's
// name.
//
// The first byte of the input says which reader it goes to; the rest are the bytes.
#include "tests/fuzz/data_fuzz.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>

#include "base/check.h"
#include "data/image_file.h"
#include "data/leaf_reader.h"
#include "data/pickle.h"
#include "data/torch_reader.h"

namespace skiptrain::data {
namespace {

// A file for the readers that want one; the same for all inputs, gone with the process.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "data-fuzz-XXXXXX").string();
    const int fd = mkstemp(pattern.data());
    SKIPTRAIN_CHECK(fd >= 0, "a temporary file can be made");
    close(fd);
    path_ = pattern;
  }
  ~Scratch() { std::filesystem::remove(path_); }

  const std::string& fill(std::span<const std::uint8_t> bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path_;
  }

 private:
  std::string path_;
};

void check_error(const Error& error, const std::string& name) {
  SKIPTRAIN_CHECK(error.message.starts_with(name), "an error names its file");
}

void check_pickle(std::span<const std::uint8_t> bytes) {
  const auto value = pickle::parse(bytes, "fuzz");
  if (!value) check_error(value.error(), "fuzz");
}

void check_image(std::span<const std::uint8_t> bytes) {
  const auto image = decode_image(bytes, "fuzz");
  if (!image) return check_error(image.error(), "fuzz");
  SKIPTRAIN_CHECK(image->pixels.size() == image->shape.value_count(), "an image has its pixels");
}

void check_leaf(const std::string& path) {
  const auto set = load_leaf({path});
  if (!set) return check_error(set.error(), path);
  SKIPTRAIN_CHECK(set->validate(), "what was read agrees with itself");
}

void check_torch(const std::string& path) {
  const auto file = TorchFile::open(path);
  if (!file) return check_error(file.error(), path);
  for (const std::string& key : file->keys()) {
    const auto array = file->read(key);
    if (!array) {
      check_error(array.error(), path);
      continue;
    }
    SKIPTRAIN_CHECK(array->bytes.size() == array->type.byte_count(), "a tensor has its values");
  }
}

}  // namespace
}  // namespace skiptrain::data

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skiptrain::data;
  static const Scratch scratch;
  if (size == 0) return 0;
  // A copy without slack, so that a sanitizer sees a read past its end.
  const std::unique_ptr<std::uint8_t[]> copy(new std::uint8_t[size - 1]);
  std::copy_n(data + 1, size - 1, copy.get());
  const std::span<const std::uint8_t> bytes(copy.get(), size - 1);
  switch (data[0] % kDataDoors) {
    case 0:
      check_pickle(bytes);
      break;
    case 1:
      check_leaf(scratch.fill(bytes));
      break;
    case 2:
      check_image(bytes);
      break;
    default:
      check_torch(scratch.fill(bytes));
  }
  return 0;
}
