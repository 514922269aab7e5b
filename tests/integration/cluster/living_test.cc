// Daemons that find each other, and go on learning while some of them come, go and die.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

constexpr const char* kEndlessRounds = "100000";
// How far apart two nodes in step may be seen when asked one after the other, as rounds take some
// ten milliseconds, and asking takes as long.
constexpr std::uint64_t kInStep = 4;

// Rounds of some tens of milliseconds of work.
void make_endless(TestCluster& cluster) {
  cluster.find_each_other();
  cluster.set("run.rounds", kEndlessRounds);
  cluster.set("train.local_steps", "400");
  cluster.set("round.deadline", "\"20s\"");
}

std::vector<std::size_t> all_but(const TestCluster& cluster, std::size_t left_out) {
  std::vector<std::size_t> nodes;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    if (i != left_out) nodes.push_back(i);
  }
  return nodes;
}

bool is_in_step(const TestCluster& cluster, std::size_t node, std::size_t other) {
  const std::uint64_t before = cluster.round(other);
  const std::uint64_t here = cluster.round(node);
  const std::uint64_t after = cluster.round(other);
  return before <= here + kInStep && here <= after + kInStep;
}

// Mixed with as many neighbours as the others have, in a round that was no jump.
bool takes_part(const TestCluster& cluster, std::size_t node, std::size_t neighbours) {
  const Json rounds = cluster.rounds(node);
  return std::any_of(rounds.begin(), rounds.end(), [neighbours](const Json& round) {
    return !round.at("caught_up") && round.at("neighbours_mixed") == neighbours;
  });
}

TEST(LivingClusterTest, NodesFindEachOtherAndMixFromRoundZeroOn) {
  TestCluster cluster(6);
  cluster.find_each_other();
  cluster.set("cluster.topology", std::nullopt);  // rings:3
  cluster.set("run.rounds", "20");
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_until_finished()) << cluster.describe();
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    const Json rounds = cluster.rounds(i);
    ASSERT_EQ(rounds.size(), 20U) << i;
    const Json topology = cluster.ask(i, {"topology", "show"}).json;
    EXPECT_EQ(topology.at("spec"), "rings:3");
    std::uint64_t degree = 0;
    for (const Json& vertex : topology.at("vertices")) {
      if (vertex.at("node_id") == i) degree = vertex.at("degree");
    }
    EXPECT_GE(degree, 2U);
    for (const Json& round : rounds) EXPECT_EQ(round.at("neighbours_mixed"), degree) << round;
  }
}

TEST(LivingClusterTest, TheDeadAreKnownEverywhereAndComeBack) {
  constexpr std::size_t kVictim = 2;
  TestCluster cluster(5);
  make_endless(cluster);
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(kVictim, 5)) << cluster.describe();
  const auto others = all_but(cluster, kVictim);

  const Json first_start = cluster.member(0, kVictim).at("incarnation");

  ASSERT_TRUE(cluster.kill(kVictim));
  EXPECT_TRUE(eventually([&] { return cluster.all_see(others, kVictim, "failed"); }))
      << cluster.describe();
  const std::uint64_t dead_at = cluster.round(0);
  EXPECT_TRUE(cluster.wait_for_round(0, dead_at + 5)) << cluster.describe();
  EXPECT_EQ(cluster.ask(0, {"topology", "show"}).json.at("vertices").size(), 4U);

  cluster.start(kVictim);
  EXPECT_TRUE(eventually([&] { return cluster.all_see(others, kVictim, "alive"); }))
      << cluster.describe();
  EXPECT_TRUE(eventually([&] { return takes_part(cluster, kVictim, 4); })) << cluster.describe();
  EXPECT_TRUE(eventually([&] { return is_in_step(cluster, kVictim, 0); })) << cluster.describe();
  EXPECT_GT(cluster.member(0, kVictim).at("incarnation"), first_start);
}

// Of three nodes.
void expect_let_in_without_its_state(TestCluster& cluster, std::size_t victim) {
  cluster.kill(victim);
  ASSERT_EQ(run({"/bin/rm", "-r", cluster.folder(victim)}).exit, (Exit{0, 0}));
  cluster.start(victim);
  EXPECT_TRUE(eventually([&] { return takes_part(cluster, victim, 2); })) << cluster.describe();
  const auto others = all_but(cluster, victim);
  EXPECT_TRUE(eventually([&] { return cluster.all_see(others, victim, "alive"); }))
      << cluster.describe();
}

