// Feeds data_fuzz with random mutations of valid files.
//
//   data_fuzz_driver [COUNT [SEED]]
//
// With clang, data_fuzz.cc alone and -fsanitize=fuzzer make a proper fuzzer.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "tests/fuzz/data_fuzz.h"
#include "tests/fuzz/seeded_driver.h"
#include "tests/unit/data/image_files.h"
#include "tests/unit/data/torch_files.h"

namespace skiptrain::data {
namespace {

std::string as_text(const ByteString& bytes) {
  return {bytes.begin(), bytes.end()};
}

// Made by a function that wants a path.
template <typename Write>
std::string written(Write write) {
  std::string folder = (std::filesystem::temp_directory_path() / "data-seed-XXXXXX").string();
  SKIPTRAIN_CHECK(mkdtemp(folder.data()) != nullptr, "a temporary folder can be made");
  write(folder + "/seed");
  std::ifstream in(folder + "/seed", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::filesystem::remove_all(folder);
  return bytes;
}

const std::vector<std::string>& pickles() {
  static const std::vector<std::string> seeds = {
      std::string(kPickleOfTwo), std::string(kPickleOfTuple), std::string(kPickleOfViews),
      std::string(kPickleOfState)};
  return seeds;
}

const std::vector<std::string>& json_files() {
  static const std::vector<std::string> seeds = {
      "{\"users\": [\"f1\", \"f2\"], \"num_samples\": [2, 1], \"user_data\": {"
      "\"f1\": {\"x\": [[0.5, 1], [2, -3e-1]], \"y\": [4, 0]}, "
      "\"f2\": {\"y\": [1], \"x\": [[6, 7]], \"note\": [\"a\", null, true]}}}",
      "{\"user_data\": {\"u\": {\"x\": [[1]], \"y\": [0]}}, \"hierarchies\": [{\"a\": []}]}"};
  return seeds;
}

const std::vector<std::string>& images() {
  static const std::vector<std::string> seeds = {
      written([](const std::string& file) { write_grey(file, 9, 5, 100); }),
      written([](const std::string& file) {
        write_png_rows(file, 2, {{1, 2, 3, 255, 4, 5, 6, 255}}, {PNG_COLOR_TYPE_RGB_ALPHA});
      }),
      written([](const std::string& file) {
        write_png_rows(file, 4, {{0b01'10'11'00}},
                       {PNG_COLOR_TYPE_PALETTE, 2, {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {0, 0, 0}}});
      }),
      as_text(jpeg_bytes(17, 9, 3, 80)),
      as_text(jpeg_bytes(8, 8, 1, 9)),
      as_text(jpeg_bytes(8, 8, 4, 9))};
  return seeds;
}

const std::vector<std::string>& torch_files() {
  static const std::vector<std::string> seeds = [] {
    std::vector<std::string> files;
    for (const zip_int32_t method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
      files.push_back(written([method](const std::string& file) {
        write_zip(file,
                  torch_members(kPickleOfTwo,
                                {{1, 2, 3, 4, 5, 6}, little_endian<std::int64_t>({2, 0, 1})}),
                  method);
      }));
    }
    return files;
  }();
  return seeds;
}

std::string make_input(Rng& rng) {
  const auto door = static_cast<char>(rng.below(kDataDoors));
  const std::vector<std::string>& seeds = door == 0   ? pickles()
                                          : door == 1 ? json_files()
                                          : door == 2 ? images()
                                                      : torch_files();
  std::string bytes = seeds[rng.below(seeds.size())];
  fuzz::mutate(bytes, rng);
  return door + bytes;
}

}  // namespace
}  // namespace skiptrain::data

int main(int argc, char** argv) {
  return skiptrain::fuzz::drive(argc, argv, skiptrain::data::make_input);
}
