#include "store/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace skiptrain::store {
namespace {

tl::unexpected<FileError> failed(FileOperation operation) {
  return tl::unexpected<FileError>(FileError{operation, errno});
}

class RealFile final : public File {
 public:
  explicit RealFile(int fd) : fd_(fd) {}
  ~RealFile() override { ::close(fd_); }
  RealFile(const RealFile&) = delete;
  RealFile& operator=(const RealFile&) = delete;

  FileResult<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t got =
          ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed(FileOperation::kRead);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  FileStatus write(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed(FileOperation::kWrite);
      bytes.remove_prefix(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
    return {};
  }

  FileStatus truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return failed(FileOperation::kTruncate);
    return {};
  }

  FileStatus sync() override {
    if (::fsync(fd_) != 0) return failed(FileOperation::kSync);
    return {};
  }

  FileResult<std::uint64_t> size() override {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return failed(FileOperation::kRead);
    if (!S_ISREG(info.st_mode)) {
      return tl::unexpected<FileError>(FileError{FileOperation::kRead, EISDIR});
    }
    return static_cast<std::uint64_t>(info.st_size);
  }

  FileStatus lock(std::uint64_t offset, std::uint64_t length) override {
    // Of the open file, not of the process: another part of this process that opens and closes the
    // same file does not drop it.
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<off_t>(offset);
    range.l_len = static_cast<off_t>(length);
    if (::fcntl(fd_, F_OFD_SETLK, &range) != 0) return failed(FileOperation::kLock);
    return {};
  }

 private:
  const int fd_;
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT;
    case OpenMode::kCreateNew:
      break;
  }
  return O_RDWR | O_CREAT | O_EXCL;
}

class RealFiles final : public Files {
 public:
  FileResult<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const int fd = ::open(path.c_str(), flags_of(mode) | O_CLOEXEC, 0600);
    if (fd < 0) return failed(FileOperation::kOpen);
    return std::make_unique<RealFile>(fd);
  }

  FileStatus rename(const std::string& from, const std::string& to) override {
    if (std::rename(from.c_str(), to.c_str()) != 0) return failed(FileOperation::kRename);
    return {};
  }

  FileStatus unlink(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return failed(FileOperation::kUnlink);
    return {};
  }

  FileStatus sync_directory(const std::string& folder) override {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed(FileOperation::kSyncDirectory);
    const int done = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    errno = error;
    if (done != 0) return failed(FileOperation::kSyncDirectory);
    return {};
  }

  FileResult<std::vector<std::string>> list(const std::string& folder) override {
    DIR* open_folder = ::opendir(folder.c_str());
    if (open_folder == nullptr) return failed(FileOperation::kList);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(open_folder)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    const int error = errno;
    ::closedir(open_folder);
    errno = error;
    if (error != 0) return failed(FileOperation::kList);
    std::ranges::sort(names);
    return names;
  }

  FileResult<bool> exists(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failed(FileOperation::kRead);
  }
};

}  // namespace

bool is_full_disk(const FileError& error) {
  const bool syncs =
      error.operation == FileOperation::kSync || error.operation == FileOperation::kSyncDirectory;
  return !syncs && (error.number == ENOSPC || error.number == EDQUOT);
}

std::string to_string(const FileError& error) {
  const auto what = [&] {
    switch (error.operation) {
      case FileOperation::kOpen:
        return "cannot be opened";
      case FileOperation::kRead:
        return "cannot be read";
      case FileOperation::kWrite:
        return "cannot be written";
      case FileOperation::kTruncate:
        return "cannot be cut";
      case FileOperation::kSync:
        return "fsync failed";
      case FileOperation::kRename:
        return "cannot be replaced";
      case FileOperation::kUnlink:
        return "cannot be deleted";
      case FileOperation::kSyncDirectory:
        return "fsync of its folder failed";
      case FileOperation::kList:
        return "cannot be listed";
      case FileOperation::kLock:
        return "is in use by another program";
    }
    return "failed";
  };
  return std::string(what()) + ": " + std::strerror(error.number);
}

Error to_error(const std::string& path, const FileError& error) {
  const ErrorCode code = is_full_disk(error) ? ErrorCode::kResourceExhausted
                         : error.operation == FileOperation::kOpen && error.number == ENOENT
                             ? ErrorCode::kNotFound
                             : ErrorCode::kUnavailable;
  return {code, path + ": " + to_string(error)};
}

Files& real_files() {
  static RealFiles files;
  return files;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace skiptrain::store
