// Every command against a node in this process: its table, its JSON, its exit code.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ctl/fake_node.h"
#include "tests/unit/ctl/invocation.h"
#include "tests/unit/ctl/temp_dir.h"

namespace skiptrain::ctl {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class CommandTest : public testing::Test {
 protected:
  // Runs a command against the node.
  Invocation ask(std::vector<std::string> words) {
    words.insert(words.begin(), {"-e", node.socket()});
    return skipctl(words);
  }

  TempDir dir;
  FakeNode node{0, dir / "0.sock"};
};

TEST_F(CommandTest, StatusNamesPhaseRoundAndDeadNeighbour) {
  auto& neighbour = *node.peers.mutable_neighbours(0);
  neighbour.set_link(v1::LINK_STATE_LOST);
  neighbour.set_last_heard_seconds(3);
  const Invocation table = ask({"status"});
  EXPECT_EQ(table.exit, ExitCode::kOk);
  EXPECT_THAT(table.out, HasSubstr("node-0 (id 0, incarnation 1)"));
  EXPECT_THAT(table.out, HasSubstr("12 of 80, trained in 8"));
  EXPECT_THAT(table.out, HasSubstr("skiptrain 4/4"));
  EXPECT_THAT(table.out, HasSubstr("node-7 at 127.0.0.1:7407 is lost, last heard of 3.0 s ago"));
  EXPECT_THAT(table.out, Not(HasSubstr("\033")));  // no colour in a pipe
  const Invocation json = ask({"status", "-o", "json"});
  EXPECT_EQ(json.json()["phase"], "training");
  EXPECT_EQ(json.json()["broken_neighbours"][0]["node_name"], "node-7");
}

TEST_F(CommandTest, HealthSaysWhyAndHowBad) {
  EXPECT_EQ(ask({"health"}).exit, ExitCode::kOk);
  node.peers.mutable_neighbours(0)->set_link(v1::LINK_STATE_REFUSED);
  node.peers.mutable_neighbours(0)->set_last_error("another run");
  const Invocation degraded = ask({"health"});
  EXPECT_EQ(degraded.exit, ExitCode::kDegraded);
  EXPECT_THAT(degraded.out, HasSubstr("another run"));
  EXPECT_EQ(ask({"health", "-o", "json"}).json()["health"], "degraded");
  node.peers.mutable_neighbours(0)->set_link(v1::LINK_STATE_CONNECTED);
  EXPECT_EQ(ask({"health"}).exit, ExitCode::kOk);
  node.status.set_store_error("no space left on device");
  EXPECT_THAT(ask({"health"}).out, HasSubstr("cannot be written: no space left"));
  EXPECT_EQ(ask({"health"}).exit, ExitCode::kDegraded);
  node.status.clear_store_error();
  node.status.set_phase(v1::PHASE_WARMING_UP);
  EXPECT_EQ(ask({"health"}).exit, ExitCode::kPrecondition);
  node.status.set_phase(v1::PHASE_FAILED);
  node.status.set_failure("loss is not finite");
  EXPECT_EQ(ask({"health"}).exit, ExitCode::kDegraded);
  EXPECT_THAT(ask({"health"}).out, HasSubstr("loss is not finite"));
}

TEST_F(CommandTest, PeersListsLinksAndErrors) {
  node.peers.mutable_neighbours(0)->set_last_error("connection refused");
  const Invocation connected = ask({"peers"});
  EXPECT_THAT(connected.out, HasSubstr("127.0.0.1:7407"));
  EXPECT_THAT(connected.out, Not(HasSubstr("connection refused")));  // that is over
  const auto json = ask({"peers", "-o", "json"}).json();
  EXPECT_EQ(json["neighbours"][0]["link"], "connected");
  EXPECT_EQ(json["neighbours"][0]["last_error"], "connection refused");
  node.peers.mutable_neighbours(0)->set_link(v1::LINK_STATE_LOST);
  EXPECT_THAT(ask({"peers"}).out, HasSubstr("connection refused"));
}

TEST_F(CommandTest, RoundsShowsTheLastOnes) {
  for (std::uint64_t round = 0; round < 5; ++round) {
    v1::RoundRecord record;
    record.set_round(round);
    record.set_loss(std::nan(""));
    if (round == 4) record.add_missing(7);
    node.rounds.push_back(record);
  }
  const Invocation table = ask({"rounds", "--last", "2"});
  EXPECT_THAT(table.out, HasSubstr("without node 7"));
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '\n'), 3);
  const auto json = ask({"rounds", "--last", "2", "-o", "json"}).json();
  ASSERT_THAT(json["rounds"], SizeIs(2));
  EXPECT_EQ(json["rounds"][0]["round"], 3);
  const Invocation follow = ask({"rounds", "--follow", "--last", "1", "-o", "json"});
  EXPECT_EQ(nlohmann::json::parse(follow.out)["round"], 4);  // one object a line
  EXPECT_THAT(node.calls(), testing::Contains("ListRounds follow"));
}

