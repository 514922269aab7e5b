// Runs simulations one after the other and gathers what came out.
#pragma once

#include "ctl/failure.h"
#include "ctl/render.h"
#include "ctl/sim/options.h"
#include "ctl/sim/results.h"

namespace skiptrain::ctl {

// Everything that `options` ask for. Interrupted by a signal it returns what it has, with the runs
// marked. Progress goes to `screen.err` if `show_progress`.
Outcome<SimulationResults> simulate(const SimOptions& options, bool show_progress, Screen& screen);

}  // namespace skiptrain::ctl
