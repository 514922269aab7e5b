#include "core/energy_budget.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace skiptrain::core {
namespace {

// How many rounds a node trains that charges the estimate each time.
std::uint64_t rounds_until_spent(EnergyBudget budget) {
  std::uint64_t rounds = 0;
  while (budget.can_afford_round()) {
    budget.charge_round();
    ++rounds;
  }
  return rounds;
}

TEST(EnergyBudgetTest, WithoutALimitEveryRoundIsAffordable) {
  EnergyBudget budget(std::nullopt, WattHours(1));
  for (int i = 0; i < 1000; ++i) budget.charge_round();
  EXPECT_TRUE(budget.can_afford_round());
  EXPECT_EQ(budget.affordable_rounds(), std::nullopt);
  EXPECT_EQ(budget.affordable_rounds_left(), std::nullopt);
  EXPECT_DOUBLE_EQ(budget.spent().value(), 1000.0);
}

TEST(EnergyBudgetTest, WhatWasSpentBeforeCountsAgainstTheBudget) {
  const EnergyBudget budget(WattHours(10), WattHours(1), WattHours(7.5));
  EXPECT_EQ(budget.spent(), WattHours(7.5));
  EXPECT_EQ(budget.affordable_rounds(), 10u);
  EXPECT_EQ(budget.affordable_rounds_left(), 2u);
  EXPECT_EQ(rounds_until_spent(budget), 2u);
}

struct DeviceCase {
  const char* name;
  double cost_wh;
  double battery_wh;
  std::uint64_t rounds;
};

class EnergyBudgetDeviceTest : public testing::TestWithParam<DeviceCase> {};

// As in SkipTrain's energy traces (arXiv 2407.01283): a tenth of each phone's battery, 89 834
// parameters, 20 steps of batch 32.
TEST_P(EnergyBudgetDeviceTest, ATenthOfTheBatteryPaysForThePapersRounds) {
  const EnergyBudget budget(WattHours(GetParam().battery_wh * 0.1), WattHours(GetParam().cost_wh));
  EXPECT_EQ(budget.affordable_rounds(), GetParam().rounds);
  EXPECT_EQ(rounds_until_spent(budget), GetParam().rounds);
}
INSTANTIATE_TEST_SUITE_P(Devices, EnergyBudgetDeviceTest,
                         testing::Values(DeviceCase{"xiaomi", 0.006532875, 17.8, 272},
                                         DeviceCase{"galaxy", 0.005986076, 19.4, 324},
                                         DeviceCase{"oneplus", 0.002556283, 17.41, 681},
                                         DeviceCase{"poco", 0.008519120, 23.2, 272}),
                         [](const auto& info) { return info.param.name; });

TEST(EnergyBudgetTest, PartsOfARoundDoNotCount) {
  EXPECT_EQ(EnergyBudget(WattHours(2.999), WattHours(1)).affordable_rounds(), 2u);
  EXPECT_EQ(EnergyBudget(WattHours(0.999), WattHours(1)).affordable_rounds(), 0u);
  EXPECT_FALSE(EnergyBudget(WattHours(0.999), WattHours(1)).can_afford_round());
  EXPECT_FALSE(EnergyBudget(WattHours(0), WattHours(1)).can_afford_round());
}

// Sums of 0.1 fall short of, or exceed, multiples of 0.1 in the last bits.
TEST(EnergyBudgetTest, RoundingErrorsDoNotLoseTheLastRound) {
  for (const double cost : {0.1, 0.3, 0.006532875, 1.0 / 3.0}) {
    for (const std::uint64_t rounds : {1u, 3u, 10u, 272u, 1000u}) {
      const EnergyBudget budget(WattHours(cost * static_cast<double>(rounds)), WattHours(cost));
      EXPECT_EQ(budget.affordable_rounds(), rounds) << cost;
      EXPECT_EQ(rounds_until_spent(budget), rounds) << cost;
    }
  }
}

TEST(EnergyBudgetTest, SettlingReplacesTheEstimateByTheReading) {
  EnergyBudget budget(WattHours(10), WattHours(2));
  budget.charge_round();
  EXPECT_DOUBLE_EQ(budget.spent().value(), 2.0);
  budget.settle_round(WattHours(3.5));
  EXPECT_DOUBLE_EQ(budget.spent().value(), 3.5);
  EXPECT_DOUBLE_EQ(budget.cost_per_round().value(), 3.5);
  EXPECT_EQ(budget.affordable_rounds_left(), 1u);
  budget.charge_round();
  budget.settle_round(WattHours(0.5));
  EXPECT_DOUBLE_EQ(budget.spent().value(), 4.0);
  EXPECT_DOUBLE_EQ(budget.cost_per_round().value(), 2.0) << "the mean of 3.5 and 0.5";
  EXPECT_EQ(budget.affordable_rounds(), 5u) << "of the whole budget, by the estimate";
}

TEST(EnergyBudgetTest, ANewLimitLeavesWhatIsSpent) {
  EnergyBudget budget(WattHours(3), WattHours(1));
  budget.charge_round();
  budget.charge_round();
  budget.set_budget(WattHours(2));
  EXPECT_FALSE(budget.can_afford_round());
  EXPECT_DOUBLE_EQ(budget.spent().value(), 2.0);
  budget.set_budget(WattHours(1));  // below what is spent already
  EXPECT_EQ(budget.affordable_rounds_left(), 0u);
  budget.set_budget(WattHours(4.5));
  EXPECT_EQ(budget.affordable_rounds_left(), 2u);
  budget.set_budget(std::nullopt);
  EXPECT_TRUE(budget.can_afford_round());
}

TEST(EnergyBudgetTest, FreeRoundsAreAlwaysAffordable) {
  EXPECT_TRUE(EnergyBudget(WattHours(0), WattHours(0)).can_afford_round());
}

TEST(EnergyBudgetTest, MoreRoundsThanAnIntegerHoldsAreAsManyAsItHolds) {
  const EnergyBudget budget(WattHours(1e30), WattHours(1e-9));
  EXPECT_EQ(budget.affordable_rounds(), std::numeric_limits<std::uint64_t>::max());
}

// Battery gauges are coarser than a round, and a counter in a virtual machine may stand still.
TEST(EnergyBudgetTest, AMeterThatReadsNothingDoesNotMakeRoundsFree) {
  EnergyBudget budget(WattHours(10), WattHours(2));
  budget.charge_round();
  budget.settle_round(WattHours(0));
  EXPECT_DOUBLE_EQ(budget.cost_per_round().value(), 2.0);
  EXPECT_EQ(budget.affordable_rounds_left(), 5u);
  budget.set_budget(WattHours(0));
  EXPECT_FALSE(budget.can_afford_round());
}

}  // namespace
}  // namespace skiptrain::core
