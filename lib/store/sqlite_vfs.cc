#include "store/sqlite_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include "base/check.h"

namespace skiptrain::store {

struct VfsContext {
  explicit VfsContext(Files& opened) : files(opened) {}

  int note(const std::string& path, const FileError& error, int code) {
    last_failure = SqliteVfs::Failure{path, error};
    const bool sync =
        error.operation == FileOperation::kSync || error.operation == FileOperation::kSyncDirectory;
    if (sync && !failed_sync) failed_sync = last_failure;
    return is_full_disk(error) ? SQLITE_FULL : code;
  }

  Files& files;
  std::string name;
  sqlite3_vfs vfs{};
  std::optional<SqliteVfs::Failure> last_failure;
  std::optional<SqliteVfs::Failure> failed_sync;
};

namespace {

// The bytes at 1 GiB on which SQLite's own VFS takes its locks ("PENDING_BYTE" and what follows).
constexpr std::uint64_t kLockOffset = 0x40000000;
constexpr std::uint64_t kLockLength = 512;
constexpr int kSectorBytes = 4096;
constexpr int kMaxPathBytes = 4096;

// What SQLite allocates for an open file.
struct OpenFile {
  sqlite3_file base;
  VfsContext* context;
  File* file;
  std::string* path;
  bool name_unsynced;  // made by us, and its folder not synced since
  bool locked;
};

OpenFile& self(sqlite3_file* file) {
  return *reinterpret_cast<OpenFile*>(file);
}
VfsContext& context(sqlite3_vfs* vfs) {
  return *static_cast<VfsContext*>(vfs->pAppData);
}
sqlite3_vfs* system() {
  return sqlite3_vfs_find(nullptr);
}

// ---- One open file ----

int close(sqlite3_file* file) {
  delete std::exchange(self(file).file, nullptr);
  delete std::exchange(self(file).path, nullptr);
  return SQLITE_OK;
}
int read(sqlite3_file* file, void* out, int bytes, sqlite3_int64 offset) {
  OpenFile& f = self(file);
  const std::span<std::byte> buffer(static_cast<std::byte*>(out), static_cast<std::size_t>(bytes));
  const auto got = f.file->read(static_cast<std::uint64_t>(offset), buffer);
  if (!got) return f.context->note(*f.path, got.error(), SQLITE_IOERR_READ);
  if (*got == buffer.size()) return SQLITE_OK;
  std::ranges::fill(buffer.subspan(*got), std::byte{0});
  return SQLITE_IOERR_SHORT_READ;
}
int write(sqlite3_file* file, const void* from, int bytes, sqlite3_int64 offset) {
  OpenFile& f = self(file);
  const auto done =
      f.file->write(static_cast<std::uint64_t>(offset),
                    {static_cast<const char*>(from), static_cast<std::size_t>(bytes)});
  return done ? SQLITE_OK : f.context->note(*f.path, done.error(), SQLITE_IOERR_WRITE);
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
  OpenFile& f = self(file);
  const auto done = f.file->truncate(static_cast<std::uint64_t>(size));
  return done ? SQLITE_OK : f.context->note(*f.path, done.error(), SQLITE_IOERR_TRUNCATE);
}
int sync(sqlite3_file* file, int) {
  OpenFile& f = self(file);
  if (auto done = f.file->sync(); !done) {
    return f.context->note(*f.path, done.error(), SQLITE_IOERR_FSYNC);
  }
  if (!f.name_unsynced) return SQLITE_OK;
  if (auto done = f.context->files.sync_directory(folder_of(*f.path)); !done) {
    return f.context->note(*f.path, done.error(), SQLITE_IOERR_DIR_FSYNC);
  }
  f.name_unsynced = false;
  return SQLITE_OK;
}
int size(sqlite3_file* file, sqlite3_int64* out) {
  OpenFile& f = self(file);
  const auto bytes = f.file->size();
  if (!bytes) return f.context->note(*f.path, bytes.error(), SQLITE_IOERR_FSTAT);
  *out = static_cast<sqlite3_int64>(*bytes);
  return SQLITE_OK;
}
// Shared or exclusive makes no difference here: the first lock keeps all others out.
int lock(sqlite3_file* file, int) {
  OpenFile& f = self(file);
  if (f.locked) return SQLITE_OK;
  if (auto done = f.file->lock(kLockOffset, kLockLength); !done) {
    const bool busy = done.error().number == EAGAIN || done.error().number == EACCES;
    return f.context->note(*f.path, done.error(), busy ? SQLITE_BUSY : SQLITE_IOERR_LOCK);
  }
  f.locked = true;
  return SQLITE_OK;
}
int unlock(sqlite3_file*, int) {
  return SQLITE_OK;
}  // closing the file ends the lock
int check_reserved_lock(sqlite3_file*, int* out) {
  *out = 0;
  return SQLITE_OK;
}
int control(sqlite3_file*, int, void*) {
  return SQLITE_NOTFOUND;
}
int sector_size(sqlite3_file*) {
  return kSectorBytes;
}
// As SQLite's own VFS assumes: a write cut off by a power failure harms no byte beside it.
int characteristics(sqlite3_file*) {
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

// ---- The file system ----

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
  static const sqlite3_io_methods methods = {
      .iVersion = 1,  // neither shared memory nor memory mapping
      .xClose = close,
      .xRead = read,
      .xWrite = write,
      .xTruncate = truncate,
      .xSync = sync,
      .xFileSize = size,
      .xLock = lock,
      .xUnlock = unlock,
      .xCheckReservedLock = check_reserved_lock,
      .xFileControl = control,
      .xSectorSize = sector_size,
      .xDeviceCharacteristics = characteristics,
      .xShmMap = nullptr,
      .xShmLock = nullptr,
      .xShmBarrier = nullptr,
      .xShmUnmap = nullptr,
      .xFetch = nullptr,
      .xUnfetch = nullptr,
  };
  file->pMethods = nullptr;
  if (name == nullptr) return SQLITE_CANTOPEN;  // temporary files: temp_store is in memory
  VfsContext& c = context(vfs);
  const bool creates = (flags & SQLITE_OPEN_CREATE) != 0;
  const auto existed = c.files.exists(name);
  if (!existed) return c.note(name, existed.error(), SQLITE_CANTOPEN);
  auto opened = c.files.open(name, creates                               ? OpenMode::kCreate
                                   : (flags & SQLITE_OPEN_READONLY) != 0 ? OpenMode::kRead
                                                                         : OpenMode::kReadWrite);
  if (!opened) return c.note(name, opened.error(), SQLITE_CANTOPEN);
  new (file) OpenFile{{&methods}, &c, opened->release(), new std::string(name), !*existed, false};
  if (out != nullptr) *out = flags;
  return SQLITE_OK;
}
int remove(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  VfsContext& c = context(vfs);
  if (auto done = c.files.unlink(name); !done) {
    if (done.error().number == ENOENT) return SQLITE_IOERR_DELETE_NOENT;
    return c.note(name, done.error(), SQLITE_IOERR_DELETE);
  }
  if (sync_folder == 0) return SQLITE_OK;
  const auto done = c.files.sync_directory(folder_of(name));
  return done ? SQLITE_OK : c.note(name, done.error(), SQLITE_IOERR_DIR_FSYNC);
}
// As SQLite's own VFS, an empty file counts as none.
int access(sqlite3_vfs* vfs, const char* name, int, int* out) {
  *out = 0;
  const auto file = context(vfs).files.open(name, OpenMode::kRead);
  if (!file) return SQLITE_OK;
  const auto bytes = (*file)->size();
  *out = bytes && *bytes > 0 ? 1 : 0;
  return SQLITE_OK;
}
int full_path(sqlite3_vfs*, const char* name, int bytes, char* out) {
  if (std::strlen(name) + 1 > static_cast<std::size_t>(bytes)) return SQLITE_CANTOPEN;
  std::strcpy(out, name);
  return SQLITE_OK;
}
int randomness(sqlite3_vfs*, int bytes, char* out) {
  return system()->xRandomness(system(), bytes, out);
}
int sleep(sqlite3_vfs*, int microseconds) {
  return system()->xSleep(system(), microseconds);
}
int current_time(sqlite3_vfs*, double* out) {
  return system()->xCurrentTime(system(), out);
}
int last_error(sqlite3_vfs*, int, char*) {
  return 0;
}

}  // namespace

SqliteVfs::SqliteVfs(Files& files) : context_(std::make_unique<VfsContext>(files)) {
  static std::atomic<std::uint64_t> count = 0;
  context_->name = "skiptrain-" + std::to_string(++count);
  sqlite3_vfs& v = context_->vfs;
  v.iVersion = 1;
  v.szOsFile = sizeof(OpenFile);
  v.mxPathname = kMaxPathBytes;
  v.zName = context_->name.c_str();
  v.pAppData = context_.get();
  v.xOpen = open;
  v.xDelete = remove;
  v.xAccess = access;
  v.xFullPathname = full_path;
  v.xRandomness = randomness;
  v.xSleep = sleep;
  v.xCurrentTime = current_time;
  v.xGetLastError = last_error;
  SKIPTRAIN_CHECK(sqlite3_vfs_register(&v, 0) == SQLITE_OK, "the VFS is well-formed");
}

SqliteVfs::~SqliteVfs() {
  sqlite3_vfs_unregister(&context_->vfs);
}

const std::string& SqliteVfs::name() const {
  return context_->name;
}
const std::optional<SqliteVfs::Failure>& SqliteVfs::last_failure() const {
  return context_->last_failure;
}
const std::optional<SqliteVfs::Failure>& SqliteVfs::failed_sync() const {
  return context_->failed_sync;
}

}  // namespace skiptrain::store
