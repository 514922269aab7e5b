// Whole clusters under crashes, restarts, partitions, broken and one-way links, slow nodes, odd
// clocks, and messages lost, duplicated and overtaken: the invariants hold after every step, every
// node that is up ends its run, and every kind of fault did happen.
#include <gtest/gtest.h>

#include "tests/sim/fuzz_case.h"

namespace skiptrain::sim::testing {
namespace {

TEST(SimFaultsTest, InvariantsHoldAndEveryNodeEndsItsRun) {
  constexpr std::uint64_t kFirst = 1'000'000;  // others than the fuzz starts with
  constexpr std::uint64_t kSeeds = 200;
  FaultCounts total;
  std::uint64_t mixes = 0;
  std::uint64_t means = 0;
  std::uint64_t catch_ups = 0;
  std::uint64_t deadline_hits = 0;
  for (std::uint64_t seed = kFirst; seed < kFirst + kSeeds; ++seed) {
    const FuzzResult result = run_case(seed);
    ASSERT_TRUE(result.violations.empty()) << "seed " << seed << ": " << result.violations.front();
    total.crashes += result.faults.crashes;
    total.restarts += result.faults.restarts;
    total.partitions += result.faults.partitions;
    total.cuts += result.faults.cuts;
    total.link_breaks += result.faults.link_breaks;
    total.slow_downs += result.faults.slow_downs;
    total.clock_changes += result.faults.clock_changes;
    total.training_failures += result.faults.training_failures;
    total.fetch_failures += result.faults.fetch_failures;
    total.lost_messages += result.faults.lost_messages;
    total.duplicated_messages += result.faults.duplicated_messages;
    total.reordered_messages += result.faults.reordered_messages;
    mixes += result.mixes_checked;
    means += result.means_checked;
    catch_ups += result.catch_ups;
    deadline_hits += result.deadline_hits;
  }
  // The faults did happen, and so did what they are meant to cause.
  EXPECT_GT(total.crashes, 100u);
  EXPECT_GT(total.restarts, 100u);
  EXPECT_GT(total.partitions, 50u);
  EXPECT_GT(total.cuts, 100u);
  EXPECT_GT(total.link_breaks, 100u);
  EXPECT_GT(total.slow_downs, 100u);
  EXPECT_GT(total.clock_changes, 100u);
  EXPECT_GT(total.training_failures, 100u);
  EXPECT_GT(total.fetch_failures, 50u);
  EXPECT_GT(total.lost_messages, 1000u);
  EXPECT_GT(total.duplicated_messages, 1000u);
  EXPECT_GT(total.reordered_messages, 1000u);
  EXPECT_GT(catch_ups, 100u);
  EXPECT_GT(deadline_hits, 500u);
  EXPECT_GT(means, 200u);
  EXPECT_GT(mixes, 10'000u);
}

}  // namespace
}  // namespace skiptrain::sim::testing
