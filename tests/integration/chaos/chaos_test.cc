// Living clusters on networks that are cut, lossy or slow. Skipped where there can be no network
// namespaces. The figures over many tries are chaos_trials'.
#include <algorithm>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>

#include "tests/integration/chaos/living_network.h"
#include "tests/integration/chaos/trials.h"

namespace skiptrain::integration {
namespace {

// What a busy machine may add to a wait that should end at its deadline.
constexpr double kSlackSeconds = 2.0;
constexpr std::size_t kNodes = 6;

class ChaosTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = TestNetwork::why_unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }
};

TEST_F(ChaosTest, AKilledNodeIsKnownEverywhereAndNobodyWaitsBeyondTheDeadline) {
  const DeathFigures figures = try_deaths(kNodes, Death::kKilled, 2, 1);
  // Probed within a round of probes, suspected for some seconds.
  for (const double seconds : figures.known_after) EXPECT_LE(seconds, 20);
  EXPECT_LE(figures.longest_wait, figures.deadline + kSlackSeconds);
}

TEST_F(ChaosTest, ANodeWhoseCableIsCutIsKnownEverywhereAndNobodyWaitsBeyondTheDeadline) {
  const DeathFigures figures = try_deaths(kNodes, Death::kCutOff, 2, 2);
  for (const double seconds : figures.known_after) EXPECT_LE(seconds, 20);
  EXPECT_LE(figures.longest_wait, figures.deadline + kSlackSeconds);
}

TEST_F(ChaosTest, LostPacketsAndABusyProcessorFailNobody) {
  const UnrestFigures figures = try_unrest(kNodes, 0.1, 2, Seconds(30));
  EXPECT_EQ(figures.failed, 0u);
  EXPECT_GT(figures.rounds, 0u);
}

TEST_F(ChaosTest, HalvesGoOnApartAndAreOneAgain) {
  const PartitionFigures figures = try_partition(kNodes, 50);
  EXPECT_GT(figures.rounds_apart, 0u);
  EXPECT_LE(figures.one_view_after, 60 + kSlackSeconds);  // two push/pull intervals
  EXPECT_FALSE(figures.rolled_back);
  EXPECT_GT(figures.jumps, 0u);
}

TEST_F(ChaosTest, ALateJoinerIsInStepWithinTwoRounds) {
  const JoinFigures figures = try_join(kNodes, 100);
  EXPECT_GE(figures.behind, 100u);
  EXPECT_LE(figures.rounds_to_step, 2u);
}

TEST_F(ChaosTest, ASlowLinkDoesNotHoldTheOthersUp) {
  const SlowLinkFigures figures = try_slow_link(kNodes, 1, Seconds(60));
  // The others have learned of it after some rounds, and wait no longer.
  EXPECT_LT(figures.median_round_slow, 2 * figures.median_round_before);
  EXPECT_GT(figures.rounds_slow, 100u);
  EXPECT_GT(figures.rounds_of_slow_node, 0u);
}

TEST_F(ChaosTest, AStoppedProcessIsGivenUpAndTakesPartAgainWhenItGoesOn) {
  constexpr std::size_t kVictim = 2;
  LivingNetwork living(kNodes);
  living.start(living.all());
  ASSERT_TRUE(living.all_reach(living.all(), 20)) << living.cluster().describe();
  const double since = unix_seconds();
  living.cluster().process(kVictim).signal(SIGSTOP);
  const Nodes others = living.all_but(kVictim);
  ASSERT_TRUE(living.all_said(others, "(node-2) failed", since)) << living.cluster().describe();
  const std::uint64_t given_up_at = living.cluster().round(0);
  ASSERT_TRUE(living.all_reach(others, given_up_at + 20)) << living.cluster().describe();
  EXPECT_TRUE(living.cluster().process(kVictim).is_running());

  living.cluster().process(kVictim).signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return living.all_see_alive(living.all(), kNodes); }))
      << living.cluster().describe();
  const std::uint64_t back_at = living.cluster().round(0);
  EXPECT_TRUE(living.all_reach(living.all(), back_at + 5)) << living.cluster().describe();
  // It blames itself for its sleep, not the others.
  EXPECT_EQ(living.lines_with({kVictim}, ") failed", since), 0u) << living.cluster().log(kVictim);
}

