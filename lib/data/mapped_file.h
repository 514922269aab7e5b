// A file's bytes as memory, read-only: the system reads the pages that are looked at and no other.
//
// Movable; the bytes may be read by any number of threads. The file must not be cut shorter while
// it is mapped: the system would end the process with SIGBUS. Who replaces a file that a daemon
// learns from writes the new one beside it and renames it: the old one then lives on as long as it
// is mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"

namespace skiptrain::data {

class MappedFile {
 public:
  // kNotFound if it cannot be opened, kInvalidArgument if it is not a regular file, kUnavailable if
  // the system does not map it. Errors start with the path.
  static Result<MappedFile> open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  // Of the whole file, as long as this object lives; none of an empty one.
  std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::span<const std::uint8_t> bytes_;
};

}  // namespace skiptrain::data
