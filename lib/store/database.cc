#include "store/database.h"

#include <sqlite3.h>

#include <utility>

namespace skiptrain::store {

Result<std::unique_ptr<Database>> Database::open(Files& files, const std::string& path,
                                                 int wal_pages) {
  std::unique_ptr<Database> database(new Database(files, path));
  const Status opened = database->guarded([&] {
    database->sqlite_.emplace(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 0,
                              database->vfs_.name());
    SQLite::Database& db = *database->sqlite_;
    database->copy_wal_on_close(false);
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    db.exec("PRAGMA temp_store = MEMORY");
    db.exec("PRAGMA journal_mode = WAL");
    db.exec("PRAGMA synchronous = FULL");
    db.exec("PRAGMA foreign_keys = ON");
    db.exec("PRAGMA wal_autocheckpoint = " + std::to_string(wal_pages));
    const std::string verdict = db.execAndGet("PRAGMA quick_check(1)").getString();
    if (verdict != "ok") throw SQLite::Exception(verdict, SQLITE_CORRUPT);
  });
  if (!opened) return tl::unexpected<Error>(opened.error());
  return database;
}

Status Database::transact(const std::function<void(SQLite::Database&)>& work) {
  return guarded([&] {
    SQLite::Transaction transaction(*sqlite_, SQLite::TransactionBehavior::IMMEDIATE);
    work(*sqlite_);
    transaction.commit();
  });
}

Status Database::read(const std::function<void(SQLite::Database&)>& look) {
  return guarded([&] { look(*sqlite_); });
}

Status Database::flush_wal() {
  return guarded([&] {
    SQLite::Statement checkpoint(*sqlite_, "PRAGMA wal_checkpoint(TRUNCATE)");
    while (checkpoint.executeStep()) {
      if (checkpoint.getColumn(0).getInt() != 0) {
        throw SQLite::Exception("the WAL is in use", SQLITE_BUSY);
      }
    }
  });
}

Status Database::close() {
  if (Status flushed = flush_wal(); !flushed) return flushed;
  copy_wal_on_close(true);
  sqlite_.reset();
  if (vfs_.failed_sync()) {
    broken_ = store::to_error(vfs_.failed_sync()->path, vfs_.failed_sync()->error);
    return tl::unexpected<Error>(*broken_);
  }
  return {};
}

void Database::copy_wal_on_close(bool copy) {
  sqlite3_db_config(sqlite_->getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, copy ? 0 : 1, nullptr);
}

Status Database::guarded(const std::function<void()>& calls) {
  if (broken_) return tl::unexpected<Error>(*broken_);
  Status result;
  try {
    calls();
  } catch (const SQLite::Exception& thrown) {
    result = tl::unexpected<Error>(to_error(thrown));
    if (result.error().code != ErrorCode::kResourceExhausted) broken_ = result.error();
  }
  if (const auto& failed = vfs_.failed_sync()) {
    broken_ = store::to_error(failed->path, failed->error);
    return tl::unexpected<Error>(*broken_);
  }
  return result;
}

Error Database::to_error(const SQLite::Exception& thrown) const {
  const auto& cause = vfs_.last_failure();
  switch (thrown.getErrorCode()) {
    case SQLITE_FULL:
      return {ErrorCode::kResourceExhausted,
              cause ? cause->path + ": " + to_string(cause->error) : path_ + ": the disk is full"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::kPreconditionFailed,
              path_ + ": another program has this database open; close it"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorCode::kCorrupt, path_ + ": damaged, or not a database: " + thrown.what()};
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (cause) return store::to_error(cause->path, cause->error);
      break;
    default:
      break;
  }
  return {ErrorCode::kUnavailable, path_ + ": " + thrown.what()};
}

}  // namespace skiptrain::store