TEST_F(CommandTest, EnergyShowsWhatIsSaved) {
  const Invocation table = ask({"energy"});
  EXPECT_THAT(table.out, HasSubstr("0.0085191 Wh"));
  EXPECT_THAT(table.out, HasSubstr("50.00 %"));
  EXPECT_DOUBLE_EQ(ask({"energy", "-o", "json"}).json()["saved_fraction"], 0.5);
}

TEST_F(CommandTest, EnergySpentInExcessIsNoSaving) {
  node.energy.set_source("rapl");
  node.energy.set_spent_wh(0.03);  // of 0.025
  EXPECT_THAT(ask({"energy"}).out, HasSubstr("none, 20.00 % more was spent"));
  EXPECT_THAT(ask({"energy"}).out, Not(HasSubstr("-20")));
  EXPECT_THAT(ask({"--all", "energy"}).out, HasSubstr("none, 20.00 % more was spent"));
}

TEST_F(CommandTest, EnergyBudgetIsSetOrLifted) {
  EXPECT_THAT(ask({"energy", "budget", "0.5"}).out, HasSubstr("0.5 Wh"));
  EXPECT_EQ(ask({"energy", "budget", "none"}).exit, ExitCode::kOk);
  const auto set = node.budgets_set();
  ASSERT_THAT(set, SizeIs(2));
  EXPECT_DOUBLE_EQ(set[0].budget_wh(), 0.5);
  EXPECT_FALSE(set[1].has_budget_wh());
  EXPECT_EQ(ask({"energy", "budget", "-1"}).exit, ExitCode::kUsage);
  EXPECT_EQ(ask({"energy", "budget", "much"}).exit, ExitCode::kUsage);
  EXPECT_THAT(node.budgets_set(), SizeIs(2));
}

TEST_F(CommandTest, TopologyAsTableAndAsGraph) {
  auto& other = *node.topology.add_vertices();
  other.set_node_id(7);
  other.set_node_name("a \"b\"");
  auto& edge = *node.topology.add_edges();
  edge.set_a(0);
  edge.set_b(7);
  edge.set_weight(0.5);
  EXPECT_THAT(ask({"topology", "show"}).out, HasSubstr("ring"));
  const Invocation dot = ask({"topology", "show", "--dot"});
  EXPECT_THAT(dot.out, HasSubstr("0 -- 7 [label=\"0.500\"]"));
  EXPECT_THAT(dot.out, HasSubstr("7 [label=\"a \\\"b\\\"\"]"));
  EXPECT_EQ(ask({"topology", "show", "-o", "json"}).json()["spec"], "ring");
  EXPECT_EQ(ask({"topology", "show", "--dot", "-o", "json"}).exit, ExitCode::kUsage);
}

TEST_F(CommandTest, ScheduleIsShownAndSet) {
  EXPECT_THAT(ask({"schedule", "show"}).out, HasSubstr("32 of 40"));
  const Invocation set =
      ask({"schedule", "set", "--policy", "skiptrain", "--train", "2", "--sync", "6"});
  EXPECT_THAT(set.out, HasSubstr("skiptrain 2/6 from round 15"));
  ASSERT_THAT(node.directives_issued(), SizeIs(1));
  EXPECT_FALSE(node.directives_issued()[0].has_effective_round());
  EXPECT_EQ(ask({"schedule", "set", "--policy", "sometimes"}).exit, ExitCode::kUsage);
  EXPECT_EQ(ask({"schedule", "set", "--policy", "skiptrain", "--train", "0"}).exit,
            ExitCode::kUsage);
  EXPECT_THAT(node.directives_issued(), SizeIs(1));
}

TEST_F(CommandTest, ScheduleSetKeepsTheLengthsInForce) {
  auto& now = *node.schedule.mutable_current();
  now.set_gamma_train(3);
  now.set_gamma_sync(5);
  EXPECT_THAT(ask({"schedule", "set", "--policy", "skiptrain-constrained"}).out,
              HasSubstr("skiptrain-constrained 3/5"));
  EXPECT_THAT(ask({"schedule", "set", "--policy", "skiptrain", "--sync", "0"}).out,
              HasSubstr("skiptrain 3/0"));
  EXPECT_EQ(ask({"schedule", "set", "--policy", "greedy"}).exit, ExitCode::kOk);
  EXPECT_EQ(ask({"schedule", "set", "--policy", "skiptrain", "--train", "-1"}).exit,
            ExitCode::kUsage);
  EXPECT_THAT(node.directives_issued(), SizeIs(3));
}

