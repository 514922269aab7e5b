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
  // `budget`: nullopt for no limit. `cost_per_round` > 0 unless nothing is ever trained. `spent`:
  // of the budget, before this object was made.
  EnergyBudget(std::optional<WattHours> budget, WattHours cost_per_round, WattHours spent = {});

  std::optional<WattHours> budget() const { return budget_; }
  WattHours spent() const { return spent_; }
  // Expected of the next round: the mean of those measured, or the estimate before one was.
  WattHours cost_per_round() const { return cost_per_round_; }

  // tau of the whole budget: floor(budget / estimate), whatever was measured since. nullopt without
  // a limit.
  std::optional<std::uint64_t> affordable_rounds() const;
  // tau now: floor(what is left / cost).
  std::optional<std::uint64_t> affordable_rounds_left() const;
  bool can_afford_round() const;

  // Before training: charges what the round is expected to cost.
  void charge_round();
  // After training: replaces the last charge by what was measured, and learns from it what a round
  // costs, so that what is left is planned by what this device really draws.
  void settle_round(WattHours measured);
  // Instead of training: takes the last charge back.
  void refund_round();
  // A new estimate; to be set before the first round.
  void set_cost_per_round(WattHours cost) { estimate_ = cost_per_round_ = cost; }
  // A new limit; what is spent stays spent.
  void set_budget(std::optional<WattHours> budget) { budget_ = budget; }

 private:
  static std::uint64_t rounds_in(WattHours amount, WattHours cost);

  std::optional<WattHours> budget_;
  WattHours estimate_;
  WattHours cost_per_round_;
  WattHours spent_;
  WattHours charged_;   // by the last charge_round
  WattHours measured_;  // by all settled rounds
  std::uint64_t measured_rounds_ = 0;
};

}  // namespace skiptrain::core
