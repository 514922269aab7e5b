// Simulated runs as text for a terminal.
#pragma once

#include "ctl/render.h"
#include "ctl/sim/results.h"

namespace skiptrain::ctl {

// One run: its nodes (up to a screenful), and what they came to together. Several: a line each.
void print_results(const SimulationResults& results, Screen& screen);

}  // namespace skiptrain::ctl
