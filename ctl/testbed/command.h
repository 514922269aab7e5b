// Running a program of somebody else's, such as docker, to its end.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace skiptrain::ctl {

struct CommandResult {
  int exit_code = 0;   // 128 + N if signal N ended it
  std::string output;  // standard output
  std::string errors;  // standard error
};

struct CommandOptions {
  Duration limit;
  bool interruptible = false;  // while there is an InterruptGuard (process.h)
};

// Looks `words[0]` up in $PATH and runs it with the other words, in a session of its own, so that
// Ctrl-C reaches us and not it. An exit code other than 0 is a result. kNotFound if there is no
// such program. What has not ended within the limit, or by the time of an interrupt, is ended with
// what it started: kTimeout, or kInternal "interrupted".
Result<CommandResult> run_command(const std::vector<std::string>& words,
                                  const CommandOptions& options);

}  // namespace skiptrain::ctl
