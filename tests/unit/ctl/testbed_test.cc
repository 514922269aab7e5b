// `testbed run|up|status|kill|start|down` with real processes that stand in for daemons.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/testbed/state.h"
#include "tests/unit/ctl/invocation.h"
#include "tests/unit/ctl/temp_dir.h"

namespace skiptrain::ctl {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class TestbedTest : public testing::Test {
 protected:
  TestbedTest() {
    for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                             "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
      std::ofstream(data / name) << "";
    }
    unsetenv("SKIPTRAIN_FAKE");
  }
  ~TestbedTest() override { skipctl({"testbed", "down", "--dir", dir.path()}); }

  Invocation testbed(const std::string& verb, std::vector<std::string> words = {}) {
    std::vector<std::string> all = {"testbed", verb, "--dir", dir.path()};
    if (verb == "run" || verb == "up") {
      all.insert(all.end(), {"--skiptraind", FAKE_SKIPTRAIND, "--dataset", data.path(), "--nodes",
                             "4", "--rounds", "10"});
    }
    all.insert(all.end(), words.begin(), words.end());
    return skipctl(all);
  }

  // A daemon that was started a moment ago does not answer yet.
  bool all_answer_in_time() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      if (testbed("status").exit == ExitCode::kOk) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  // The daemons that the state file names, alive or not.
  std::vector<ProcessId> processes() {
    std::vector<ProcessId> found;
    if (const auto state = load_state(dir.path())) {
      for (const TestbedNode& node : state->nodes) found.push_back(node.process);
    }
    return found;
  }

  static int running(const std::vector<ProcessId>& processes) {
    int count = 0;
    for (const ProcessId& process : processes) count += is_alive(process) ? 1 : 0;
    return count;
  }

  TempDir data;
  TempDir dir;
};

TEST_F(TestbedTest, RunPrintsTheSummaryAndLeavesNothingBehind) {
  const Invocation run = testbed("run", {"-o", "json", "--sync", "6"});
  ASSERT_EQ(run.exit, ExitCode::kOk) << run.err;
  const auto json = run.json();
  EXPECT_EQ(json["nodes"], 4);
  EXPECT_EQ(json["rounds"], 10);
  EXPECT_EQ(json["policy"], "skiptrain");
  EXPECT_EQ(json["gamma_train"], 4);
  EXPECT_EQ(json["gamma_sync"], 6);
  EXPECT_NEAR(json["test_accuracy"]["mean"], 0.65, 1e-9);
  EXPECT_NEAR(json["test_accuracy"]["max"], 0.8, 1e-9);
  EXPECT_NEAR(json["energy_wh"]["dpsgd_equivalent"], 0.1, 1e-9);
  EXPECT_EQ(json["train_rounds"]["total"], 32);
  EXPECT_EQ(json["bytes_sent"], 4 * 1234567);
  EXPECT_GE(json["wall_seconds"], 0);
  EXPECT_NEAR(json["consensus_distance"], std::sqrt(1.25), 1e-6);  // models (1, 0) to (1, 3)
  EXPECT_EQ(json["per_node"][2]["profile"], "oneplus-nord-2-5g");
  EXPECT_EQ(testbed("status").exit, ExitCode::kNotFound);
}

TEST_F(TestbedTest, RunAsATableTotalsTheNodes) {
  const Invocation run = testbed("run");
  ASSERT_EQ(run.exit, ExitCode::kOk) << run.err;
  EXPECT_THAT(run.out, HasSubstr("10 rounds of skiptrain 4/4, gn-lenet on"));
  EXPECT_THAT(run.out, HasSubstr("mean 65.00 %"));
  EXPECT_THAT(run.out, HasSubstr("50.00 %"));
  EXPECT_THAT(run.out, HasSubstr("poco-x3"));
  EXPECT_EQ(testbed("run").exit, ExitCode::kOk) << "a second run in the same folder";
}

TEST_F(TestbedTest, ADeadDaemonIsNamedWithItsLog) {
  setenv("SKIPTRAIN_FAKE", "dies", 1);
  const Invocation run = testbed("run");
  EXPECT_EQ(run.exit, ExitCode::kError);
  EXPECT_THAT(run.err, HasSubstr("the daemon of node-1 has ended"));
  EXPECT_THAT(run.err, HasSubstr("made-up reason to die"));
  EXPECT_EQ(running(processes()), 0);
}

TEST_F(TestbedTest, ARunThatTakesTooLongIsEnded) {
  setenv("SKIPTRAIN_FAKE", "runs", 1);
  const Invocation run = testbed("run", {"--timeout", "500ms"});
  EXPECT_EQ(run.exit, ExitCode::kTimeout);
  EXPECT_EQ(running(processes()), 0);
}

