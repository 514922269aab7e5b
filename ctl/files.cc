#include "ctl/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace skiptrain::ctl {
namespace {

constexpr mode_t kFileMode = 0644;
constexpr mode_t kPrivateMode = 0600;

std::string system_error(const std::string& path) {
  return path + ": " + std::strerror(errno);
}

}  // namespace

AtomicFile::AtomicFile(std::string path, std::string temporary, FileAccess access, int fd)
    : path_(std::move(path)), temporary_(std::move(temporary)), access_(access), fd_(fd) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      access_(other.access_),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(temporary_.c_str());
}

Result<AtomicFile> AtomicFile::create(const std::string& path, FileAccess access) {
  std::string temporary = path + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kInvalidArgument;
    return fail(code, "cannot write " + system_error(path));
  }
  return AtomicFile(path, std::move(temporary), access, fd);
}

Status AtomicFile::write(std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd_, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(ErrorCode::kInternal, "cannot write " + system_error(path_));
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status AtomicFile::commit() {
  // mkostemp makes it private; what is exported is as readable as any other new file.
  const mode_t mask = umask(0);
  umask(mask);
  const mode_t mode = access_ == FileAccess::kOwnerOnly ? kPrivateMode : kFileMode & ~mask;
  if (fchmod(fd_, mode) != 0 || fsync(fd_) != 0 || rename(temporary_.c_str(), path_.c_str()) != 0) {
    return fail(ErrorCode::kInternal, "cannot write " + system_error(path_));
  }
  close(std::exchange(fd_, -1));
  return {};
}

Status write_file(const std::string& path, std::string_view data) {
  auto file = AtomicFile::create(path);
  if (!file) return tl::unexpected(file.error());
  if (auto written = file->write(data); !written) return written;
  return file->commit();
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::kNotFound, "cannot read " + system_error(path));
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

Status check_private(const std::string& path) {
  struct stat here {};
  struct stat target {};
  if (lstat(path.c_str(), &here) != 0 || stat(path.c_str(), &target) != 0) {
    return fail(ErrorCode::kNotFound, system_error(path));
  }
  const uid_t us = geteuid();
  if (here.st_uid != us || target.st_uid != us) {
    const uid_t other = here.st_uid != us ? here.st_uid : target.st_uid;
    return fail(ErrorCode::kPreconditionFailed,
                path + ": belongs to user " + std::to_string(other) + ": must be your own (user " +
                    std::to_string(us) + ")");
  }
  if ((target.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(ErrorCode::kPreconditionFailed,
                path + ": others may write to it: must be writable by you alone; if its contents " +
                    "are yours: chmod go-w " + path);
  }
  return {};
}

}  // namespace skiptrain::ctl
