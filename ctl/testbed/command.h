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

// Looks `words[0]` up in $PATH and runs it with the other words, in a session of its own, so that
// Ctrl-C reaches us and not it. kNotFound if there is no such program; kTimeout if it has not ended
// within `limit`, and then it is killed. An exit code other than 0 is a result.
Result<CommandResult> run_command(const std::vector<std::string>& words, Duration limit);

}  // namespace skiptrain::ctl
