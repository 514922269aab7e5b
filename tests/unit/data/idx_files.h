// Small IDX files for the tests, in a folder of their own that goes with the fixture.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

namespace skiptrain::data {

using ByteString = std::vector<std::uint8_t>;

// Magic, extents, then `values`; what is declared and what follows need not agree.
inline ByteString idx_bytes(const std::vector<std::uint32_t>& extents, const ByteString& values,
                            std::uint8_t type = 0x08) {
  ByteString bytes{0, 0, type, static_cast<std::uint8_t>(extents.size())};
  for (const std::uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<std::uint8_t>(extent >> shift));
    }
  }
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

class IdxFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "idx-test-XXXXXX").string();
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

// `count` images of height x width whose pixels are all the image's number.
inline ByteString numbered_images(std::uint32_t count, std::uint32_t height, std::uint32_t width) {
  ByteString values;
  for (std::uint32_t i = 0; i < count; ++i) {
    values.insert(values.end(), std::size_t{height} * width, static_cast<std::uint8_t>(i));
  }
  return idx_bytes({count, height, width}, values);
}

}  // namespace skiptrain::data
