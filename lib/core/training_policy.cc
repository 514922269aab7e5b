#include "core/training_policy.h"

#include <algorithm>

#include "base/rng.h"

namespace skiptrain::core {

TrainingPolicy::TrainingPolicy(const Options& options, const Schedule& schedule)
    : options_(options), schedule_(schedule) {}

double TrainingPolicy::train_probability(Round round, const EnergyBudget& budget) const {
  if (!is_probabilistic(schedule_.policy) || !budget.budget()) return 1.0;
  double affordable = 0.0;
  double slots = 0.0;
  if (schedule_.policy == Policy::kSkipTrainConstrained) {
    affordable = static_cast<double>(*budget.affordable_rounds());
    slots = schedule_.expected_train_rounds(options_.total_rounds);
  } else {
    affordable = static_cast<double>(*budget.affordable_rounds_left());
    slots = static_cast<double>(schedule_.train_slots(round, Round(options_.total_rounds)));
  }
  return slots <= 0 ? 0.0 : std::min(affordable / slots, 1.0);
}

bool TrainingPolicy::should_train(Round round, const EnergyBudget& budget) const {
  if (!schedule_.is_train_slot(round) || !budget.can_afford_round()) return false;
  if (!is_probabilistic(schedule_.policy)) return true;
  Rng rng(derive_seed({options_.run_seed, options_.node.value(), round.value(), 0x7261696e}));
  return rng.uniform() < train_probability(round, budget);
}

}  // namespace skiptrain::core
