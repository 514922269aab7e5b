// `skipctl testbed run` with real daemons: its summary, its size, and what it leaves behind.
#include <csignal>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

class TestbedRunTest : public ::testing::Test {
 protected:
  TestbedRunTest() { write_dataset(dir_ / "data"); }

  // Arguments of a run of tiny models, and then `more`.
  std::vector<std::string> arguments(std::vector<std::string> more) const {
    std::vector<std::string> all = {
        "testbed",  "run",     "--dir", bed(),   "--dataset",        dir_ / "data",  "--skiptraind",
        SKIPTRAIND, "--model", "mlp",   "--set", "model.hidden=[8]", "--batch-size", "8"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string bed() const { return dir_ / "bed"; }
  std::vector<pid_t> daemons() const { return processes_with(bed() + "/node-"); }
  std::vector<pid_t> daemon(const std::string& name) const {
    return processes_with(bed() + "/" + name + "/");
  }

  // A run that will not end by itself, once all its daemons answer.
  Process endless_run() const {
    std::vector<std::string> command = {SKIPCTL, "-o", "json"};
    const auto rest = arguments({"--nodes", "3", "--topology", "ring", "--rounds", "1000000"});
    command.insert(command.end(), rest.begin(), rest.end());
    Process process({.command = command, .output_file = output(), .environment = {}});
    for (const char* node : {"node-0", "node-1", "node-2"}) {
      const std::string socket = bed() + "/" + node + "/control.sock";
      const bool answers = eventually([&] {
        const Json status = skipctl({"-e", socket, "status"}).json;
        return !process.is_running() || (status.is_object() && status.at("round") > 0);
      });
      EXPECT_TRUE(answers && process.is_running()) << read_file(output());
    }
    return process;
  }
  std::string output() const { return dir_ / "output"; }

  TestDir dir_;
};

TEST_F(TestbedRunTest, SumsUpARunThatSavesHalfOfTheEnergy) {
  const Answer answer = skipctl(arguments(
      {"--nodes", "4",   "--rounds",   "16",   "--policy",    "skiptrain", "--train",       "4",
       "--sync",  "4",   "--topology", "ring", "--partition", "shards:2",  "--local-steps", "5",
       "--lr",    "0.1", "--seed",     "1"}));
  ASSERT_EQ(answer.exit_code, kOk) << answer.err;
  const Json& run = answer.json;
  EXPECT_EQ(run.at("nodes"), 4);
  EXPECT_EQ(run.at("rounds"), 16);
  EXPECT_EQ(run.at("policy").get<std::string>().find("skiptrain"), 0U);
  for (const char* statistic : {"mean", "std", "min", "max"}) {
    EXPECT_TRUE(run.at("test_accuracy").at(statistic).is_number()) << statistic;
  }
  EXPECT_GE(run.at("test_accuracy").at("max"), run.at("test_accuracy").at("min"));
  const double energy = run.at("energy_wh").at("total");
  EXPECT_GT(energy, 0.0);
  EXPECT_NEAR(energy / run.at("energy_wh").at("dpsgd_equivalent").get<double>(), 0.5, 1e-9);
  EXPECT_EQ(run.at("train_rounds").at("total"), 4 * 8);
  // Each round each node sends its 610 parameters to two neighbours.
  EXPECT_GE(run.at("bytes_sent"), 4 * 16 * 2 * 610 * 4);
  EXPECT_GT(run.at("wall_seconds"), 0.0);
  EXPECT_GE(run.at("consensus_distance"), 0.0);
  EXPECT_TRUE(daemons().empty());
}

TEST_F(TestbedRunTest, TakesThirtyTwoNodes) {
  const Answer answer = skipctl(arguments({"--nodes", "32", "--rounds", "6", "--policy", "dpsgd",
                                           "--topology", "regular:4", "--local-steps", "1"}),
                                {.limit = 3 * kPatience, .user = std::nullopt});
  ASSERT_EQ(answer.exit_code, kOk) << answer.err;
  EXPECT_EQ(answer.json.at("nodes"), 32);
  EXPECT_EQ(answer.json.at("train_rounds").at("total"), 32 * 6);
  EXPECT_TRUE(daemons().empty());
}

TEST_F(TestbedRunTest, AnInterruptLeavesNoProcessBehind) {
  Process skipctl = endless_run();
  ASSERT_EQ(daemons().size(), 3U);
  skipctl.signal(SIGINT);
  EXPECT_EQ(skipctl.wait(), (Exit{kError, 0})) << read_file(output());
  EXPECT_TRUE(daemons().empty());
  EXPECT_NE(read_file(output()).find("interrupted"), std::string::npos) << read_file(output());
}

TEST_F(TestbedRunTest, ADaemonThatDiesIsNamed) {
  Process skipctl = endless_run();
  const auto victim = daemon("node-1");
  ASSERT_EQ(victim.size(), 1U);
  kill(victim.front(), SIGKILL);
  EXPECT_EQ(skipctl.wait(), (Exit{kError, 0})) << read_file(output());
  EXPECT_TRUE(daemons().empty());
  EXPECT_NE(read_file(output()).find("the daemon of node-1 has ended"), std::string::npos)
      << read_file(output());
}

}  // namespace
}  // namespace skiptrain::integration
