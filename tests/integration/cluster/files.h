// What the daemons of a test read: a folder of its own and a small data set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace skiptrain::integration {

// Made under /tmp whatever TMPDIR says, because the path of a unix socket has room for 107 bytes.
// Open to other users, so that the sockets' own modes are what keeps them out.
class TestDir {
 public:
  TestDir();
  ~TestDir();
  TestDir(const TestDir&) = delete;
  TestDir& operator=(const TestDir&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The images' side: small, so that a training step costs next to nothing.
inline constexpr std::uint32_t kImageSide = 8;
inline constexpr std::uint32_t kClasses = 10;
inline constexpr std::size_t kTrainImages = 400;
inline constexpr std::size_t kTestImages = 100;

// Writes the four IDX files under their usual names into `folder`, which is made: bright bars whose
// place is the class, with seeded noise.
void write_dataset(const std::filesystem::path& folder, std::uint32_t side = kImageSide);

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& bytes);

}  // namespace skiptrain::integration
