// What an operator asks of running nodes, one at a time and with --all.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

constexpr std::size_t kNodes = 3;
// In no danger of ending.
constexpr const char* kEndlessRounds = "100000";

class SteeringTest : public ::testing::Test {
 protected:
  SteeringTest() {
    cluster_.set("run.rounds", kEndlessRounds);
    cluster_.set("train.local_steps", "50");
    cluster_.set("round.deadline", "\"20s\"");
  }

  void start() {
    cluster_.start_all();
    for (std::size_t i = 0; i < kNodes; ++i) {
      ASSERT_TRUE(cluster_.wait_for_round(i, 3)) << cluster_.describe();
    }
  }

  // Asks node 0 with --all and expects each node's answer.
  void ask_all(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "--all");
    const Answer answer = cluster_.ask(0, arguments);
    EXPECT_EQ(answer.exit_code, kOk) << answer.out << answer.err;
    ASSERT_TRUE(answer.json.is_object()) << answer.out;
    ASSERT_EQ(answer.json.at("nodes").size(), kNodes);
    for (const Json& node : answer.json.at("nodes")) EXPECT_TRUE(node.at("ok")) << node;
  }

  void expect_all_in(const std::string& phase) {
    for (std::size_t i = 0; i < kNodes; ++i) {
      EXPECT_TRUE(cluster_.wait_for_phase(i, phase)) << phase << "\n" << cluster_.describe();
    }
  }

  TestCluster cluster_{kNodes};
};

TEST_F(SteeringTest, PauseRestsOneNodeWhileTheOthersGoOn) {
  start();
  ASSERT_EQ(cluster_.ask(2, {"pause"}).exit_code, kOk);
  ASSERT_TRUE(cluster_.wait_for_phase(2, "paused")) << cluster_.describe();
  const std::uint64_t rested_at = cluster_.round(2);
  EXPECT_TRUE(cluster_.wait_for_round(0, rested_at + 10)) << cluster_.describe();
  EXPECT_EQ(cluster_.round(2), rested_at);
  EXPECT_EQ(cluster_.peer(0, 2).at("activity"), "paused");

  ASSERT_EQ(cluster_.ask(2, {"resume"}).exit_code, kOk);
  EXPECT_TRUE(cluster_.wait_for_round(2, rested_at + 10)) << cluster_.describe();
}

TEST_F(SteeringTest, AllPauseResumeAndStop) {
  start();
  ask_all({"pause"});
  expect_all_in("paused");
  std::uint64_t furthest = 0;
  for (std::size_t i = 0; i < kNodes; ++i) furthest = std::max(furthest, cluster_.round(i));
  ask_all({"resume"});
  for (std::size_t i = 0; i < kNodes; ++i) {
    EXPECT_TRUE(cluster_.wait_for_round(i, furthest + 5)) << cluster_.describe();
  }
  ask_all({"stop"});
  expect_all_in("stopped");
  const Answer again = cluster_.ask(0, {"pause"});
  EXPECT_EQ(again.exit_code, kPrecondition);
  EXPECT_NE(again.error_message().find("ended"), std::string::npos) << again.err;
}

TEST_F(SteeringTest, StopEndsOneNodeAndTheOthersGoOn) {
  start();
  ASSERT_EQ(cluster_.ask(1, {"stop"}).exit_code, kOk);
  ASSERT_TRUE(cluster_.wait_for_phase(1, "stopped")) << cluster_.describe();
  const std::uint64_t ended_at = cluster_.round(1);
  EXPECT_TRUE(cluster_.wait_for_round(0, ended_at + 10)) << cluster_.describe();
  EXPECT_EQ(cluster_.round(1), ended_at);
  EXPECT_EQ(cluster_.peer(0, 1).at("activity"), "finished");
}

