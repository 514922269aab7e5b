#include "store/atomic_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace skiptrain::store {
namespace {

// Closes on the way out; unlinks what was not renamed.
class TempFile {
 public:
  explicit TempFile(const std::string& beside) : path_(beside + ".tmp.XXXXXX") {
    fd_ = ::mkostemp(path_.data(), O_CLOEXEC);
  }
  ~TempFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    if (!kept_) ::unlink(path_.c_str());
  }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  bool is_open() const { return fd_ >= 0; }
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
  bool sync() { return ::fsync(fd_) == 0; }
  bool rename_to(const std::string& target) {
    kept_ = std::rename(path_.c_str(), target.c_str()) == 0;
    return kept_;
  }

 private:
  std::string path_;
  int fd_ = -1;
  bool kept_ = false;
};

bool sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  return done;
}

}  // namespace

Status replace_file(const std::string& path, std::span<const std::string_view> pieces) {
  const auto failed = [&](const char* what) {
    return fail(ErrorCode::kUnavailable, path + ": " + what + ": " + std::strerror(errno));
  };
  const std::string parent = std::filesystem::path(path).parent_path().string();
  TempFile temp(path);
  if (!temp.is_open()) return failed("cannot be created");
  for (const std::string_view piece : pieces) {
    if (!temp.write(piece)) return failed("cannot be written");
  }
  if (!temp.sync()) return failed("fsync failed");
  if (!temp.rename_to(path)) return failed("cannot be replaced");
  if (!sync_directory(parent.empty() ? "." : parent)) return failed("fsync of its folder failed");
  return {};
}

}  // namespace skiptrain::store