TEST_F(CommandTest, ScheduleSetNeedsLengthsWhereNoneAreInForce) {
  node.schedule.mutable_current()->set_policy(v1::POLICY_GREEDY);
  const auto refused = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"schedule", "set", "--policy", "skiptrain"});
    const Invocation set = ask(words);
    EXPECT_EQ(set.exit, ExitCode::kUsage);
    return set.err;
  };
  EXPECT_THAT(refused({}), HasSubstr("--train and --sync must be given for skiptrain"));
  EXPECT_THAT(refused({"--train", "4"}), HasSubstr("skipctl: --sync must be given"));
  EXPECT_THAT(refused({"--sync", "4"}), HasSubstr("skipctl: --train must be given"));
  EXPECT_THAT(node.directives_issued(), SizeIs(0));
  EXPECT_THAT(ask({"schedule", "set", "--policy", "skiptrain", "--train", "4", "--sync", "4"}).out,
              HasSubstr("skiptrain 4/4"));
}

TEST_F(CommandTest, OrdersToTheRunAreOneCallEach) {
  EXPECT_EQ(ask({"run", "pause"}).out, "pause from round 15\n");
  EXPECT_EQ(ask({"run", "resume"}).out, "run from round 15\n");
  EXPECT_EQ(ask({"--all", "run", "stop", "--at-round", "40"}).out, "stop from round 40\n");
  EXPECT_EQ(ask({"run", "lr", "0.05"}).out, "learning rate 0.05 from round 15\n");
  const auto issued = node.directives_issued();
  ASSERT_THAT(issued, SizeIs(4));
  EXPECT_EQ(issued[2].effective_round(), 40u);
  EXPECT_FALSE(issued[3].has_effective_round());
  for (const char* wrong : {"0", "-1", "fast"}) {
    EXPECT_EQ(ask({"run", "lr", wrong}).exit, ExitCode::kUsage) << wrong;
  }
  EXPECT_EQ(ask({"run"}).exit, ExitCode::kUsage);
}

TEST_F(CommandTest, WarnsOfARoundThatFarNodesMayMiss) {
  const Invocation early = ask({"run", "pause", "--at-round", "13"});
  EXPECT_EQ(early.exit, ExitCode::kOk);
  EXPECT_THAT(early.err, HasSubstr("from round 15 on, all would switch together"));
  EXPECT_EQ(ask({"run", "pause", "--at-round", "15"}).err, "");
}

TEST_F(CommandTest, OrdersInForceAndToComeAreListed) {
  EXPECT_THAT(ask({"run", "orders"}).out, HasSubstr("none"));
  node.directives.set_round(12);
  auto* rate = node.directives.add_directives();
  rate->set_learning_rate(0.02);
  rate->set_effective_round(8);
  auto* stop = node.directives.add_directives();
  stop->set_run(v1::RUN_ORDER_STOP);
  stop->set_effective_round(60);
  const std::string out = ask({"run", "orders"}).out;
  EXPECT_THAT(out, HasSubstr("learning rate 0.02"));
  EXPECT_THAT(out, HasSubstr("in force"));
  EXPECT_THAT(out, HasSubstr("to come"));
}

TEST_F(CommandTest, SteeringIsOneCallEach) {
  EXPECT_THAT(ask({"pause"}).out, HasSubstr("after round 12"));
  EXPECT_THAT(ask({"resume"}).out, HasSubstr("round 13"));
  EXPECT_EQ(ask({"stop", "-o", "json"}).json()["after_round"], 12);
  EXPECT_THAT(ask({"log", "level", "debug"}).out, HasSubstr("was info"));
  EXPECT_THAT(ask({"checkpoint"}).out, HasSubstr("round 12 is in /state/checkpoint-00000012"));
  EXPECT_THAT(node.calls(), ElementsAre("Pause", "Resume", "Stop", "SetLogLevel", "Checkpoint"));
}

TEST_F(CommandTest, EvalShowsAccuracy) {
  EXPECT_THAT(ask({"eval"}).out, HasSubstr("62.50 %"));
  EXPECT_EQ(ask({"eval", "--samples", "10", "-o", "json"}).json()["samples"], 10);
}

