// A daemon's own folder: made if missing, held by one daemon at a time, and home of what outlives
// a process (today the incarnation; its grammar is one decimal number in the file `incarnation`).
#pragma once

#include <filesystem>

#include "base/error.h"
#include "base/ids.h"

namespace skiptrain::daemon {

class StateDir {
 public:
  // Makes the folder (mode 0700) and locks it. kPreconditionFailed if another daemon holds it,
  // kUnavailable if it cannot be made or written; the message names the path.
  static Result<StateDir> open(const std::filesystem::path& path);

  StateDir(StateDir&& other) noexcept;
  StateDir& operator=(StateDir&& other) noexcept;
  ~StateDir();

  const std::filesystem::path& path() const { return path_; }

  // One more than at the last start, on disk before it returns. kCorrupt if the file is no number:
  // the message says which file to mend.
  Result<Incarnation> next_incarnation();
  // From now on the newest start counts as at least this, on disk before it returns.
  Status raise_incarnation(Incarnation incarnation);

 private:
  StateDir(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::filesystem::path path_;
  int lock_ = -1;  // an open file with an flock; the kernel drops it with the process
};

}  // namespace skiptrain::daemon
