// --all: several nodes side by side, one of them dead.
#include "ctl/fleet.h"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/files.h"
#include "tests/unit/ctl/fake_node.h"
#include "tests/unit/ctl/invocation.h"
#include "tests/unit/ctl/temp_dir.h"

namespace skiptrain::ctl {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

class FleetTest : public testing::Test {
 protected:
  // Three nodes; the first knows where the others are controlled.
  FleetTest() {
    for (int i = 0; i < 3; ++i) add_node();
  }

  void add_node() {
    const std::uint64_t id = nodes.size();
    nodes.push_back(std::make_unique<FakeNode>(id, dir / (std::to_string(id) + ".sock")));
    if (id == 0) return;
    auto& vertex = *nodes[0]->topology.add_vertices();
    vertex.set_node_id(id);
    vertex.set_node_name("node-" + std::to_string(id));
    vertex.set_control("unix:" + nodes[id]->socket());
  }

  Invocation ask_all(std::vector<std::string> words) {
    words.insert(words.begin(), {"--all", "-e", nodes[0]->socket()});
    return skipctl(words);
  }

  TempDir dir;
  std::vector<std::unique_ptr<FakeNode>> nodes;
};

TEST_F(FleetTest, ShowsEveryNodeSideBySide) {
  for (const char* command : {"status", "energy", "health", "peers", "eval", "version"}) {
    const Invocation table = ask_all({command});
    EXPECT_EQ(table.exit, ExitCode::kOk) << command << table.err;
    for (const char* name : {"node-0", "node-1", "node-2"}) {
      EXPECT_THAT(table.out, HasSubstr(name)) << command;
    }
  }
}

TEST_F(FleetTest, MarksANodeThatDoesNotAnswer) {
  nodes[2]->stop();
  const Invocation table = ask_all({"status"});
  EXPECT_EQ(table.exit, ExitCode::kDegraded);
  EXPECT_THAT(table.out, HasSubstr("node-1"));
  EXPECT_THAT(table.out, HasSubstr("no answer"));
  EXPECT_THAT(table.err, HasSubstr("no answer from node-2"));
  const Invocation json = ask_all({"status", "-o", "json"});
  EXPECT_EQ(json.exit, ExitCode::kDegraded);
  ASSERT_THAT(json.json()["nodes"], SizeIs(3));
  EXPECT_EQ(json.json()["nodes"][1]["ok"], true);
  EXPECT_EQ(json.json()["nodes"][2]["error"]["code"], "unreachable");
}

// As the default path of two devices is the same.
TEST_F(FleetTest, NobodyAnswersForANodeThatIsNotThere) {
  nodes[0]->topology.mutable_vertices(1)->set_control("unix:" + nodes[2]->socket());
  const Invocation status = ask_all({"status", "-o", "json"});
  EXPECT_EQ(status.exit, ExitCode::kDegraded);
  EXPECT_THAT(status.json()["nodes"][1]["error"]["message"].get<std::string>(),
              HasSubstr("node 2 answers at unix:" + nodes[2]->socket()));
  EXPECT_EQ(status.json()["nodes"][2]["ok"], true);
  EXPECT_EQ(ask_all({"pause"}).exit, ExitCode::kDegraded);
  EXPECT_THAT(nodes[2]->calls(), Contains("Pause").Times(1));
}

TEST_F(FleetTest, TheWorstNodeGivesTheExitCode) {
  nodes[1]->status.set_phase(v1::PHASE_FAILED);
  EXPECT_EQ(ask_all({"health"}).exit, ExitCode::kDegraded);
}

// It spreads from there by itself: asking every node would give the run as many orders.
TEST_F(FleetTest, AnOrderToTheRunIsGivenAtOneNode) {
  const Invocation set = ask_all({"schedule", "set", "--policy", "dpsgd", "--at-round", "40"});
  EXPECT_EQ(set.exit, ExitCode::kOk) << set.err;
  std::size_t issued = 0;
  for (const auto& node : nodes) issued += node->directives_issued().size();
  EXPECT_EQ(issued, 1u);
  EXPECT_EQ(nodes[0]->directives_issued().at(0).effective_round(), 40u);
}

TEST_F(FleetTest, FollowsMoreNodesThanAreAskedAtATime) {
  while (nodes.size() < kMaxConcurrentAsks + 2) add_node();
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t followed = 0;
  // No node's stream ends before every node is followed.
  const auto wait_for_all = [&] {
    std::unique_lock lock(mutex);
    ++followed;
    changed.notify_all();
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return followed >= nodes.size(); });
    EXPECT_EQ(followed, nodes.size());
  };
  for (const auto& node : nodes) node->while_followed = wait_for_all;
  const Invocation follow = ask_all({"rounds", "--follow"});
  EXPECT_EQ(follow.exit, ExitCode::kOk) << follow.err;
  EXPECT_EQ(followed, nodes.size());
}