TEST_F(CommandTest, EvalShowsWhatTheTaskHas) {
  node.evaluation.mutable_top_k()->set_k(3);
  node.evaluation.mutable_top_k()->set_accuracy(0.875);
  for (const auto& [right, samples] : {std::pair(3, 4), std::pair(0, 0)}) {
    auto& tally = *node.evaluation.add_per_class();
    tally.set_right(right);
    tally.set_samples(samples);
  }
  const std::string classes = ask({"eval"}).out;
  EXPECT_THAT(classes, ContainsRegex("top-3 accuracy +87.50 %"));
  EXPECT_THAT(classes, Not(HasSubstr("75.00 %")));
  const std::string per_class = ask({"eval", "--per-class"}).out;
  EXPECT_THAT(per_class, ContainsRegex("62.50 %"));
  EXPECT_THAT(per_class, ContainsRegex("0 +3 +4 +75.00 %"));
  EXPECT_THAT(per_class, ContainsRegex("1 +0 +0 +-"));
  const auto json = ask({"eval", "-o", "json"}).json();
  EXPECT_EQ(json["top_k"]["k"], 3);
  EXPECT_EQ(json["per_class"][0]["right"], 3);
  EXPECT_TRUE(json["mean_absolute_error"].is_null());
}

TEST_F(CommandTest, OfNumbersThereIsNoAccuracy) {
  node.evaluation.clear_accuracy();
  node.evaluation.set_mean_absolute_error(0.75);
  const std::string numbers = ask({"eval"}).out;
  EXPECT_THAT(numbers, ContainsRegex("mean squared error +1.2500"));
  EXPECT_THAT(numbers, ContainsRegex("mean absolute error +0.7500"));
  EXPECT_THAT(numbers, Not(HasSubstr("accuracy")));
  EXPECT_TRUE(ask({"eval", "-o", "json"}).json()["accuracy"].is_null());
  EXPECT_THAT(ask({"eval", "--per-class"}).out, HasSubstr("none: this run learns numbers"));
  *node.status.mutable_last_evaluation() = node.evaluation;
  const std::string status = ask({"status"}).out;
  EXPECT_THAT(status, HasSubstr("loss 1.2500, mean absolute error 0.7500, after 12 rounds"));
  EXPECT_THAT(status, Not(HasSubstr("accuracy")));
  EXPECT_THAT(ask({"watch", "--count", "1"}).out, HasSubstr("  test loss 1.2500  "));
  auto& round = node.rounds.emplace_back();
  round.set_round(11);
  round.set_test_loss(1.5);
  EXPECT_THAT(ask({"rounds"}).out, HasSubstr("loss 1.5000"));
}

TEST_F(CommandTest, ModelExportWritesAWholeFileOrNone) {
  node.model_file = safetensors_file(std::vector<float>(5000, 1.5F));
  const std::string path = dir / "model.safetensors";
  const Invocation done = ask({"model", "export", "--format", "safetensors", path});
  EXPECT_EQ(done.exit, ExitCode::kOk) << done.err;
  std::ifstream file(path, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), node.model_file);
  EXPECT_EQ(node.exported_format, v1::MODEL_FORMAT_SAFETENSORS);
  EXPECT_EQ(ask({"model", "export", "--format", "torchscript", "-"}).out, node.model_file);
  EXPECT_EQ(node.exported_format, v1::MODEL_FORMAT_TORCHSCRIPT);

  node.error = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "warming up");
  EXPECT_EQ(ask({"model", "export", dir / "other"}).exit, ExitCode::kPrecondition);
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    left.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(left, testing::UnorderedElementsAre("0.sock", "model.safetensors"));
}

TEST_F(CommandTest, WatchPrintsALineEachTimeWhereNothingCanBeRedrawn) {
  const Invocation lines = ask({"watch", "--count", "2", "--interval", "1ms"});
  EXPECT_EQ(std::count(lines.out.begin(), lines.out.end(), '\n'), 2);
  EXPECT_THAT(lines.out, HasSubstr("round 12/80"));
}

TEST_F(CommandTest, VersionNamesBothPrograms) {
  const Invocation both = ask({"version"});
  EXPECT_THAT(both.out, HasSubstr("skipctl "));
  EXPECT_THAT(both.out, HasSubstr("skiptraind 9.9.9"));
  EXPECT_EQ(skipctl({"-e", dir / "none", "version"}).exit, ExitCode::kUnreachable);
}

