// The one door from lib/store to the file system: model files, checkpoints and, through a SQLite
// VFS (sqlite_vfs.h), the database all go through it. So a test can put a disk in memory in its
// place that loses what was not synced, or fails any single call.
//
// Calls fail with the system's errno and which operation it was, because the two together decide
// what is to be done: a full disk may have room again later, a failed fsync must never be tried
// again, since the kernel may have dropped the data and would then report success.
//
// `Files` is thread-safe; a `File` belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "base/error.h"

namespace skiptrain::store {

enum class FileOperation : std::uint8_t {
  kOpen,
  kRead,
  kWrite,
  kTruncate,
  kSync,
  kRename,
  kUnlink,
  kSyncDirectory,
  kList,
  kLock,
};

struct FileError {
  FileOperation operation;
  int number = 0;  // an errno
};

template <typename T>
using FileResult = tl::expected<T, FileError>;
using FileStatus = tl::expected<void, FileError>;

// There is no room (ENOSPC, EDQUOT) for what was to be written. Never true of an fsync.
bool is_full_disk(const FileError& error);
// "cannot be written: No space left on device".
std::string to_string(const FileError& error);
// kResourceExhausted for a full disk, kNotFound for a file that is not there, else kUnavailable.
Error to_error(const std::string& path, const FileError& error);

enum class OpenMode : std::uint8_t {
  kRead,       // an existing file
  kReadWrite,  // an existing file
  kCreate,     // as kReadWrite, but made (mode 0600) if it is missing
  kCreateNew,  // fails with EEXIST if it is there
};

class File {
 public:
  virtual ~File() = default;

  // Fills `out` from `offset` on; fewer bytes only at the end of the file.
  virtual FileResult<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) = 0;
  // All of it, or an error after which any part may have been written.
  virtual FileStatus write(std::uint64_t offset, std::string_view bytes) = 0;
  virtual FileStatus truncate(std::uint64_t size) = 0;
  // What was written is durable; the file's name is so only after sync_directory.
  virtual FileStatus sync() = 0;
  virtual FileResult<std::uint64_t> size() = 0;
  // Keeps other programs out of these bytes until the file is closed; EAGAIN if one is in.
  virtual FileStatus lock(std::uint64_t offset, std::uint64_t length) = 0;
};

class Files {
 public:
  virtual ~Files() = default;

  virtual FileResult<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual FileStatus rename(const std::string& from, const std::string& to) = 0;
  virtual FileStatus unlink(const std::string& path) = 0;
  // Makes durable what was created, renamed and unlinked in `folder`.
  virtual FileStatus sync_directory(const std::string& folder) = 0;
  // The names in `folder`, without "." and "..", in ascending order.
  virtual FileResult<std::vector<std::string>> list(const std::string& folder) = 0;
  virtual FileResult<bool> exists(const std::string& path) = 0;
};

// The machine's own files.
Files& real_files();

// The folder that `path` is in; "." for a bare name.
std::string folder_of(const std::string& path);

}  // namespace skiptrain::store
