// Whether this node trains in a round: the schedule's slot, the budget, and for the probabilistic
// policies a draw.
//
// The draw of round t comes from (run seed, NodeId, t) alone. So a run can be replayed, and a node
// that restarts or jumps over rounds decides the others as if nothing had happened.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "core/energy_budget.h"
#include "core/schedule.h"

namespace skiptrain::core {

class TrainingPolicy {
 public:
  struct Options {
    std::uint64_t run_seed = 0;
    NodeId node;
    std::uint64_t total_rounds = 0;
  };

  TrainingPolicy(const Options& options, const Schedule& schedule);

  const Schedule& schedule() const { return schedule_; }
  void set_schedule(const Schedule& schedule) { schedule_ = schedule; }

  // The probability of training in `round`, given that it is a train slot and the budget affords
  // it: 1 for dpsgd, skiptrain and greedy; min(tau / T_train, 1) for skiptrain-constrained
  // (arXiv 2407.01283, section 3.3, with tau of the whole budget); min(tau left / train slots left,
  // 1) for skiptrain-adaptive.
  double train_probability(Round round, const EnergyBudget& budget) const;

  // No policy trains beyond a budget that was set; greedy is dpsgd under a budget.
  bool should_train(Round round, const EnergyBudget& budget) const;

 private:
  Options options_;
  Schedule schedule_;
};

}  // namespace skiptrain::core