// A device that got a new disk has no memory of its earlier starts, but the others have.
TEST(LivingClusterTest, ANodeThatLostItsStateIsLetInAgain) {
  constexpr std::size_t kVictim = 1;
  TestCluster cluster(3);
  make_endless(cluster);
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(0, 5)) << cluster.describe();
  expect_let_in_without_its_state(cluster, kVictim);
}

// Nor does its clock tell that it has started before: it is behind that of the earlier start.
TEST(LivingClusterTest, ANodeThatLostItsStateAndItsClockIsLetInAgain) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer does not let another library come before it";
#endif
  constexpr std::size_t kVictim = 1;
  TestCluster cluster(3);
  make_endless(cluster);
  cluster.start(0);
  cluster.start(2);
  cluster.start(kVictim,
                {.command = {}, .output_file = "", .environment = {{"LD_PRELOAD", LATE_CLOCK}}});
  ASSERT_TRUE(cluster.wait_for_round(0, 5)) << cluster.describe();
  const Json first_start = cluster.member(0, kVictim).at("incarnation");
  expect_let_in_without_its_state(cluster, kVictim);
  EXPECT_GT(cluster.member(0, kVictim).at("incarnation"), first_start);
  EXPECT_NE(cluster.log(kVictim).find("going on as incarnation"), std::string::npos);
}

TEST(LivingClusterTest, ALateJoinerTakesPartAtTheCurrentRound) {
  constexpr std::size_t kLate = 3;
  TestCluster cluster(4);
  make_endless(cluster);
  cluster.set("membership.expect", "3");
  for (const std::size_t node : all_but(cluster, kLate)) cluster.start(node);
  ASSERT_TRUE(cluster.wait_for_round(0, 30)) << cluster.describe();
  EXPECT_TRUE(takes_part(cluster, 0, 2));

  const std::uint64_t joined_at = cluster.round(0);
  cluster.start(kLate);
  EXPECT_TRUE(eventually([&] { return takes_part(cluster, kLate, 3); })) << cluster.describe();
  EXPECT_TRUE(eventually([&] { return is_in_step(cluster, kLate, 0); })) << cluster.describe();
  const Json first = cluster.rounds(kLate).at(0);
  EXPECT_TRUE(first.at("caught_up")) << first;
  EXPECT_GE(first.at("round").get<std::uint64_t>() + 1, joined_at);
  EXPECT_TRUE(eventually([&] { return takes_part(cluster, 0, 3); })) << cluster.describe();
}

TEST(LivingClusterTest, LeavingEndsTheDaemonAndTheOthersGoOn) {
  constexpr std::size_t kLeaver = 1;
  TestCluster cluster(4);
  make_endless(cluster);
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(0, 5)) << cluster.describe();
  ASSERT_EQ(cluster.ask(kLeaver, {"leave"}).exit_code, kOk);
  EXPECT_EQ(cluster.process(kLeaver).wait(), (Exit{0, 0})) << cluster.log(kLeaver);
  const auto others = all_but(cluster, kLeaver);
  EXPECT_TRUE(eventually([&] { return cluster.all_see(others, kLeaver, "left"); }))
      << cluster.describe();
  const std::uint64_t left_at = cluster.round(0);
  EXPECT_TRUE(cluster.wait_for_round(0, left_at + 10)) << cluster.describe();
  for (const std::size_t node : others) {
    for (const Json& round : cluster.rounds(node)) EXPECT_FALSE(round.at("deadline_hit")) << round;
  }
}