TEST_F(SteeringTest, AScheduleSetForARoundSwitchesAllNodesInIt) {
  start();
  // At rest, so that the round is ahead of all nodes for certain.
  ask_all({"pause"});
  expect_all_in("paused");
  std::uint64_t switch_round = 0;
  for (std::size_t i = 0; i < kNodes; ++i) {
    switch_round = std::max(switch_round, cluster_.round(i) + 6);
  }
  const std::string at = std::to_string(switch_round);
  // One node hears of it, and all know it a moment later.
  ASSERT_EQ(cluster_
                .ask(1, {"schedule", "set", "--policy", "skiptrain", "--train", "1", "--sync", "3",
                         "--at-round", at})
                .exit_code,
            kOk);
  for (std::size_t i = 0; i < kNodes; ++i) {
    const auto knows = [&] {
      const Json schedule = cluster_.ask(i, {"schedule", "show"}).json;
      return schedule.at("current").at("policy") == "dpsgd" && schedule.contains("pending") &&
             schedule.at("pending").is_object() &&
             schedule.at("pending").at("policy") == "skiptrain" &&
             schedule.at("pending").at("effective_round") == switch_round;
    };
    EXPECT_TRUE(eventually(knows)) << cluster_.ask(i, {"schedule", "show"}).out;
  }
  ask_all({"resume"});
  for (std::size_t i = 0; i < kNodes; ++i) {
    ASSERT_TRUE(cluster_.wait_for_round(i, switch_round + 9)) << cluster_.describe();
    std::size_t after = 0;
    for (const Json& record : cluster_.rounds(i)) {
      if (record.at("caught_up")) continue;
      const std::uint64_t round = record.at("round");
      const bool before = round < switch_round;
      after += before ? 0 : 1;
      EXPECT_EQ(record.at("train_slot"), before || round % 4 == 0)
          << "node " << i << ": " << record;
      EXPECT_EQ(record.at("trained"), record.at("train_slot"));
    }
    EXPECT_GE(after, 8U);
  }
}

// Nobody says for which round: it is one that every node can keep.
TEST_F(SteeringTest, OneOrderPausesResumesAndStopsTheWholeRun) {
  start();
  const Answer pause = cluster_.ask(2, {"run", "pause"});
  ASSERT_EQ(pause.exit_code, kOk) << pause.err;
  const std::uint64_t rest = pause.json.at("directive").at("effective_round");
  expect_all_in("paused");
  for (std::size_t i = 0; i < kNodes; ++i) EXPECT_EQ(cluster_.round(i), rest) << i;
  const Answer alone = cluster_.ask(0, {"resume"});
  EXPECT_EQ(alone.exit_code, kPrecondition);
  EXPECT_NE(alone.error_message().find("skipctl run resume"), std::string::npos) << alone.err;

  ASSERT_EQ(cluster_.ask(0, {"run", "resume"}).exit_code, kOk);
  for (std::size_t i = 0; i < kNodes; ++i) {
    EXPECT_TRUE(cluster_.wait_for_round(i, rest + 5)) << cluster_.describe();
  }
  const Answer stop = cluster_.ask(1, {"run", "stop"});
  ASSERT_EQ(stop.exit_code, kOk) << stop.err;
  expect_all_in("stopped");
  for (std::size_t i = 0; i < kNodes; ++i) {
    EXPECT_EQ(cluster_.round(i), stop.json.at("directive").at("effective_round")) << i;
  }
}

TEST_F(SteeringTest, ANodeThatWasAwayFollowsTheOrdersGivenMeanwhile) {
  start();
  ASSERT_TRUE(cluster_.kill(2));
  const Answer set = cluster_.ask(0, {"schedule", "set", "--policy", "greedy"});
  ASSERT_EQ(set.exit_code, kOk) << set.err;
  const std::uint64_t from = set.json.at("directive").at("effective_round");
  ASSERT_TRUE(cluster_.wait_for_round(0, from + 1)) << cluster_.describe();
  cluster_.start(2);
  const auto follows = [&] {
    const Answer shown = cluster_.ask(2, {"schedule", "show"});
    return shown.json.is_object() && shown.json.at("current").at("policy") == "greedy";
  };
  EXPECT_TRUE(eventually(follows)) << cluster_.describe();
}

TEST_F(SteeringTest, AScheduleForARoundGoneByIsRefused) {
  start();
  const Answer answer =
      cluster_.ask(0, {"schedule", "set", "--policy", "greedy", "--at-round", "1"});
  EXPECT_EQ(answer.exit_code, kPrecondition);
  EXPECT_NE(answer.error_message().find("round 1 "), std::string::npos) << answer.err;
  const Answer beyond =
      cluster_.ask(0, {"schedule", "set", "--policy", "greedy", "--at-round", kEndlessRounds});
  EXPECT_EQ(beyond.exit_code, kPrecondition);
  EXPECT_EQ(cluster_.ask(0, {"schedule", "show"}).json.at("current").at("policy"), "dpsgd");
}

