// What goes wrong in a simulation, from a TOML file:
//
//   training_failure = 0.01   # probability that a train round fails
//   fetch_failure = 0.0       # that fetching a neighbour's state does
//   until = "60s"             # both only before this virtual time
//
//   [[fault]]
//   at = "12s"                # virtual time, or:
//   after_round = 10          # when the node `of` has done this many rounds
//   of = 3                    # (default: the node that the fault is about)
//   kind = "crash"            # and the keys of its kind:
//
//   crash           node
//   restart         node, from_checkpoint (default false)
//   partition       groups = [[0, 1], [2, 3]]; nodes in no group form one more
//   heal
//   cut, mend       from, to: one direction
//   break-link      between = [0, 3], down = "2s"
//   slow-down       node, factor: 10 is ten times slower, 1 is back to normal
//   step-clock      node, by = "1s", backwards (default false: the clock jumps ahead)
//   skew-clock      node, rate: 1.01 runs one per cent fast
//   fail-training   node, rounds (default 1)
//
//   [random]                  # drawn besides, from a seed
//   seed = 1                  # and period, crashes, stays_down, from_checkpoint, partitions,
//                             # one_way_cuts, link_breaks, slow_nodes, max_slow_factor,
//                             # clock_steps, max_clock_step, clock_skews, max_clock_skew
#pragma once

#include <string>

#include "base/error.h"
#include "core/topology/topology.h"
#include "sim/faults.h"

namespace skiptrain::ctl {

// kNotFound: no such file. kInvalidArgument names file, line and what is allowed.
Result<sim::FaultPlan> load_faults(const std::string& path, const core::Topology& topology);

}  // namespace skiptrain::ctl
