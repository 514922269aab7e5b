// Writing files whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace skiptrain::ctl {

enum class FileAccess {
  kUsual,      // as the umask has it of any new file
  kOwnerOnly,  // mode 0600
};

// A file that appears under its name only when it is complete: written next to it, synced, then
// renamed over it. An instance that is not committed removes what it wrote.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path, FileAccess access = FileAccess::kUsual);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Status write(std::string_view data);
  Status commit();

 private:
  AtomicFile(std::string path, std::string temporary, FileAccess access, int fd);
  std::string path_;
  std::string temporary_;
  FileAccess access_ = FileAccess::kUsual;
  int fd_ = -1;
};

Status write_file(const std::string& path, std::string_view data);
// kNotFound if it cannot be read.
Result<std::string> read_file(const std::string& path);

// That what is at `path` can be believed: a file or folder of this user that nobody else may write
// to, not reached through somebody else's symbolic link. In /tmp anyone may make a folder of any
// name. kNotFound if there is nothing; kPreconditionFailed says what is wrong with it.
Status check_private(const std::string& path);

}  // namespace skiptrain::ctl
