// Reads NumPy's archives .npz, as numpy.savez and numpy.savez_compressed write them: a zip file
// whose members KEY.npy are arrays (npy_reader.h), stored or deflated. Other members are passed
// over.
//
// Members stream through a small buffer, and only the rows that are asked for are kept: what an
// array takes is what the caller wants of it. libzip reads the archive and checks each member's
// CRC. Blocking; one thread at a time.
//
// Errors start with the file's path, and with "PATH: KEY.npy" if they are of one array. kNotFound:
// the file cannot be opened, or has no such key; the message lists those it has. kCorrupt: not a
// zip file, damaged. kInvalidArgument: a member that is packed or encrypted in another way.
// kResourceExhausted: beyond a limit below. Further errors as `parse_npy_header`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/array.h"

struct zip;

namespace skiptrain::data {

inline constexpr std::size_t kMaxNpzMembers = 65'536;
// Of one array, as far as it is kept in memory.
inline constexpr std::uint64_t kMaxNpzKeptBytes = std::uint64_t{4} << 30;

class NpzFile {
 public:
  static Result<NpzFile> open(const std::string& path);

  // The arrays' names, in the order of the file.
  const std::vector<std::string>& keys() const { return keys_; }
  const std::string& path() const { return path_; }

  // What read() would return, without its values.
  Result<ArrayType> type_of(const std::string& key) const;
  Result<Array> read(const std::string& key) const;
  // The rows named by `rows` (ascending, without repeats), one after the other, as an array whose
  // first extent is their number. kMismatch if a row is not in the array.
  Result<Array> read_rows(const std::string& key, const std::vector<std::uint32_t>& rows) const;

 private:
  struct Close {
    void operator()(zip* archive) const;
  };

  std::string path_;
  std::vector<std::string> keys_;
  std::vector<std::uint64_t> indices_;  // in the archive, of each key
  std::unique_ptr<zip, Close> archive_;
};

}  // namespace skiptrain::data