TEST_F(TestbedTest, AnInterruptEndsAllDaemons) {
  setenv("SKIPTRAIN_FAKE", "runs", 1);
  std::vector<ProcessId> started;
  std::jthread interrupter([&] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (running(started) < 4 && std::chrono::steady_clock::now() < deadline) {
      started = processes();
    }
    kill(getpid(), SIGINT);
  });
  const Invocation run = testbed("run");
  interrupter.join();
  EXPECT_EQ(run.exit, ExitCode::kError);
  EXPECT_THAT(run.err, HasSubstr("interrupted; all 4 daemons were ended"));
  ASSERT_THAT(started, SizeIs(4));
  EXPECT_EQ(running(started), 0);
}

TEST_F(TestbedTest, UpLeavesDaemonsThatDownEnds) {
  setenv("SKIPTRAIN_FAKE", "runs", 1);
  const Invocation up = testbed("up", {"-o", "json"});
  ASSERT_EQ(up.exit, ExitCode::kOk) << up.err;
  EXPECT_EQ(up.json()["nodes"][3]["status"]["node_name"], "node-3");
  const auto started = processes();
  EXPECT_EQ(running(started), 4);
  EXPECT_EQ(testbed("run").exit, ExitCode::kPrecondition) << "the folder is in use";
  EXPECT_EQ(testbed("status").exit, ExitCode::kOk);
  EXPECT_EQ(testbed("down", {"-o", "json"}).json()["ended"], 4);
  EXPECT_EQ(running(started), 0);
  EXPECT_EQ(testbed("down", {"-o", "json"}).json()["ended"], 0);
}

TEST_F(TestbedTest, AKilledNodeIsMissedAndStartsAgain) {
  setenv("SKIPTRAIN_FAKE", "runs", 1);
  ASSERT_EQ(testbed("up").exit, ExitCode::kOk);
  EXPECT_EQ(testbed("kill", {"node-2"}).exit, ExitCode::kOk);
  const Invocation status = testbed("status");
  EXPECT_EQ(status.exit, ExitCode::kDegraded);
  EXPECT_THAT(status.out, HasSubstr("node-2 does not run"));
  EXPECT_EQ(testbed("kill", {"2"}).exit, ExitCode::kPrecondition);
  EXPECT_EQ(testbed("start", {"2"}).exit, ExitCode::kOk);
  EXPECT_EQ(testbed("start", {"2"}).exit, ExitCode::kPrecondition);
  EXPECT_EQ(testbed("start", {"node-9"}).exit, ExitCode::kNotFound);
  EXPECT_TRUE(all_answer_in_time());
  EXPECT_EQ(running(processes()), 4);
}

TEST_F(TestbedTest, HealBringsBackAllThatDoesNotRun) {
  setenv("SKIPTRAIN_FAKE", "runs", 1);
  ASSERT_EQ(testbed("up").exit, ExitCode::kOk);
  EXPECT_EQ(testbed("heal").out, "nothing was amiss\n");
  EXPECT_EQ(testbed("kill", {"node-1"}).exit, ExitCode::kOk);
  EXPECT_EQ(testbed("stop", {"2", "3"}).out, "node-2 was stopped\nnode-3 was stopped\n");
  EXPECT_EQ(running(processes()), 1);
  EXPECT_EQ(testbed("heal", {"3"}).out, "node-3 runs again\n");
  EXPECT_EQ(testbed("heal").out, "node-1 runs again\nnode-2 runs again\n");
  EXPECT_EQ(running(processes()), 4);
  ASSERT_EQ(testbed("down").exit, ExitCode::kOk);
  EXPECT_EQ(testbed("heal").exit, ExitCode::kNotFound);
}

TEST_F(TestbedTest, ANodeThatIsNamedTwiceIsStartedOnce) {
  setenv("SKIPTRAIN_FAKE", "runs", 1);
  ASSERT_EQ(testbed("up").exit, ExitCode::kOk);
  EXPECT_EQ(testbed("kill", {"3", "node-3"}).out, "node-3 was killed\n");
  EXPECT_EQ(testbed("heal", {"node-3", "3"}).out, "node-3 runs again\n");
  EXPECT_EQ(running(processes()), 4);
  EXPECT_EQ(testbed("down").out, "4 daemons ended\n");
}

