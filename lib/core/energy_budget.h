// What a node has spent on training and may still spend, in watt-hours.
//
// A train round is charged before it starts (the intent) and settled when it ended: with the
// meter's reading if there is one, else with the estimate. Only a round that the rest can pay for
// may start, so by the estimates a budget is never overrun.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.h"

namespace skiptrain::core {

class EnergyBudget {
 public:
  // `budget`: nullopt for no limit. `cost_per_round` > 0 unless nothing is ever trained.
  EnergyBudget(std::optional<WattHours> budget, WattHours cost_per_round);

  std::optional<WattHours> budget() const { return budget_; }
  WattHours spent() const { return spent_; }
  WattHours cost_per_round() const { return cost_per_round_; }

  // tau at the start of the run: floor(budget / cost). nullopt without a limit.
  std::optional<std::uint64_t> affordable_rounds() const;
  // tau now: floor(what is left / cost).
  std::optional<std::uint64_t> affordable_rounds_left() const;
  bool can_afford_round() const;

  // Before training: charges the estimate.
  void charge_round();
  // After training: replaces the last charge by what was measured.
  void settle_round(WattHours measured);
  // The estimate for rounds from now on.
  void set_cost_per_round(WattHours cost) { cost_per_round_ = cost; }
  // A new limit; what is spent stays spent.
  void set_budget(std::optional<WattHours> budget) { budget_ = budget; }

 private:
  std::optional<std::uint64_t> rounds_in(WattHours amount) const;

  std::optional<WattHours> budget_;
  WattHours cost_per_round_;
  WattHours spent_;
};

}  // namespace skiptrain::core