TEST_F(SteeringTest, ABudgetEndsTrainingButNotMixing) {
  cluster_.set("schedule.policy", "\"greedy\"");
  start();
  EXPECT_TRUE(cluster_.ask(0, {"energy"}).json.at("budget_wh").is_null());
  const Answer set = cluster_.ask(0, {"energy", "budget", "0"});
  EXPECT_EQ(set.exit_code, kOk) << set.err;
  EXPECT_EQ(set.json.at("budget_wh"), 0.0);
  EXPECT_EQ(set.json.at("train_rounds_left"), 0);
  // The round in progress may still be one with training.
  ASSERT_TRUE(cluster_.wait_for_round(0, cluster_.round(0) + 2));
  const Json before = cluster_.status(0);
  ASSERT_TRUE(cluster_.wait_for_round(0, before.at("round").get<std::uint64_t>() + 5));
  const Json after = cluster_.status(0);
  EXPECT_GT(before.at("train_rounds"), 0);
  EXPECT_EQ(after.at("train_rounds"), before.at("train_rounds"));
  EXPECT_EQ(after.at("energy_spent_wh"), before.at("energy_spent_wh"));

  EXPECT_EQ(cluster_.ask(0, {"energy", "budget", "none"}).exit_code, kOk);
  EXPECT_TRUE(eventually([&] {
    return cluster_.status(0).at("train_rounds") > before.at("train_rounds");
  })) << cluster_.describe();
  EXPECT_EQ(cluster_.ask(0, {"energy", "budget", "much"}).exit_code, kUsage);
}

TEST_F(SteeringTest, EvaluatesExportsLogsAndIsHealthy) {
  start();
  const Answer evaluated = cluster_.ask(0, {"eval"});
  ASSERT_EQ(evaluated.exit_code, kOk) << evaluated.err;
  EXPECT_EQ(evaluated.json.at("samples"), kTestImages);
  EXPECT_GE(evaluated.json.at("accuracy"), 0.0);
  EXPECT_EQ(cluster_.ask(0, {"eval", "--samples", "10"}).json.at("samples"), 10);
  ask_all({"eval"});

  const std::string file = cluster_.dir() / "model.safetensors";
  const Answer exported = cluster_.ask(0, {"model", "export", "--format", "safetensors", file});
  ASSERT_EQ(exported.exit_code, kOk) << exported.err;
  EXPECT_EQ(exported.json.at("bytes"), read_file(file).size());
  EXPECT_NE(read_file(file).find("fc1.weight"), std::string::npos);

  EXPECT_EQ(cluster_.ask(0, {"log", "level", "debug"}).json.at("previous"), "info");
  EXPECT_EQ(cluster_.ask(0, {"log", "level", "warn"}).json.at("previous"), "debug");
  EXPECT_EQ(cluster_.ask(0, {"log", "level", "loud"}).exit_code, kUsage);

  const Answer health = cluster_.ask(0, {"health"});
  EXPECT_EQ(health.exit_code, kOk) << health.out;
  EXPECT_EQ(health.json.at("health"), "healthy");
  ask_all({"health"});
}

TEST_F(SteeringTest, ExitCodesTellWhatWentWrong) {
  cluster_.start(0);
  ASSERT_TRUE(cluster_.wait_for_phase(0, "waiting-for-peers")) << cluster_.describe();
  EXPECT_EQ(cluster_.ask(0, {"status"}).exit_code, kOk);
  EXPECT_EQ(cluster_.ask(0, {"health"}).exit_code, kPrecondition);
  EXPECT_EQ(cluster_.ask(0, {"--all", "status"}).exit_code, kDegraded);
  EXPECT_EQ(cluster_.ask(0, {"status", "--bogus"}).exit_code, kUsage);
  EXPECT_EQ(cluster_.ask(0, {"schedule", "set", "--policy", "lazy"}).exit_code, kUsage);
  EXPECT_EQ(cluster_.ask(1, {"status"}).exit_code, kUnreachable);
  EXPECT_EQ(skipctl({"config", "check", cluster_.dir() / "none.toml"}).exit_code, kNotFound);
  EXPECT_EQ(skipctl({"testbed", "run", "--nodes", "1", "--topology", "ring", "--model", "mlp",
                     "--dataset", cluster_.dir() / "data", "--skiptraind", "/bin/false", "--dir",
                     cluster_.dir() / "bed"})
                .exit_code,
            kError);

  cluster_.process(0).signal(SIGSTOP);
  const Answer late = cluster_.ask(0, {"--timeout", "300ms", "status"});
  cluster_.process(0).signal(SIGCONT);
  EXPECT_EQ(late.exit_code, kTimeout) << late.err;
  EXPECT_EQ(Json::parse(late.err).at("code"), "timeout");
}

TEST_F(SteeringTest, TheSocketIsItsOwnersAlone) {
  if (getuid() != 0) GTEST_SKIP() << "only root can become another user";
  constexpr uid_t kNobody = 65534;
  cluster_.start(0);
  ASSERT_TRUE(cluster_.wait_for_phase(0, "waiting-for-peers")) << cluster_.describe();
  const Answer answer = skipctl({"-e", cluster_.socket(0), "status"}, {.user = kNobody});
  if (answer.exit_code == 127) GTEST_SKIP() << "another user cannot run " SKIPCTL;
  EXPECT_EQ(answer.exit_code, kNotAuthorized) << answer.out << answer.err;
}

}  // namespace
}  // namespace skiptrain::integration
