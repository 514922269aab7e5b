#include "tests/integration/cluster/files.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "base/rng.h"

namespace skiptrain::integration {
namespace {

constexpr std::uint64_t kDataSeed = 7;
constexpr std::uint32_t kNoise = 60;  // of 255

std::string idx_header(const std::vector<std::uint32_t>& extents) {
  std::string bytes{0, 0, 8, static_cast<char>(extents.size())};
  for (const std::uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(extent >> shift);
  }
  return bytes;
}

// The class decides which of the image's cells is bright: five columns of cells, two rows.
bool is_bright(std::uint32_t label, std::uint32_t row, std::uint32_t column, std::uint32_t side) {
  return row * 2 / side == label / 5 && column * 5 / side == label % 5;
}

void write_part(const std::filesystem::path& folder, const std::string& prefix, std::size_t count,
                std::uint32_t side, Rng& rng) {
  const auto size = static_cast<std::uint32_t>(count);
  std::string images = idx_header({size, side, side});
  std::string labels = idx_header({size});
  for (std::uint32_t i = 0; i < size; ++i) {
    const std::uint32_t label = i % kClasses;
    labels += static_cast<char>(label);
    for (std::uint32_t row = 0; row < side; ++row) {
      for (std::uint32_t column = 0; column < side; ++column) {
        const auto noise = static_cast<std::uint32_t>(rng.uniform() * kNoise);
        images += static_cast<char>(noise + (is_bright(label, row, column, side) ? 180 : 0));
      }
    }
  }
  write_file(folder / (prefix + "-images-idx3-ubyte"), images);
  write_file(folder / (prefix + "-labels-idx1-ubyte"), labels);
}

}  // namespace

TestDir::TestDir() {
  std::string pattern = "/tmp/skt-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
  chmod(pattern.c_str(), 0755);
  path_ = pattern;
}

TestDir::~TestDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_dataset(const std::filesystem::path& folder, std::uint32_t side) {
  std::filesystem::create_directories(folder);
  Rng rng(kDataSeed);
  write_part(folder, "train", kTrainImages, side, rng);
  write_part(folder, "t10k", kTestImages, side, rng);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace skiptrain::integration
