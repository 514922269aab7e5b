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
// kResourceExhausted: beyond the limits of
// zip_archive.h and array_member.h. Further errors as `parse_npy_header`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/array.h"
#include "data/zip_archive.h"

namespace skiptrain::data {

class NpzFile {
 public:
  static Result<NpzFile> open(const std::string& path);

  // The arrays' names, in the order of the file.
  const std::vector<std::string>& keys() const { return keys_; }
  const std::string& path() const { return archive_.path(); }

  // What read() would return, without its values.
  Result<ArrayType> type_of(const std::string& key) const;
  Result<Array> read(const std::string& key) const;
  // The rows named by `rows` (ascending, without repeats), one after the other, as an array whose
  // first extent is their number. kMismatch if a row is not in the array.
  Result<Array> read_rows(const std::string& key, const std::vector<std::uint32_t>& rows) const;

 private:
  struct Opened {
    ZipMember member;  // before its values
    ArrayType type;
  };

  Result<Opened> find(const std::string& key) const;

  ZipArchive archive_;
  std::vector<std::string> keys_;
  std::vector<std::size_t> indices_;  // in the archive, of each key
};

}  // namespace skiptrain::data
