// Whole clusters whose nodes come and go: the protocol core under churn, checked for each seed.
#include <gtest/gtest.h>

#include "tests/sim/living_world.h"

namespace skiptrain::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void start_together(LivingWorld& world, std::uint64_t nodes) {
  for (std::uint64_t id = 0; id < nodes; ++id) world.start(id);
}

// All are within two rounds of each other, and mix with just the neighbours that they should have.
void expect_in_step(LivingWorld& world, const std::string& when) {
  Round least(UINT64_MAX);
  Round most(0);
  for (const std::uint64_t id : world.alive()) {
    least = std::min(least, world.round(id));
    most = std::max(most, world.round(id));
  }
  EXPECT_LE(most.value(), least.value() + 2) << when;
  for (const std::uint64_t id : world.alive()) {
    ASSERT_TRUE(world.last_round(id)) << when << ", node " << id;
    EXPECT_EQ(world.last_round(id)->neighbours_mixed, world.wanted(id).size())
        << when << ", node " << id << " in round " << world.round(id);
  }
  for (const std::string& violation : world.violations())
    ADD_FAILURE() << when << ": " << violation;
}

void expect_progress(LivingWorld& world, std::uint64_t rounds, Duration within,
                     const std::string& when) {
  std::map<std::uint64_t, Round> before;
  for (const std::uint64_t id : world.alive()) before[id] = world.round(id);
  world.run_for(within);
  for (const auto& [id, round] : before) {
    EXPECT_GE(world.round(id).value(), round.value() + rounds) << when << ", node " << id;
  }
}

TEST(LivingClusterSimTest, ACalmClusterMixesAlongEveryEdgeInEveryRound) {
  LivingWorld world({.seed = 1});
  start_together(world, 12);
  world.run_for(seconds(10));
  expect_progress(world, 50, seconds(10), "calm");
  expect_in_step(world, "calm");
  EXPECT_EQ(world.one_sided_share(), 0.0);
}

class ChurnTest : public ::testing::TestWithParam<std::uint64_t> {};

// Nodes crash, come back and join at random; then all is quiet, and all must be well again.
TEST_P(ChurnTest, AfterAnyChurnAllAreInStepAlongTheWholeGraph) {
  LivingWorld world({.seed = GetParam()});
  start_together(world, 10);
  world.run_for(seconds(5));
  std::uint64_t next_id = 10;
  for (int i = 0; i < 25; ++i) {
    const auto alive = world.alive();
    const std::uint64_t pick = world.rng().below(10);
    if (pick < 4 && alive.size() > 4) {
      world.kill(alive[world.rng().below(alive.size())]);
    } else if (pick < 8) {
      // One that was there before, if any is down.
      std::vector<std::uint64_t> down;
      for (std::uint64_t id = 0; id < next_id; ++id) {
        if (std::find(alive.begin(), alive.end(), id) == alive.end()) down.push_back(id);
      }
      if (!down.empty()) world.start(down[world.rng().below(down.size())]);
    } else if (next_id < 16) {
      world.start(next_id++);
    }
    world.run_for(milliseconds(world.rng().below(3000)));
  }
  world.run_for(seconds(20));
  const std::string seed = "seed " + std::to_string(GetParam());
  expect_progress(world, 50, seconds(10), seed);
  expect_in_step(world, seed);
  EXPECT_LT(world.one_sided_share(), 0.05) << seed;
}
INSTANTIATE_TEST_SUITE_P(Seeds, ChurnTest, ::testing::Range<std::uint64_t>(1, 41));

class PartitionTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(PartitionTest, BothHalvesGoOnAndAreOneAgainAfterwards) {
  LivingWorld world({.seed = GetParam()});
  start_together(world, 12);
  world.run_for(seconds(5));
  world.partition({0, 1, 2, 3, 4, 5});
  world.run_for(seconds(6));  // the deadline of the round in progress, and the news
  const std::string seed = "seed " + std::to_string(GetParam());
  expect_progress(world, 30, seconds(10), seed + ", while cut");
  world.heal();
  world.run_for(seconds(15));
  expect_progress(world, 50, seconds(10), seed + ", healed");
  expect_in_step(world, seed + ", healed");
}
INSTANTIATE_TEST_SUITE_P(Seeds, PartitionTest, ::testing::Range<std::uint64_t>(1, 21));

// Others do not slow down for a joiner.
TEST(LivingClusterSimTest, AJoinerIsInStepAndTheOthersKeepTheirPace) {
  LivingWorld world({.seed = 3});
  start_together(world, 8);
  world.run_for(seconds(10));
  const std::uint64_t before = world.round(0).value();
  world.run_for(seconds(10));
  const std::uint64_t in_ten_seconds = world.round(0).value() - before;
  world.start(8);
  world.run_for(seconds(10));
  const std::uint64_t with_joiner = world.round(0).value() - before - in_ten_seconds;
  EXPECT_GE(static_cast<double>(with_joiner), 0.9 * static_cast<double>(in_ten_seconds));
  expect_in_step(world, "joined");
}

}  // namespace
}  // namespace skiptrain::sim
