// Writes a run down: one line for each step and each of its effects, in the order in which they
// happened (SimulationOptions::in_time_order). Two runs of the same options give the same bytes,
// however many workers train.
//
//   1.002300000 node 3 < update of round 7 from 4
//   1.002300000 node 3 > mix 7 of 4 inputs
//   1.002800000 node 3 > commit x(8) 9f86d081884c7d65 mixed 3
//
// The 16 digits are a hash of the parameters' bits. Models of evaluations and updates have it too.
#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <string>

#include "sim/observer.h"

namespace skiptrain::sim {

class EventLog : public Observer, public StepWatcher {
 public:
  // `out` must outlive the log. Add it both as observer and as step watcher.
  explicit EventLog(std::ostream& out) : out_(out) {}

  void node_stepped(Position, const core::Node&, const core::Event&, const core::Effects&,
                    Instant now, Instant local) override;
  void node_evaluated(Position, Instant asked, const core::Evaluate&,
                      const Result<ports::Evaluation>&) override;
  void fault_struck(Instant now, const FaultKind& fault) override;
  void node_started(Position, Instant now, Incarnation) override;

  std::uint64_t lines() const { return lines_; }

 private:
  void line(Instant when, const std::string& text);

  std::ostream& out_;
  std::uint64_t lines_ = 0;
};

// Of the bits of `values`, in order. The same on every machine.
std::uint64_t hash_parameters(std::span<const float> values);

}  // namespace skiptrain::sim
