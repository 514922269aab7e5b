// Made-up results with the shapes of real ones, for the tests of the report: accuracies that rise
// and level off, consensus distances that jump in train rounds and shrink in sync rounds.
#pragma once

#include <cstdint>
#include <string>

#include "ctl/sim/results.h"

namespace skiptrain::ctl {

struct SampleOptions {
  std::string label;
  core::Schedule schedule{core::Policy::kSkipTrain, 4, 4};
  std::uint32_t nodes = 64;
  std::uint64_t rounds = 80;
  std::string topology = "regular:6";
  std::uint64_t evaluate_every = 4;  // 0: never, not even at the end
  std::uint64_t seed = 1;
};

SimulatedRun sample_run(const SampleOptions& options);

// The five policies on one graph; the greedy one was interrupted.
SimulationResults sample_comparison();
// Gammas 1 to 4; the last cell was not reached.
SimulationResults sample_sweep();
// One short run of few nodes without an evaluation.
SimulationResults sample_without_evaluation();
// One run of the quadratic trainer on a graph that is too large to be drawn: a loss, no accuracy.
SimulationResults sample_quadratic();

}  // namespace skiptrain::ctl