TEST(LivingClusterTest, OfTwoNodesWithOneIdTheLaterStartIsBelievedAndTheOtherEnds) {
  TestCluster cluster(4);
  make_endless(cluster);
  cluster.set("membership.expect", "3");
  cluster.set(3, "node.id", "1");
  for (const std::size_t node : {0, 1, 2}) cluster.start(node);
  ASSERT_TRUE(cluster.wait_for_round(0, 3)) << cluster.describe();
  // Starts are counted by the second.
  ASSERT_TRUE(eventually([&] { return cluster.round(0) > 10; }));
  cluster.start(3);
  const auto ended = cluster.process(1).wait();
  ASSERT_TRUE(ended) << cluster.describe();
  EXPECT_EQ(ended->code, 1);
  EXPECT_NE(cluster.log(1).find("another daemon runs as node 1 at 127.0.0.1:" +
                                std::to_string(cluster.port(3))),
            std::string::npos)
      << cluster.log(1);
  const auto reported = [&] {
    const std::string log = cluster.log(0) + cluster.log(2);
    return log.find("two nodes go by the id 1") != std::string::npos &&
           log.find(std::to_string(cluster.port(1))) != std::string::npos &&
           log.find(std::to_string(cluster.port(3))) != std::string::npos;
  };
  EXPECT_TRUE(eventually(reported)) << cluster.log(0);
  EXPECT_TRUE(eventually([&] {
    const Json seen = cluster.member(0, 1);
    return seen.is_object() && seen.at("state") == "alive" &&
           seen.at("peer_address") == "127.0.0.1:" + std::to_string(cluster.port(3));
  })) << cluster.describe();
}

TEST(LivingClusterTest, ForceLeaveRemovesADeadMember) {
  constexpr std::size_t kVictim = 2;
  TestCluster cluster(3);
  make_endless(cluster);
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(0, 3)) << cluster.describe();
  EXPECT_EQ(cluster.ask(0, {"force-leave", "77"}).exit_code, kNotFound);
  EXPECT_EQ(cluster.ask(0, {"force-leave", "0"}).exit_code, kPrecondition);
  cluster.kill(kVictim);
  ASSERT_TRUE(eventually([&] { return cluster.all_see({0}, kVictim, "failed"); }));
  ASSERT_EQ(cluster.ask(0, {"force-leave", std::to_string(kVictim)}).exit_code, kOk);
  EXPECT_TRUE(eventually([&] {
    return cluster.all_see({0, 1}, kVictim, "left");
  })) << cluster.describe();
}

TEST(LivingClusterTest, EpidemicExchangeMixesWithOthersInEachRound) {
  TestCluster cluster(6);
  cluster.find_each_other();
  cluster.set("cluster.topology", "\"epidemic:2\"");
  cluster.set("run.rounds", "30");
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_until_finished()) << cluster.describe();
  std::uint64_t mixed = 0;
  bool jumped = false;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    for (const Json& round : cluster.rounds(i)) {
      mixed += round.at("neighbours_mixed").get<std::uint64_t>();
      jumped |= round.at("caught_up").get<bool>();
      EXPECT_FALSE(round.at("deadline_hit")) << round;
    }
  }
  // Each node sends to two others in each round, and nothing is lost; but on a busy machine the
  // first rounds may run away from a node that begins late, which then jumps.
  EXPECT_LE(mixed, 6U * 30U * 2U);
  EXPECT_GE(mixed, jumped ? 6U * 30U : 6U * 30U * 2U);
}

// Neighbours change by the round there, so the graph's diameter says nothing.
TEST(LivingClusterTest, AnOrderInEpidemicExchangeIsGivenTimeToSpread) {
  TestCluster cluster(4);
  make_endless(cluster);
  cluster.set("cluster.topology", "\"epidemic:1\"");
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(0, 3)) << cluster.describe();
  const std::uint64_t before = cluster.round(0);
  const Answer paused = cluster.ask(0, {"run", "pause"});
  ASSERT_EQ(paused.exit_code, kOk) << paused.err;
  EXPECT_GE(paused.json.at("directive").at("effective_round").get<std::uint64_t>(),
            before + 2 * 3 + 1)  // 4 nodes: three bits
      << paused.out;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    EXPECT_TRUE(cluster.wait_for_phase(i, "paused")) << cluster.describe();
  }
}