TEST_F(FleetTest, ExportIsForOneNodeOnly) {
  EXPECT_EQ(ask_all({"model", "export", dir / "model"}).exit, ExitCode::kUsage);
}

TEST_F(FleetTest, AReportNamesNodesThatAreNotInIt) {
  nodes[1]->status.set_run_id("run-2");
  nodes[2]->stop();
  const std::string file = dir / "report.html";
  const Invocation report = ask_all({"report", "-o", file});
  EXPECT_EQ(report.exit, ExitCode::kDegraded);
  EXPECT_THAT(report.out, HasSubstr("run run-1, 1 node, 12 of 80 rounds"));
  const std::string page = read_file(file).value();
  for (const std::string& text : {report.err, page}) {
    EXPECT_THAT(text, HasSubstr("no answer from node-2"));
    EXPECT_THAT(text, HasSubstr("node-1 is of another run, run-2: left out"));
  }
  const Invocation unknown = ask_all({"-o", "json", "report", "--run", "run-3", "-o", file});
  EXPECT_EQ(unknown.exit, ExitCode::kNotFound);
  EXPECT_THAT(unknown.error()["hint"], HasSubstr("run-1 (1 node), run-2 (1 node)"));
  EXPECT_EQ(skipctl({"report"}).exit, ExitCode::kUsage);
}

TEST_F(FleetTest, OfANodeThatHangsThereIsWhatItStillTells) {
  nodes[1]->loop_hangs = true;
  const std::string file = dir / "bundle.tar";
  const Invocation bundle =
      ask_all({"--timeout", "300ms", "-o", "json", "debug", "bundle", "-o", file});
  EXPECT_EQ(bundle.exit, ExitCode::kDegraded);
  const auto node = bundle.json()["nodes"][1];
  EXPECT_TRUE(node["files"].contains("version.json"));
  EXPECT_EQ(node["error"]["code"], "timeout");
  EXPECT_EQ(bundle.json()["no_answer"].size(), 0U) << "it did answer";
  EXPECT_TRUE(bundle.json()["nodes"][0]["files"].contains("rounds.jsonl"));
}

// These nodes are as daemons from before there were RPCs for config, log and metrics.
TEST_F(FleetTest, ABundleSaysWhatItLacks) {
  nodes[0]->topology.mutable_vertices(1)->set_node_name("../../evil");
  const std::string file = dir / "bundle.tar";
  const Invocation bundle = ask_all({"-o", "json", "debug", "bundle", "-o", file});
  EXPECT_EQ(bundle.exit, ExitCode::kOk) << bundle.err;
  const auto json = bundle.json();
  ASSERT_THAT(json["nodes"], SizeIs(3));
  EXPECT_EQ(json["nodes"][1]["folder"], "1-.._.._evil");
  EXPECT_TRUE(json["nodes"][0]["files"].contains("status.json"));
  EXPECT_TRUE(json["nodes"][0]["missing"].contains("config.txt"));
  EXPECT_THAT(read_file(file).value(), HasSubstr("/1-.._.._evil/status.json"));
  const Invocation nowhere = ask_all({"debug", "bundle", "-o", dir / "none/bundle.tar"});
  EXPECT_EQ(nowhere.exit, ExitCode::kNotFound);
}

}  // namespace
}  // namespace skiptrain::ctl
