#include "core/energy_budget.h"

#include <cmath>
#include <limits>

namespace skiptrain::core {

EnergyBudget::EnergyBudget(std::optional<WattHours> budget, WattHours cost_per_round,
                           WattHours spent)
    : budget_(budget), estimate_(cost_per_round), cost_per_round_(cost_per_round), spent_(spent) {}

std::uint64_t EnergyBudget::rounds_in(WattHours amount, WattHours cost) {
  // Sums of k equal charges differ from k times the charge by rounding errors; without this slack
  // the last round of an exactly sized budget would be lost to them.
  constexpr double kSlack = 1e-9;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  if (cost.value() <= 0) return kMost;
  const double rounds = std::floor(amount / cost + kSlack);
  if (rounds >= static_cast<double>(kMost)) return kMost;
  return rounds <= 0 ? 0 : static_cast<std::uint64_t>(rounds);
}

std::optional<std::uint64_t> EnergyBudget::affordable_rounds() const {
  if (!budget_) return std::nullopt;
  return rounds_in(*budget_, estimate_);
}

std::optional<std::uint64_t> EnergyBudget::affordable_rounds_left() const {
  if (!budget_) return std::nullopt;
  return rounds_in(*budget_ - spent_, cost_per_round_);
}

bool EnergyBudget::can_afford_round() const {
  return affordable_rounds_left().value_or(1) >= 1;
}

void EnergyBudget::charge_round() {
  charged_ = cost_per_round_;
  spent_ += charged_;
}

void EnergyBudget::refund_round() {
  spent_ -= charged_;
  charged_ = WattHours(0);
}

void EnergyBudget::settle_round(WattHours measured) {
  spent_ += measured - charged_;
  ++measured_rounds_;
  measured_ += measured;
  // A meter too coarse to see a round, or one that stands still, must not make rounds free.
  const WattHours mean = measured_ * (1.0 / static_cast<double>(measured_rounds_));
  cost_per_round_ = mean.value() > 0 ? mean : estimate_;
}

}  // namespace skiptrain::core
