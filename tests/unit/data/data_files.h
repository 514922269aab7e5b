// Files of data sets for the tests, in a folder of their own that goes with the fixture.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include "data/dataset.h"

namespace skiptrain::data {

using ByteString = std::vector<std::uint8_t>;

// All values of a set's samples, wherever they lie.
inline ByteString pixels_of(const Dataset& set) {
  ByteString all;
  for (std::size_t i = 0; i < set.size() && !set.holds_floats(); ++i) {
    all.insert(all.end(), set.sample(i), set.sample(i) + set.shape.value_count());
  }
  return all;
}
inline std::vector<float> features_of(const Dataset& set) {
  std::vector<float> all;
  for (std::size_t i = 0; i < set.size() && set.holds_floats(); ++i) {
    all.insert(all.end(), set.float_sample(i), set.float_sample(i) + set.shape.value_count());
  }
  return all;
}

class DataFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "data-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const ByteString& bytes) const {
    std::ofstream(path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path(name);
  }
  std::string write_gzip(const std::string& name, const ByteString& bytes) const {
    gzFile file = gzopen(path(name).c_str(), "wb");
    EXPECT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())),
              static_cast<int>(bytes.size()));
    gzclose(file);
    return path(name);
  }
  ByteString contents(const std::string& file) const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace skiptrain::data
