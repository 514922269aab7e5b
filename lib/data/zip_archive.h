// Reads zip files, member by member, as streams: what npz_reader.h and torch_reader.h consist of.
//
// Members may be stored or deflated. libzip reads the archive, and checks a member's CRC when its
// last byte is read. Movable; one thread at a time. Errors start with the file's path, or with the
// name that a member was opened under.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

struct zip;
struct zip_file;

namespace skiptrain::data {

inline constexpr std::size_t kMaxZipMembers = 65'536;

// A member as it streams out of its archive, which must outlive it.
class ZipMember {
 public:
  const std::string& name() const { return name_; }  // for messages
  std::uint64_t size() const { return size_; }       // unpacked, as the archive says

  // Fills `out` as far as the member goes, and returns the number of bytes. kCorrupt: damaged.
  Result<std::size_t> read_some(std::span<std::uint8_t> out);
  // Exactly as much as there is room for. kCorrupt: also if it ends before.
  Status read(std::span<std::uint8_t> out);
  // Passes over so many bytes, which are read all the same.
  Status skip(std::uint64_t bytes);
  // kCorrupt, with `what` the member should have been, unless all has been read.
  Status expect_end(const std::string& what);

 private:
  friend class ZipArchive;
  struct Close {
    void operator()(zip_file* file) const;
  };

  std::string name_;
  std::uint64_t size_ = 0;
  std::unique_ptr<zip_file, Close> file_;
};

class ZipArchive {
 public:
  // `what` it should be and `how` it is made, for the message of a file that is no zip file:
  // "an archive of NumPy", "as numpy.savez writes it". kNotFound: cannot be opened.
  // kInvalidArgument: not a regular file. kCorrupt: not a zip file, or two members of one name.
  // kResourceExhausted: more than kMaxZipMembers.
  static Result<ZipArchive> open(const std::string& path, const std::string& what,
                                 const std::string& how);

  const std::string& path() const { return path_; }
  // Of all members, by their index.
  const std::vector<std::string>& names() const { return names_; }

  // `name` stands for the member in messages. kInvalidArgument: encrypted, or packed in a way that
  // is not `how`. kCorrupt: sizes that cannot be.
  Result<ZipMember> member(std::size_t index, std::string name) const;

 private:
  struct Discard {
    void operator()(zip* archive) const;
  };

  std::string path_;
  std::string how_;
  std::vector<std::string> names_;
  std::unique_ptr<zip, Discard> archive_;
};

}  // namespace skiptrain::data
