// What a daemon makes of the folder that it finds: goes on from it, or refuses it and says what to
// do, and throws nothing away.
#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

namespace fs = std::filesystem;

class StateDirTest : public ::testing::Test {
 protected:
  StateDirTest() : cluster_(2) { cluster_.set("run.rounds", "1000000"); }

  // A daemon that has done some rounds, and was killed.
  void leave_a_state() {
    cluster_.start_all();
    ASSERT_TRUE(cluster_.wait_for_round(0, 5)) << cluster_.describe();
    // So that this checkpoint remains the newest.
    ASSERT_EQ(cluster_.ask(0, {"pause"}).exit_code, kOk);
    ASSERT_TRUE(cluster_.wait_for_phase(0, "paused")) << cluster_.describe();
    const Answer written = cluster_.ask(0, {"checkpoint"});
    ASSERT_EQ(written.exit_code, kOk) << written.err;
    round_ = written.json.at("round");
    checkpoint_ = written.json.at("path");
    cluster_.kill(0);
  }
  // Starts node 0, which must end by itself; what it said.
  std::string refusal() {
    const std::size_t before = cluster_.log(0).size();
    cluster_.start(0);
    EXPECT_EQ(cluster_.process(0).wait(), (Exit{1, 0})) << cluster_.log(0);
    return cluster_.log(0).substr(before);
  }
  bool starts_again(std::vector<std::string> arguments) {
    cluster_.start(0, {.command = std::move(arguments), .output_file = "", .environment = {}});
    return eventually([&] { return cluster_.round(0) > 0; });
  }

  TestCluster cluster_;
  std::uint64_t round_ = 0;
  std::string checkpoint_;
};

TEST_F(StateDirTest, GoesOnFromTheCheckpointThatWasAskedFor) {
  leave_a_state();
  EXPECT_GE(round_, 5u);
  EXPECT_TRUE(fs::exists(checkpoint_)) << checkpoint_;
  cluster_.start(0);
  ASSERT_TRUE(eventually([&] { return cluster_.round(0) >= round_; })) << cluster_.describe();
  const Json rounds = cluster_.rounds(0);
  ASSERT_FALSE(rounds.empty());
  EXPECT_EQ(rounds.at(0).at("round"), 0) << "its history is kept across restarts";
}

TEST_F(StateDirTest, OfAnotherNodeIsRefused) {
  leave_a_state();
  cluster_.set(0, "node.id", "1");
  cluster_.kill(1);
  const std::string said = refusal();
  EXPECT_NE(said.find(cluster_.folder(0)), std::string::npos) << said;
  EXPECT_NE(said.find("node 0"), std::string::npos) << said;
  EXPECT_NE(said.find("node 1"), std::string::npos) << said;
}

TEST_F(StateDirTest, OfANewerSchemaIsRefused) {
  leave_a_state();
  const std::string script = "import sqlite3; db = sqlite3.connect('" + cluster_.folder(0) +
                             "/node.db'); db.execute('pragma user_version = 9999'); db.close()";
  const Finished changed = run({"/usr/bin/python3", "-c", script});
  ASSERT_EQ(changed.exit, (Exit{0, 0})) << changed.err;
  const std::string said = refusal();
  EXPECT_NE(said.find("9999"), std::string::npos) << said;
  EXPECT_NE(said.find("newer"), std::string::npos) << said;
}

TEST_F(StateDirTest, HalfCopiedIsRefusedAndSetAsideByFresh) {
  leave_a_state();
  for (const auto& entry : fs::directory_iterator(cluster_.folder(0))) {
    if (entry.path().filename().string().starts_with("checkpoint-")) fs::remove(entry);
  }
  const std::string said = refusal();
  EXPECT_NE(said.find("half-copied"), std::string::npos) << said;
  EXPECT_NE(said.find("--fresh"), std::string::npos) << said;
  EXPECT_TRUE(starts_again({"--fresh"})) << cluster_.log(0);
  EXPECT_TRUE(fs::exists(cluster_.folder(0) + "/aside-1/node.db"));
}

TEST_F(StateDirTest, WithoutItsDatabaseIsRefusedAndSetAsideByFresh) {
  leave_a_state();
  fs::remove(cluster_.folder(0) + "/node.db");
  const std::string name = fs::path(checkpoint_).filename();
  EXPECT_TRUE(starts_again({"--fresh"})) << cluster_.log(0);
  EXPECT_TRUE(fs::exists(cluster_.folder(0) + "/aside-1/" + name)) << cluster_.log(0);
}

TEST_F(StateDirTest, ARunMayBeginFromACheckpoint) {
  leave_a_state();
  const std::string kept = cluster_.dir() / "kept.safetensors";
  fs::copy_file(checkpoint_, kept);
  const std::size_t before = cluster_.log(0).size();
  cluster_.start(0, {.command = {"--from-checkpoint", kept}, .output_file = "", .environment = {}});
  EXPECT_EQ(cluster_.process(0).wait(), (Exit{1, 0}));
  const std::string said = cluster_.log(0).substr(before);
  EXPECT_NE(said.find("--from-checkpoint"), std::string::npos) << said;
  EXPECT_NE(said.find("--fresh"), std::string::npos) << said;

  // The model of the new run's round 0 is the old run's, bit for bit.
  cluster_.set("run.id", "\"second\"");
  cluster_.set("run.rounds", "0");
  cluster_.start(0, {.command = {"--from-checkpoint", kept}, .output_file = "", .environment = {}});
  ASSERT_TRUE(cluster_.wait_for_phase(0, "finished")) << cluster_.log(0);
  const std::string exported = cluster_.dir() / "exported.safetensors";
  const Answer answer = cluster_.ask(0, {"model", "export", exported});
  ASSERT_EQ(answer.exit_code, kOk) << answer.err;
  const std::string a = read_file(kept);
  const std::string b = read_file(exported);
  const std::size_t tensors = 610 * sizeof(float);
  ASSERT_GT(a.size(), tensors);
  EXPECT_EQ(a.substr(a.size() - tensors), b.substr(b.size() - tensors));
}

TEST_F(StateDirTest, AFileInThePlaceOfTheControlSocketIsNotTouched) {
  const std::string file = cluster_.dir() / "notes.txt";
  write_file(file, "keep me");
  cluster_.set(0, "control.socket", "\"" + file + "\"");
  const std::string said = refusal();
  EXPECT_NE(said.find("control.socket"), std::string::npos) << said;
  EXPECT_NE(said.find("no socket"), std::string::npos) << said;
  EXPECT_EQ(read_file(file), "keep me");
}

}  // namespace
}  // namespace skiptrain::integration
