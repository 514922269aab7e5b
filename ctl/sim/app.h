// skiptrain-sim as a function: words in, exit code out, text to a Screen. main.cc and the tests
// call it.
#pragma once

#include <string>
#include <vector>

#include "ctl/failure.h"
#include "ctl/render.h"

namespace skiptrain::ctl {

// `arguments` without the program's name. Blocks until the simulation is over.
ExitCode run_simulator(const std::vector<std::string>& arguments, Screen& screen);

}  // namespace skiptrain::ctl