TEST_F(ChaosTest, BlockedUdpIsSeenAndFailsNobody) {
  constexpr std::size_t kVictim = 3;
  LivingNetwork living(kNodes);
  living.start(living.all());
  ASSERT_TRUE(living.all_reach(living.all(), 20)) << living.cluster().describe();
  const double since = unix_seconds();
  living.network().block_udp(kVictim);
  EXPECT_TRUE(eventually([&] {
    const Json seen = living.cluster().member(0, kVictim);
    return seen.is_object() && seen.value("udp_blocked", false);
  })) << living.cluster().describe();
  std::this_thread::sleep_for(std::chrono::seconds(15));
  EXPECT_EQ(living.lines_with(living.all(), ") failed", since), 0u) << living.cluster().describe();
  const Answer members = skipctl({"-e", living.cluster().socket(0), "members"});
  EXPECT_EQ(members.exit_code, kOk);
  const std::uint64_t blocked_at = living.cluster().round(kVictim);
  EXPECT_TRUE(living.all_reach(living.all(), blocked_at + 20)) << living.cluster().describe();

  living.network().heal();
  EXPECT_TRUE(eventually([&] {
    const Json seen = living.cluster().member(0, kVictim);
    return seen.is_object() && !seen.value("udp_blocked", false);
  })) << living.cluster().describe();
}

// Node 1 is not heard by node 0, which hears of it through others. Their stream is dead, and the
// edge with it; both go on with the rest.
TEST_F(ChaosTest, ALinkCutOneWayFailsNobodyAndHoldsNobodyUp) {
  LivingNetwork living(kNodes);
  living.cluster().set("cluster.topology", "\"complete\"");
  living.start(living.all());
  ASSERT_TRUE(living.all_reach(living.all(), 20)) << living.cluster().describe();
  const double since = unix_seconds();
  living.network().cut_one_way(1, {0});
  std::this_thread::sleep_for(std::chrono::seconds(15));
  EXPECT_EQ(living.lines_with(living.all(), ") failed", since), 0u) << living.cluster().describe();
  const std::uint64_t cut_at = living.cluster().round(0);
  EXPECT_TRUE(living.all_reach(living.all(), cut_at + 100)) << living.cluster().describe();

  living.network().heal();
  EXPECT_TRUE(eventually([&] {
    const Json rounds = living.cluster().ask(0, {"rounds", "--last", "5"}).json.at("rounds");
    return !rounds.empty() && std::ranges::all_of(rounds, [](const Json& round) {
      return round.at("neighbours_mixed") == kNodes - 1;
    });
  })) << living.cluster().describe();
}

// Directives reach also those that were apart when they were given.
TEST_F(ChaosTest, AnOrderGivenInOneHalfReachesTheOtherAfterTheCut) {
  LivingNetwork living(kNodes);
  living.start(living.all());
  ASSERT_TRUE(living.all_reach(living.all(), 20)) << living.cluster().describe();
  const Nodes left = nodes_between(0, kNodes / 2);
  const Nodes right = nodes_between(kNodes / 2, kNodes);
  living.network().partition(left, right);
  ASSERT_TRUE(eventually([&] { return living.all_see_alive(living.all(), kNodes / 2); }))
      << living.cluster().describe();
  const Answer given = living.cluster().ask(0, {"run", "pause"});
  ASSERT_EQ(given.exit_code, kOk) << given.err;
  const auto are_paused = [&](const Nodes& nodes) {
    return std::ranges::all_of(
        nodes, [&](std::size_t node) { return living.cluster().phase(node) == "paused"; });
  };
  EXPECT_TRUE(eventually([&] { return are_paused(left); })) << living.cluster().describe();
  const std::uint64_t right_at = living.cluster().round(right.front());
  EXPECT_TRUE(living.all_reach(right, right_at + 10)) << living.cluster().describe();

  living.network().heal();
  EXPECT_TRUE(eventually([&] { return are_paused(living.all()); }, 2 * kPatience))
      << living.cluster().describe();
}

}  // namespace
}  // namespace skiptrain::integration
