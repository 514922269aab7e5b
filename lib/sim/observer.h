// Who watches a simulation: called on the thread that runs it, in an order that depends on the
// options and seeds alone; in that of virtual time, too, if SimulationOptions::in_time_order says
// so. An observer must not call back into the simulation.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "base/units.h"
#include "core/node.h"
#include "ports/trainer.h"
#include "sim/faults.h"

namespace skiptrain::sim {

struct Snapshot;

// Times are virtual. References are valid during the call only; a ParametersPtr may be kept.
class Observer {
 public:
  virtual ~Observer() = default;

  virtual void node_committed(Position, Instant, const core::Commit&) {}
  // The model after round `evaluate.after` of that node. Comes some virtual time after the
  // evaluation was asked for (`asked`), but before the node's next one.
  virtual void node_evaluated(Position, Instant /*asked*/, const core::Evaluate&,
                              const Result<ports::Evaluation>&) {}
  virtual void run_ended(Position, Instant, const core::RunEnded&) {}
  virtual void warned(Position, Instant, const std::string& /*message*/) {}
  virtual void fault_struck(Instant, const FaultKind&) {}
  // A new incarnation of a node is about to take its first step.
  virtual void node_started(Position, Instant, Incarnation) {}
  virtual void snapshot_taken(const Snapshot&) {}
};

// Sees every step of every node, behind it and before its effects are carried out. `local` is the
// node's own clock.
class StepWatcher {
 public:
  virtual ~StepWatcher() = default;
  virtual void node_stepped(Position, const core::Node&, const core::Event&, const core::Effects&,
                            Instant now, Instant local) = 0;
};

}  // namespace skiptrain::sim
