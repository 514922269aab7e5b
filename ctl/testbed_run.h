// `testbed run`: start, watch, collect, end.
#pragma once

#include "ctl/commands.h"
#include "ctl/testbed/options.h"

namespace skiptrain::ctl {

// How `testbed run` shows that it moves; on standard error, so that JSON stays clean.
struct ProgressOptions {
  bool forced = false;  // also where standard error is no terminal and the output is JSON
};

Outcome<ExitCode> run_testbed(Context& context, const TestbedOptions& options,
                              const ProgressOptions& progress);

}  // namespace skiptrain::ctl
