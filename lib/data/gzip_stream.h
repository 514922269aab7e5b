// Reads a file's bytes in order, unpacking gzip on the way; what the file is, its content tells.
//
// Movable, one thread at a time. Errors start with the path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"

struct gzFile_s;

namespace skiptrain::data {

class GzipStream {
 public:
  // kNotFound if it cannot be opened, kInvalidArgument if it is not a regular file.
  static Result<GzipStream> open(const std::string& path);

  // Fills `out` as far as the file goes and returns the number of bytes; less than asked for means
  // the end. kCorrupt if the gzip stream is damaged or ends in its middle.
  Result<std::size_t> read(std::span<std::uint8_t> out);

  // An upper bound of what the file can unpack to, from its size on disk.
  std::uint64_t size_bound() const;
  bool is_gzip() const { return is_gzip_; }
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(gzFile_s* file) const;
  };

  std::string path_;
  std::uint64_t file_bytes_ = 0;
  bool is_gzip_ = false;
  std::unique_ptr<gzFile_s, Close> file_;
};

}  // namespace skiptrain::data
