// What simulated runs came to: what `skipctl sim` gathers while it runs, and what its JSON, CSV and
// HTML (ctl/sim/report.h) are written from.
//
// Plain data, filled by the simulator's main program: one run, the policies of --compare, or the
// cells of --sweep.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ctl/report/run_results.h"
#include "ctl/testbed/options.h"

namespace skiptrain::ctl {

inline constexpr const char* kQuadraticTrainer = "quadratic";

struct SimulatedRun : RunResults {
  TestbedOptions options;  // what was asked for, of this run alone; with the learning rate
  std::string trainer;     // learn, or kQuadraticTrainer
  std::string network;     // lan, wifi, wan, or the file's name
  std::string faults;      // the file's name; empty for none
  std::uint32_t workers = 1;
};

struct SimulationResults {
  std::string command;  // as typed, for the report: "skipctl sim --nodes 64 ..."
  std::string version;  // of the program; kVersion
  std::vector<SimulatedRun> runs;
  std::optional<SweepGrid> sweep;
};

}  // namespace skiptrain::ctl