TEST_F(TestbedTest, StatusIsDegradedWhereADaemonDoesNotAnswer) {
  setenv("SKIPTRAIN_FAKE", "runs", 1);
  ASSERT_EQ(testbed("up").exit, ExitCode::kOk);
  const ProcessId frozen = processes().at(1);
  ASSERT_EQ(kill(frozen.pid, SIGSTOP), 0);
  const Invocation status = testbed("status", {"--timeout", "1s"});
  kill(frozen.pid, SIGCONT);
  EXPECT_EQ(status.exit, ExitCode::kDegraded);
  EXPECT_THAT(status.out, HasSubstr("no answer"));
  EXPECT_TRUE(all_answer_in_time());
}

TEST_F(TestbedTest, ProcessesCannotBeCutOff) {
  setenv("SKIPTRAIN_FAKE", "runs", 1);
  ASSERT_EQ(testbed("up").exit, ExitCode::kOk);
  const Invocation cut = testbed("cut", {"node-1"});
  EXPECT_EQ(cut.exit, ExitCode::kPrecondition);
  EXPECT_THAT(cut.err, HasSubstr("shares this machine's network"));
  EXPECT_THAT(cut.err, HasSubstr("--engine docker"));
}

TEST_F(TestbedTest, AnUnknownNodeIsFoundBeforeAnyIsKilled) {
  setenv("SKIPTRAIN_FAKE", "runs", 1);
  ASSERT_EQ(testbed("up").exit, ExitCode::kOk);
  const Invocation kill = testbed("kill", {"node-1", "node-9"});
  EXPECT_EQ(kill.exit, ExitCode::kNotFound);
  EXPECT_THAT(kill.err, HasSubstr("there is no node \"node-9\""));
  EXPECT_EQ(running(processes()), 4);
}

TEST_F(TestbedTest, ForeignFilesAreNotTouched) {
  std::filesystem::create_directory(dir / "node-0");
  std::ofstream(dir / "node-0/precious") << "x";
  EXPECT_EQ(testbed("run").exit, ExitCode::kPrecondition);
  EXPECT_TRUE(std::filesystem::exists(dir / "node-0/precious"));
}

TEST_F(TestbedTest, OnlyNodeFoldersAreRemovedWhateverTheStateFileSays) {
  ASSERT_EQ(testbed("run").exit, ExitCode::kOk);
  std::ofstream(dir / "notes") << "x";
  std::ofstream(dir / "node-0/old") << "x";
  std::ofstream(data / "precious") << "x";
  std::ifstream file(dir / kStateFile);
  auto json = nlohmann::json::parse(file);
  json["socket_dir"] = data.path();
  for (auto& node : json["nodes"]) node["directory"] = data.path();
  std::ofstream(dir / kStateFile) << json;
  const Invocation run = testbed("run");
  EXPECT_EQ(run.exit, ExitCode::kOk) << run.err;
  EXPECT_TRUE(std::filesystem::exists(data / "precious"));
  EXPECT_TRUE(std::filesystem::exists(dir / "notes"));
  EXPECT_FALSE(std::filesystem::exists(dir / "node-0/old"));
}

TEST_F(TestbedTest, AFolderThatOthersMayWriteToIsRefused) {
  setenv("SKIPTRAIN_FAKE", "runs", 1);
  ASSERT_EQ(testbed("up").exit, ExitCode::kOk);
  const auto started = processes();
  ASSERT_EQ(chmod(dir.path().c_str(), S_IRWXU | S_IRWXG | S_IRWXO), 0);
  EXPECT_EQ(testbed("down").exit, ExitCode::kPrecondition);
  EXPECT_EQ(testbed("kill", {"node-1"}).exit, ExitCode::kPrecondition);
  EXPECT_EQ(running(started), 4) << "signalled what a stranger may have named";
  EXPECT_EQ(testbed("start", {"node-1"}).exit, ExitCode::kPrecondition);
  const Invocation up = testbed("up");
  EXPECT_EQ(up.exit, ExitCode::kPrecondition);
  EXPECT_THAT(up.err, HasSubstr("others may write to it"));
  ASSERT_EQ(chmod(dir.path().c_str(), S_IRWXU), 0);
  EXPECT_EQ(testbed("down").exit, ExitCode::kOk);
  EXPECT_EQ(running(started), 0);
}

TEST_F(TestbedTest, RefusedOptionsLeaveNoFolderBehind) {
  TempDir temporary;
  setenv("TMPDIR", temporary.path().c_str(), 1);
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--nodes", "0"}, {"--lr", "-1"}}) {
    std::vector<std::string> words = {"testbed",       "run",       "--skiptraind",
                                      FAKE_SKIPTRAIND, "--dataset", data.path()};
    words.insert(words.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(skipctl(words).exit, ExitCode::kUsage);
    EXPECT_TRUE(std::filesystem::is_empty(temporary.path())) << wrong[0];
  }
  unsetenv("TMPDIR");
}

}  // namespace
}  // namespace skiptrain::ctl
