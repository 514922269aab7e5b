// What goes wrong in a simulated run, and when: an explicit plan, or one drawn from a seed.
//
// Plain values. A plan is complete before the run starts, so that a run with faults is replayed by
// its plan and seeds alone. Nodes are named by their position in the topology, from 0.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/units.h"
#include "core/topology/topology.h"

namespace skiptrain::sim {

using Position = core::Topology::Position;

// When a fault strikes.
struct AtTime {
  Instant when;  // virtual
};
// Right after `node` first committed x(round), or a later state.
struct AtCommit {
  Position node = 0;
  Round round;
};
using Trigger = std::variant<AtTime, AtCommit>;

// The node is gone, with all it had not committed; its links break.
struct Crash {
  Position node = 0;
};
// A new incarnation, from x(0) or from its last committed state. What it has spent of its budget
// stays spent. No effect on a node that is up.
struct Restart {
  Position node = 0;
  bool from_checkpoint = false;
};
// No message passes between nodes of different groups; nodes in no group form one more.
struct Partition {
  std::vector<std::vector<Position>> groups;
};
// Ends all partitions.
struct Heal {};
// Nothing that `from` sends reaches `to`; the other direction is not touched.
struct Cut {
  Position from = 0;
  Position to = 0;
};
struct Mend {
  Position from = 0;
  Position to = 0;
};
// The stream breaks: both sides learn of it, what was under way is lost, and it is dialled again
// after `down`.
struct BreakLink {
  Position a = 0;
  Position b = 0;
  Duration down{};
};
// Training and mixing take `factor` times as long from now on; 1 is as configured.
struct SlowDown {
  Position node = 0;
  double factor = 1.0;
};
// The node's clock jumps forwards, or stands still for -`by` (a monotonic clock never goes back).
struct StepClock {
  Position node = 0;
  Duration by{};
};
// The node's clock runs at `rate` times virtual time from now on.
struct SkewClock {
  Position node = 0;
  double rate = 1.0;
};
// The node's next `rounds` train rounds fail.
struct FailTraining {
  Position node = 0;
  std::uint32_t rounds = 1;
};

using FaultKind = std::variant<Crash, Restart, Partition, Heal, Cut, Mend, BreakLink, SlowDown,
                               StepClock, SkewClock, FailTraining>;

struct Fault {
  Trigger when;
  FaultKind what;
};

struct FaultPlan {
  std::vector<Fault> faults;
  // Beside them, at random, before `until`: each training and each state fetch fails with this
  // probability.
  double training_failure = 0.0;
  double fetch_failure = 0.0;
  Instant until = Instant::max();

  bool empty() const { return faults.empty() && training_failure == 0 && fetch_failure == 0; }
};

// How many faults of each kind to draw; all of them strike, and end, within `period`, but for nodes
// that do not come back.
struct RandomFaults {
  Duration period = std::chrono::seconds(10);
  std::uint32_t crashes = 0;
  double stays_down = 0.2;       // probability that a crashed node does not restart
  double from_checkpoint = 0.5;  // probability that one that restarts has its checkpoint
  std::uint32_t partitions = 0;
  std::uint32_t one_way_cuts = 0;
  std::uint32_t link_breaks = 0;
  std::uint32_t slow_nodes = 0;
  double max_slow_factor = 10.0;
  std::uint32_t clock_steps = 0;
  Duration max_clock_step = std::chrono::seconds(1);
  std::uint32_t clock_skews = 0;
  double max_clock_skew = 0.1;  // rates in [1 - this, 1 + this]
  double training_failure = 0.0;
  double fetch_failure = 0.0;
};

FaultPlan draw_faults(const RandomFaults& options, const core::Topology& topology,
                      std::uint64_t seed);

// kInvalidArgument, naming the fault and what is wrong with it: a position outside of the topology,
// a link it does not have, a factor or rate that is not above 0.
Status validate(const FaultPlan& plan, const core::Topology& topology);

// "crash of node 3", with NodeIds as the event log names them.
std::string to_string(const FaultKind& fault);

// How often what has happened.
struct FaultCounts {
  std::uint64_t crashes = 0;
  std::uint64_t restarts = 0;
  std::uint64_t partitions = 0;
  std::uint64_t cuts = 0;
  std::uint64_t link_breaks = 0;  // of any cause but a crash
  std::uint64_t slow_downs = 0;
  std::uint64_t clock_changes = 0;
  std::uint64_t training_failures = 0;  // made up; the trainer's own are not counted
  std::uint64_t fetch_failures = 0;     // of any cause
  std::uint64_t lost_messages = 0;      // by loss, or by a cut
  std::uint64_t duplicated_messages = 0;
  std::uint64_t reordered_messages = 0;
  std::uint64_t dropped_updates = 0;  // by a full queue
};

}  // namespace skiptrain::sim
