// A consistent cut of a run: every node's committed state at one round, with what it had spent and
// sent until then. What a checkpoint file holds, and what a run is resumed from.
//
// In a run without faults the resumed run computes bit for bit what the uninterrupted one does. Not
// in it: messages under way, local clocks, learnt deadlines, and optimizer state that a trainer
// keeps between rounds. A node that was down, or jumped over the round, is in it with the state
// that it committed last, or first behind it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "core/schedule.h"
#include "model/parameters.h"

namespace skiptrain::sim {

// What a node has done since its run began, over all its incarnations and resumptions.
struct NodeTotals {
  WattHours energy_spent;
  std::uint64_t train_rounds = 0;
  std::uint64_t updates_mixed = 0;   // of neighbours
  std::uint64_t updates_missed = 0;  // waited for in vain
  Bytes bytes_sent = 0;
  std::uint64_t messages_sent = 0;
  Duration train_time{};  // virtual
  Duration wait_time{};

  bool operator==(const NodeTotals&) const = default;
};

struct NodeSnapshot {
  Round round;               // `parameters` are x(round)
  ParametersPtr parameters;  // null: it never committed anything; it starts from x(0)
  bool up = true;
  std::uint64_t incarnation = 1;
  NodeTotals totals;
  Instant committed_at{};
};

struct Snapshot {
  Round round;
  Instant virtual_time{};  // of the last node's commit
  std::uint64_t run_seed = 0;
  std::uint64_t total_rounds = 0;
  std::vector<NodeSnapshot> nodes;  // by position
};

}  // namespace skiptrain::sim
