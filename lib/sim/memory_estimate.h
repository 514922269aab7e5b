// How much memory a simulation will need, before it is started: what skiptrain-sim refuses sizes
// by that do not fit.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace skiptrain::sim {

struct SimulationSize {
  std::uint64_t nodes = 0;
  std::uint64_t parameter_count = 0;
  std::uint64_t degree = 0;  // the largest
  std::uint64_t workers = 1;
  bool evaluates_every_round = false;  // or close to it: evaluated models wait for a worker
  bool takes_snapshots = false;        // holds a second set of states for a while
  bool compresses = false;             // each node has a public copy, and memory to make the next
};

// Of the simulation alone: datasets, index lists, and the workspaces of trainers are the caller's.
struct MemoryEstimate {
  Bytes parameters = 0;  // buffers of x(t), of updates, of mixes
  Bytes nodes = 0;       // core state, links, counters
  Bytes workers = 0;     // stacks, blocks of mixes
  Bytes total() const { return parameters + nodes + workers; }
};

MemoryEstimate estimate_memory(const SimulationSize& size);

}  // namespace skiptrain::sim
