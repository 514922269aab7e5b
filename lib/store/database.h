// The SQLite database of a node: opened for one writer (WAL, synchronous = FULL, exclusive lock),
// changed in transactions that are durable when they return. Inside lib/store only.
//
// SQLite's exceptions end here. A full disk is an error that may pass; after any other failed write
// or fsync the database is broken: every further transaction fails with that first error, because
// what is on the disk is no longer known.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/error.h"
#include "store/files.h"
#include "store/sqlite_vfs.h"

namespace skiptrain::store {

class Database {
 public:
  // Made if it is missing. `wal_pages`: the WAL is copied into the database when it has so many.
  // kCorrupt: not a database, or a damaged one. kPreconditionFailed: another program has it open.
  static Result<std::unique_ptr<Database>> open(Files& files, const std::string& path,
                                                int wal_pages);

  // Runs `work`, which may throw SQLite::Exception, as one transaction.
  Status transact(const std::function<void(SQLite::Database&)>& work);
  // Runs `look`, which changes nothing.
  Status read(const std::function<void(SQLite::Database&)>& look);
  // Copies the WAL into the database file, so that this alone says what the two said together.
  Status flush_wal();
  // As `flush_wal`; the WAL is deleted. Nothing may follow.
  Status close();

 private:
  Database(Files& files, std::string path) : path_(std::move(path)), vfs_(files) {}

  // Runs SQLite calls, and turns what they throw into an Error.
  Status guarded(const std::function<void()>& calls);
  Error to_error(const SQLite::Exception& thrown) const;
  // Without, a connection that dies writes nothing more, whatever state its files are in.
  void copy_wal_on_close(bool copy);

  const std::string path_;
  SqliteVfs vfs_;
  std::optional<SQLite::Database> sqlite_;  // before vfs_ in death
  std::optional<Error> broken_;
};

// 64-bit numbers of ours, in SQLite's signed ones.
inline std::int64_t to_sql(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
inline std::uint64_t from_sql(const SQLite::Column& column) {
  return static_cast<std::uint64_t>(column.getInt64());
}

}  // namespace skiptrain::store
