// One case of the protocol fuzz: everything drawn from its seed, run under the invariants.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "sim/simulation.h"

namespace skiptrain::sim::testing {

struct FuzzResult {
  std::vector<std::string> violations;  // empty: all is well
  FaultCounts faults;
  std::uint64_t steps = 0;
  std::uint64_t mixes_checked = 0;
  std::uint64_t means_checked = 0;
  std::uint64_t catch_ups = 0;
  std::uint64_t deadline_hits = 0;
  std::uint64_t stale_mixed = 0;
  core::RoundRules rules;
  bool calm = false;
};

// A random topology, policy, budget, network, plan of faults, round mode and quorum. One seed in
// eight is calm: there nothing goes wrong, so nothing may be missed, and mixing must preserve the
// mean (but for mode async and quorums below 1, which leave updates out by design).
SimulationOptions draw_case(std::uint64_t seed, bool* calm);

// `log`: where the events are written, or nullptr.
FuzzResult run_case(std::uint64_t seed, std::ostream* log = nullptr);

}  // namespace skiptrain::sim::testing
