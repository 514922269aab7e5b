// SQLite's way to its files, led through `Files`: what happens to a checkpoint can then happen to
// the database too, in a test as on a disk.
//
// For databases in WAL mode with PRAGMA locking_mode = EXCLUSIVE, which need no shared memory; the
// file is locked against other programs in the bytes that SQLite's own locks use, so that its shell
// says "database is locked" instead of doing harm. One instance serves one database, on one thread
// at a time. Inside lib/store only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "store/files.h"

namespace skiptrain::store {

struct VfsContext;  // what SQLite's calls are given

class SqliteVfs {
 public:
  // Registers itself with SQLite under `name`, which is unique in the process. `files` outlives it.
  explicit SqliteVfs(Files& files);
  // After the database is closed.
  ~SqliteVfs();
  SqliteVfs(const SqliteVfs&) = delete;
  SqliteVfs& operator=(const SqliteVfs&) = delete;

  const std::string& name() const;

  struct Failure {
    std::string path;
    FileError error;
  };
  // SQLite itself says "disk I/O error"; this is what it was.
  const std::optional<Failure>& last_failure() const;
  // Set for good by the first failed fsync. SQLite does not report one that failed while it copied
  // the WAL into the database, and would try it again.
  const std::optional<Failure>& failed_sync() const;

 private:
  std::unique_ptr<VfsContext> context_;
};

}  // namespace skiptrain::store