TEST(KeyringTest, ChangesUnderTheRunningClusterAndShutsStrangersOut) {
  TestCluster cluster(3);
  make_endless(cluster);
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    // Each keeps a keyring of its own, as on devices of their own.
    const std::string file = cluster.folder(i) + ".keyring";
    write_file(file, read_file(cluster.dir() / "key"));
    ASSERT_EQ(run({"/bin/chmod", "600", file}).exit, (Exit{0, 0}));
    cluster.set(i, "membership.keyring", "\"" + file + "\"");
  }
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(0, 3)) << cluster.describe();
  const Json before = cluster.ask(0, {"keyring", "list"}).json.at("keys");
  ASSERT_EQ(before.size(), 1U);
  const std::string old_id = before.at(0).at("id");

  const Finished made = run({SKIPCTL, "keyring", "generate"});
  const std::string key = made.out.substr(0, made.out.find('\n'));
  const auto on_all = [&](std::vector<std::string> arguments) {
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      const Answer answer = cluster.ask(i, arguments);
      EXPECT_EQ(answer.exit_code, kOk) << answer.err;
    }
  };
  on_all({"keyring", "install", key});
  std::string new_id;
  const Json after = cluster.ask(0, {"keyring", "list"}).json.at("keys");
  for (const Json& entry : after) {
    if (entry.at("id") != old_id) new_id = entry.at("id");
  }
  EXPECT_EQ(cluster.ask(0, {"keyring", "remove", old_id}).exit_code, kPrecondition);
  on_all({"keyring", "use", new_id});
  on_all({"keyring", "remove", old_id});
  EXPECT_EQ(cluster.ask(0, {"keyring", "install", "no key"}).exit_code, kUsage);
  const std::uint64_t changed_at = cluster.round(0);
  EXPECT_TRUE(cluster.wait_for_round(0, changed_at + 10)) << cluster.describe();
  EXPECT_TRUE(cluster.all_see({0, 1, 2}, 1, "alive"));

  // Node 2 comes back with the key that nobody has any more: nobody lets it in.
  cluster.kill(2);
  ASSERT_TRUE(eventually([&] { return cluster.all_see({0, 1}, 2, "failed"); }));
  cluster.set(2, "membership.keyring", "\"" + (cluster.dir() / "key") + "\"");
  cluster.set(2, "membership.join_attempts", "3");
  cluster.start(2);
  const auto ended = cluster.process(2).wait();
  ASSERT_TRUE(ended) << cluster.log(2);
  EXPECT_EQ(ended->code, 1);
  EXPECT_NE(cluster.log(2).find("could not join the cluster"), std::string::npos) << cluster.log(2);
  EXPECT_TRUE(cluster.all_see({0, 1}, 2, "failed"));
}

TEST(LivingConfigTest, AMissingOrOpenKeyringIsRefusedWithWhatToDo) {
  TestCluster cluster(1);
  cluster.find_each_other();
  cluster.set("membership.keyring", "\"" + (cluster.dir() / "none") + "\"");
  cluster.start(0);
  EXPECT_EQ(cluster.process(0).wait(), (Exit{1, 0}));
  EXPECT_NE(cluster.log(0).find("skipctl keyring generate"), std::string::npos) << cluster.log(0);

  ASSERT_EQ(run({"/bin/chmod", "644", cluster.dir() / "key"}).exit, (Exit{0, 0}));
  cluster.set("membership.keyring", "\"" + (cluster.dir() / "key") + "\"");
  cluster.start(0);
  EXPECT_EQ(cluster.process(0).wait(), (Exit{1, 0}));
  EXPECT_NE(cluster.log(0).find("chmod 600"), std::string::npos) << cluster.log(0);
}

TEST(LivingConfigTest, ListedNodesHaveNoMembers) {
  TestCluster cluster(2);
  cluster.set("run.rounds", kEndlessRounds);
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(0, 2)) << cluster.describe();
  for (const std::vector<std::string>& words : {std::vector<std::string>{"members"},
                                                {"leave"},
                                                {"force-leave", "1"},
                                                {"keyring", "list"}}) {
    const Answer answer = cluster.ask(0, words);
    EXPECT_EQ(answer.exit_code, kPrecondition) << answer.err;
    EXPECT_NE(answer.error_message().find("listed"), std::string::npos) << answer.err;
  }
}

}  // namespace
}  // namespace skiptrain::integration
