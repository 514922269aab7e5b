// A daemon's own folder: made if missing, held by one daemon at a time, and home of what outlives
// a process (store/state_store.h says what lies in it).
#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

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

  // Of the file `incarnation`, which daemons kept before there was a database; 0 without it.
  // kCorrupt if it is no number: the message says how to mend it.
  Result<Incarnation> old_incarnation() const;
  // Is there anything of a durable state, whole or not?
  bool has_state() const;
  // Moves the durable state, if there is any, into a new folder within this one; returns its path,
  // or "" if there was nothing to move.
  Result<std::string> set_aside();

 private:
  std::vector<std::filesystem::path> state_files(std::error_code& error) const;
  StateDir(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::filesystem::path path_;
  int lock_ = -1;  // an open file with an flock; the kernel drops it with the process
};

}  // namespace skiptrain::daemon
