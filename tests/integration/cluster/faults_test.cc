// Daemons that die or freeze in the middle of a run, and come back.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

constexpr double kDeadlineSeconds = 3.0;
// What a busy machine may add to a wait that should end at its deadline.
constexpr double kSlackSeconds = 1.0;
// How far apart two nodes in step may be seen when asked one after the other.
constexpr std::uint64_t kInStep = 2;

// Rounds of some tens of milliseconds, all of them work, so that a busy machine stretches the run
// as much as it stretches a restart.
void make_training_cluster(TestCluster& cluster, std::uint64_t rounds) {
  cluster.set("run.rounds", std::to_string(rounds));
  cluster.set("train.local_steps", "400");
  cluster.set("round.deadline", "\"3s\"");
}

bool has_caught_up(const TestCluster& cluster, std::size_t node) {
  const Json rounds = cluster.rounds(node);
  return std::any_of(rounds.begin(), rounds.end(), [](const Json& r) { return r["caught_up"]; });
}

// True if `node` was seen between two looks at `other`'s round, give or take kInStep.
bool is_in_step(const TestCluster& cluster, std::size_t node, std::size_t other) {
  const std::uint64_t before = cluster.round(other);
  const std::uint64_t here = cluster.round(node);
  const std::uint64_t after = cluster.round(other);
  return before <= here + kInStep && here <= after + kInStep;
}

void expect_no_wait_beyond_the_deadline(const TestCluster& cluster, std::size_t node) {
  for (const Json& round : cluster.rounds(node)) {
    EXPECT_LE(round.at("wait_seconds"), kDeadlineSeconds + kSlackSeconds)
        << "node " << node << ": " << round;
  }
}

std::vector<std::size_t> neighbours_of(const TestCluster& cluster, std::size_t node) {
  std::vector<std::size_t> ids;
  const Json peers = cluster.ask(node, {"peers"}).json;
  for (const Json& peer : peers.at("neighbours")) ids.push_back(peer.at("node_id"));
  return ids;
}

TEST(KilledNodeTest, TheOthersGoOnAndItRejoinsAtTheCurrentRound) {
  constexpr std::uint64_t kRounds = 100;
  constexpr std::size_t kVictim = 3;
  TestCluster cluster(8);
  cluster.set("cluster.topology", "\"regular:3\"");
  make_training_cluster(cluster, kRounds);
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(kVictim, 5)) << cluster.describe();
  const auto neighbours = neighbours_of(cluster, kVictim);
  ASSERT_EQ(neighbours.size(), 3U);

  ASSERT_TRUE(cluster.kill(kVictim));
  const std::uint64_t killed_at = cluster.round(neighbours[0]);
  for (const std::size_t neighbour : neighbours) {
    const auto names_the_dead = [&] {
      const Json status = cluster.status(neighbour);
      const Json& broken = status.at("broken_neighbours");
      return std::any_of(broken.begin(), broken.end(), [](const Json& n) {
        return n.at("node_id") == kVictim && n.at("link") == "lost";
      });
    };
    EXPECT_TRUE(eventually(names_the_dead)) << "node " << neighbour;
    const Json peer = cluster.peer(neighbour, kVictim);
    EXPECT_EQ(peer.at("link"), "lost");
    EXPECT_NE(peer.at("last_error"), "");
    EXPECT_EQ(cluster.ask(neighbour, {"health"}).exit_code, kDegraded);
  }
  EXPECT_TRUE(cluster.wait_for_round(neighbours[0], killed_at + 5)) << cluster.describe();

  cluster.start(kVictim);
  ASSERT_TRUE(eventually([&] { return has_caught_up(cluster, kVictim); })) << cluster.describe();
  EXPECT_TRUE(eventually([&] { return is_in_step(cluster, kVictim, neighbours[0]); }));
  // Its history goes on where it was killed, and then jumps.
  const Json history = cluster.rounds(kVictim);
  EXPECT_EQ(history.at(0).at("round"), 0);
  const auto jump = std::find_if(history.begin(), history.end(),
                                 [](const Json& round) { return round.at("caught_up") == true; });
  ASSERT_NE(jump, history.end()) << history;
  EXPECT_GT(jump->at("round"), killed_at);
  EXPECT_EQ(cluster.status(kVictim).at("incarnation"), 2);

  ASSERT_TRUE(cluster.wait_until_finished()) << cluster.describe();
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    EXPECT_EQ(cluster.round(i), kRounds);
    expect_no_wait_beyond_the_deadline(cluster, i);
  }
  // It took part again, rather than only copying from the others.
  EXPECT_GT(cluster.status(kVictim).at("train_rounds"), 0);
}

TEST(FrozenNodeTest, RoundsEndAtTheDeadlineAndItCatchesUp) {
  constexpr std::uint64_t kRounds = 140;
  constexpr std::size_t kFrozen = 3;
  TestCluster cluster(4);
  make_training_cluster(cluster, kRounds);
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(0, 5)) << cluster.describe();

  cluster.process(kFrozen).signal(SIGSTOP);
  const auto says_whom_it_waits_for = [&] {
    const Json status = cluster.status(0);
    const Json& waiting = status.at("waiting_for");
    const Json& gives_up = status.at("gives_up_in_seconds");
    return waiting.size() == 1 && waiting[0].at("node_id") == kFrozen && gives_up.is_number() &&
           gives_up <= kDeadlineSeconds;
  };
  EXPECT_TRUE(eventually(says_whom_it_waits_for)) << cluster.describe();

  Json without;
  const auto has_closed_without_it = [&] {
    for (const Json& round : cluster.rounds(0)) {
      if (!round.at("missing").empty()) without = round;
    }
    return !without.is_null();
  };
  ASSERT_TRUE(eventually(has_closed_without_it)) << cluster.describe();
  EXPECT_EQ(without.at("missing"), Json::array({kFrozen}));
  EXPECT_TRUE(without.at("deadline_hit"));
  EXPECT_EQ(without.at("neighbours_mixed"), 2);
  EXPECT_GE(without.at("wait_seconds"), kDeadlineSeconds - 0.01);
  // Then it is too far behind to be waited for.
  ASSERT_TRUE(cluster.wait_for_round(0, without.at("round").get<std::uint64_t>() + 6));

  cluster.process(kFrozen).signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return has_caught_up(cluster, kFrozen); })) << cluster.describe();
  EXPECT_TRUE(eventually([&] { return is_in_step(cluster, kFrozen, 0); }));
  ASSERT_TRUE(cluster.wait_until_finished()) << cluster.describe();
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    EXPECT_EQ(cluster.round(i), kRounds);
    // The frozen node's own clock went on while it stood still.
    if (i != kFrozen) expect_no_wait_beyond_the_deadline(cluster, i);
  }
}

}  // namespace
}  // namespace skiptrain::integration