TEST_F(CommandTest, ErrorsOfTheDaemonBecomeExitCodes) {
  const std::pair<grpc::StatusCode, ExitCode> cases[] = {
      {grpc::StatusCode::INVALID_ARGUMENT, ExitCode::kUsage},
      {grpc::StatusCode::NOT_FOUND, ExitCode::kNotFound},
      {grpc::StatusCode::FAILED_PRECONDITION, ExitCode::kPrecondition},
      {grpc::StatusCode::DEADLINE_EXCEEDED, ExitCode::kTimeout},
      {grpc::StatusCode::PERMISSION_DENIED, ExitCode::kNotAuthorized},
      {grpc::StatusCode::UNAVAILABLE, ExitCode::kUnreachable},
      {grpc::StatusCode::INTERNAL, ExitCode::kError},
      {grpc::StatusCode::UNIMPLEMENTED, ExitCode::kError}};
  for (const auto& [code, exit] : cases) {
    node.error = grpc::Status(code, "made-up reason");
    const Invocation failed = ask({"pause", "-o", "json"});
    EXPECT_EQ(failed.exit, exit);
    EXPECT_EQ(failed.out, "");
    EXPECT_EQ(failed.error()["code"], to_string(exit));
    EXPECT_FALSE(failed.error()["message"].get<std::string>().empty());
  }
}

TEST_F(CommandTest, WarmingUpIsAPreconditionWithAHint) {
  node.error = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "the node is warming up");
  const Invocation failed = ask({"eval"});
  EXPECT_EQ(failed.exit, ExitCode::kPrecondition);
  EXPECT_THAT(failed.err, HasSubstr("hint: "));
}

TEST_F(CommandTest, TimeoutEndsTheWaitForANodeThatHangs) {
  node.hangs = true;
  const Invocation failed = ask({"--timeout", "100ms", "status"});
  EXPECT_EQ(failed.exit, ExitCode::kTimeout);
  EXPECT_THAT(failed.err, HasSubstr("--timeout"));
}

TEST_F(CommandTest, ADeadNodeIsUnreachable) {
  EXPECT_EQ(skipctl({"-e", dir / "none.sock", "status"}).exit, ExitCode::kUnreachable);
  std::ofstream(dir / "file") << "no socket";
  EXPECT_EQ(skipctl({"-e", dir / "file", "status"}).exit, ExitCode::kUsage);
  EXPECT_EQ(skipctl({"-e", "127.0.0.1:1", "status"}).exit, ExitCode::kUnreachable);
}

TEST(UsageTest, BadWordsAreUsageErrors) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {"nonsense"},
                                             {"schedule"},
                                             {"schedule", "nonsense"},
                                             {"status", "--nonsense"},
                                             {"-o", "xml", "status"},
                                             {"--timeout", "soon", "status"},
                                             {"rounds", "--last", "-1"},
                                             {"completion", "csh"},
                                             {"model", "export", "--format", "onnx", "file"}}) {
    const Invocation refused = skipctl(words);
    EXPECT_EQ(refused.exit, ExitCode::kUsage) << testing::PrintToString(words);
    EXPECT_NE(refused.err, "");
  }
  EXPECT_EQ(skipctl({"-o", "json", "nonsense"}).error()["code"], "usage");
  EXPECT_EQ(skipctl({"--help"}).exit, ExitCode::kOk);
  EXPECT_THAT(skipctl({"schedule", "set", "--help"}).out, HasSubstr("--at-round"));
}

TEST(CompletionTest, KnowsNounsVerbsAndFlags) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Invocation script = skipctl({"completion", shell});
    EXPECT_EQ(script.exit, ExitCode::kOk);
    for (const char* word : {"schedule", "testbed", "at-round", "health"}) {
      EXPECT_THAT(script.out, HasSubstr(word)) << shell;
    }
  }
}

TEST(ConfigCheckTest, ListsEveryProblemWithItsLine) {
  TempDir dir;
  EXPECT_EQ(skipctl({"config", "check", dir / "none.toml"}).exit, ExitCode::kNotFound);
  std::ofstream(dir / "bad.toml") << "[node]\nid = -1\nnonsense = 2\n";
  const Invocation bad = skipctl({"config", "check", dir / "bad.toml"});
  EXPECT_EQ(bad.exit, ExitCode::kError);
  EXPECT_THAT(bad.err, HasSubstr("bad.toml:2: node.id"));
  EXPECT_THAT(bad.err, HasSubstr("bad.toml:3: node.nonsense"));
  const auto json = skipctl({"config", "check", dir / "bad.toml", "-o", "json"}).json();
  EXPECT_EQ(json["ok"], false);
  EXPECT_GE(json["problems"].size(), 2u);
}

}  // namespace
}  // namespace skiptrain::ctl
