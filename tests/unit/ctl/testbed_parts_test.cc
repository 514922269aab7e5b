// The testbed's parts: configurations, ports, processes, state, model files, the summary's sums.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/testbed/plan.h"
#include "ctl/testbed/ports.h"
#include "ctl/testbed/process.h"
#include "ctl/testbed/safetensors.h"
#include "ctl/testbed/state.h"
#include "ctl/testbed/summary.h"
#include "daemon/config/config.h"
#include "tests/unit/ctl/fake_node.h"
#include "tests/unit/ctl/temp_dir.h"
#include "tests/unit/data/cifar_files.h"

namespace skiptrain::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Options whose dataset is four empty files in `dir`.
TestbedOptions options_in(const TempDir& dir) {
  for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                           "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"}) {
    std::ofstream(dir / name) << "";
  }
  TestbedOptions options;
  options.dataset = dir.path();
  return options;
}

TEST(PlanTest, ConfigsReadBackAsTheOptionsSay) {
  TempDir dir;
  TestbedOptions options = options_in(dir);
  options.nodes = 6;
  options.rounds = 33;
  options.schedule = {core::Policy::kSkipTrainConstrained, 3, 5};
  options.topology = "ring";
  options.model = "lenet5";
  options.partition = "dirichlet:0.5";
  options.local_steps = 7;
  options.batch_size = 16;
  options.lr = 0.05;
  options.seed = 99;
  options.budget_fraction = 0.1;
  options.profiles = {"poco-x3", "xiaomi-12-pro"};
  options.evaluate_every = 4;
  options.settings = {"round.deadline=2s", "train.momentum=0.9"};
  const auto plan = plan_testbed(options, dir.path());
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  const auto toml = node_config(options, *plan, 3);
  ASSERT_TRUE(toml.has_value()) << toml.error().message;
  const auto config = daemon::parse_config(*toml, "node-3.toml");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->node.id, NodeId(3));
  EXPECT_EQ(config->node.profile, "xiaomi-12-pro");
  EXPECT_EQ(config->control.socket, plan->nodes[3].socket);
  ASSERT_EQ(config->cluster.nodes.size(), 6u);
  EXPECT_EQ(config->cluster.nodes[5].control, "unix:" + plan->nodes[5].socket);
  EXPECT_EQ(config->cluster.topology, "ring");
  EXPECT_EQ(config->run.rounds, 33u);
  EXPECT_EQ(config->run.seed, 99u);
  EXPECT_EQ(config->schedule, options.schedule);
  EXPECT_EQ(config->energy.budget_fraction, 0.1);
  EXPECT_EQ(config->model.name, "lenet5");
  EXPECT_EQ(config->model.file, "");
  EXPECT_EQ(config->data.partition, "dirichlet:0.5");
  EXPECT_EQ(config->data.test_images, dir / "t10k-images-idx3-ubyte.gz");
  EXPECT_EQ(config->train.local_steps, 7u);
  EXPECT_EQ(config->train.batch_size, 16u);
  EXPECT_EQ(config->train.lr, 0.05);
  EXPECT_EQ(config->train.momentum, 0.9);
  EXPECT_EQ(config->round.evaluate_every, 4u);
  EXPECT_EQ(config->round.deadline, std::chrono::seconds(2));
}

TEST(PlanTest, TheLearningRateIsTheOptimizersUnlessGiven) {
  TempDir dir;
  const auto rate = [&](std::optional<double> lr, const std::string& setting) {
    TestbedOptions options = options_in(dir);
    options.lr = lr;
    options.settings = {setting};
    const auto plan = plan_testbed(options, dir.path());
    EXPECT_TRUE(plan) << plan.error().message;
    const auto config = read_node_config(options, *plan, 0, /*with_data=*/true);
    EXPECT_TRUE(config) << config.error().message;
    return config ? config->train.lr : 0.0;
  };
  EXPECT_EQ(rate({}, "train.momentum=0.9"), 0.1);
  EXPECT_EQ(rate({}, "train.optimizer=adam"), 0.001);
  EXPECT_EQ(rate(0.1, "train.optimizer=adam"), 0.1) << "SGD's default, but asked for";
  EXPECT_EQ(rate(0.3, "train.lr=0.2"), 0.2) << "a setting has the last word";
}

TEST(PlanTest, AModelMayBeAFile) {
  TempDir dir;
  TestbedOptions options = options_in(dir);
  options.model = "models/own.pt";
  const auto plan = plan_testbed(options, dir.path());
  ASSERT_TRUE(plan) << plan.error().message;
  const auto config = read_node_config(options, *plan, 0, /*with_data=*/true);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->model.name, "");
  EXPECT_EQ(config->model.file, std::filesystem::absolute("models/own.pt"));
}

TEST(PlanTest, RefusesOptionsThatTheDaemonWouldRefuse) {
  TempDir dir;
  const auto refusal = [&](auto change) {
    TestbedOptions options = options_in(dir);
    change(options);
    const auto plan = plan_testbed(options, dir.path());
    if (!plan) return plan.error().message;
    const auto toml = node_config(options, *plan, 0);
    return toml ? std::string("accepted") : toml.error().message;
  };
  EXPECT_EQ(refusal([](TestbedOptions&) {}), "accepted");
  EXPECT_THAT(refusal([](auto& o) { o.nodes = 0; }), HasSubstr("--nodes 0"));
  EXPECT_THAT(refusal([](auto& o) { o.nodes = 5; }), HasSubstr("regular:3"));
  EXPECT_THAT(refusal([](auto& o) { o.lr = -1; }), HasSubstr("train.lr"));
  EXPECT_THAT(refusal([](auto& o) { o.model = "gpt"; }), HasSubstr("model.name"));
  EXPECT_THAT(refusal([](auto& o) { o.settings = {"round.nonsense=1"}; }), HasSubstr("nonsense"));
  EXPECT_THAT(refusal([](auto& o) { o.settings = {"nonsense"}; }), HasSubstr("SECTION.KEY=VALUE"));
  EXPECT_THAT(refusal([](auto& o) { o.dataset = "/nowhere"; }), HasSubstr("/nowhere"));
}

TEST(PlanTest, ADatasetOfCifarFilesIsRecognised) {
  TempDir dir;
  data::write_cifar10(dir.path(), 1);
  TestbedOptions options;
  options.dataset = dir.path();
  const auto plan = plan_testbed(options, dir.path());
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  const auto config = read_node_config(options, *plan, 0);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->data.format, data::Format::kCifar10);
  EXPECT_EQ(config->data.directory, dir.path());
  EXPECT_EQ(config->data.mean, std::vector{0.4734});
  EXPECT_EQ(config->data.std, std::vector{0.2516});
  options.settings = {"data.mean=0.5"};
  EXPECT_EQ(read_node_config(options, *plan, 0)->data.mean, std::vector{0.5});

  std::filesystem::remove(dir / "test_batch.bin");
  const auto missing = read_node_config(options, *plan, 0);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, testing::StartsWith("--dataset " + dir.path() + ": "));
  EXPECT_THAT(missing.error().message, HasSubstr("test_batch.bin"));
}

TEST(PlanTest, ADatasetOfCsvFilesIsRecognised) {
  TempDir dir;
  for (const char* name : {"train.csv", "test.csv"}) std::ofstream(dir / name) << "a,kind\n1,2\n";
  TestbedOptions options;
  options.dataset = dir.path();
  options.settings = {"data.label_column=kind"};
  const auto plan = plan_testbed(options, dir.path());
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  const auto config = read_node_config(options, *plan, 0);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->data.format, data::Format::kCsv);
  EXPECT_EQ(config->data.train_file, dir / "train.csv");
  EXPECT_EQ(config->data.test_file, dir / "test.csv");
  EXPECT_EQ(config->data.label_column, "kind");
}

TEST(PlanTest, LongPathsGetShortSockets) {
  TempDir dir;
  const std::string deep = dir / std::string(120, 'x');
  const auto plan = plan_testbed(options_in(dir), deep);
  ASSERT_TRUE(plan.has_value());
  EXPECT_LE(plan->nodes[7].socket.size(), 107u);
  ASSERT_FALSE(plan->socket_dir.empty());
  std::filesystem::remove_all(plan->socket_dir);
}

TEST(PortsTest, AreDifferent) {
  const auto ports = find_free_ports(64);
  ASSERT_TRUE(ports.has_value());
  EXPECT_EQ(std::set<std::uint16_t>(ports->begin(), ports->end()).size(), 64u);
}

Result<ProcessId> shell(const TempDir& dir, const std::string& script) {
  return spawn({.command = {"/bin/sh", "-c", script}, .log_file = dir / "log"});
}

void wait_for_log(const TempDir& dir, const std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (last_lines(dir / "log", 5).find(text) == std::string::npos) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "no \"" << text << "\" in the log";
  }
}

TEST(ProcessTest, EndsOnTheFirstSignalIfItListens) {
  TempDir dir;
  const auto process = shell(dir, "echo ready; exec sleep 600");
  ASSERT_TRUE(process.has_value());
  wait_for_log(dir, "ready");
  EXPECT_TRUE(is_alive(*process));
  end_processes({*process}, std::chrono::minutes(1));
  EXPECT_FALSE(is_alive(*process));
  end_processes({*process});  // once more is no error
}

TEST(ProcessTest, IsKilledIfItDoesNot) {
  TempDir dir;
  const auto process = shell(dir, "trap '' TERM; echo ready; while :; do sleep 600; done");
  ASSERT_TRUE(process.has_value());
  wait_for_log(dir, "ready");
  end_processes({*process}, std::chrono::milliseconds(200));
  EXPECT_FALSE(is_alive(*process));
}

TEST(ProcessTest, NeverSignalsAnotherProcessWithTheSameId) {
  TempDir dir;
  const auto process = shell(dir, "echo ready; exec sleep 600");
  ASSERT_TRUE(process.has_value());
  wait_for_log(dir, "ready");
  ProcessId other = *process;
  ++other.start_time;
  kill_process(other);
  EXPECT_FALSE(is_alive(other));
  EXPECT_TRUE(is_alive(*process));
  kill_process(*process);
}

TEST(ProcessTest, LastLinesAreTheLast) {
  TempDir dir;
  std::ofstream(dir / "log") << "a\nb\nc\n";
  EXPECT_EQ(last_lines(dir / "log", 2), "  b\n  c");
  EXPECT_EQ(last_lines(dir / "none", 2), "");
}

TEST(StateTest, ReadsBackWhatWasSaved) {
  TempDir dir;
  TestbedState state;
  state.dir = dir.path();
  state.program = "/bin/skiptraind";
  TestbedNode& node = state.add_node(4);
  node.address = "127.0.0.1:9";
  node.process = {12, 34};
  ASSERT_TRUE(save(state).has_value());
  const auto loaded = load_state(dir.path());
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->program, state.program);
  EXPECT_EQ(loaded->nodes.at(0).process, (ProcessId{12, 34}));
  EXPECT_EQ(loaded->nodes.at(0).address, "127.0.0.1:9");
  EXPECT_EQ(loaded->nodes.at(0).name, "node-4");
  std::ofstream(dir / kStateFile) << "{]";
  EXPECT_EQ(load_state(dir.path()).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(load_state("/nowhere").error().code, ErrorCode::kNotFound);
}

TEST(StateTest, FoldersOfNodesFollowFromTheTestbedsOwn) {
  TempDir dir;
  std::ofstream(dir / kStateFile) << R"({"version": 1, "socket_dir": "", "skiptraind": "/bin/true",
    "nodes": [{"id": 4, "name": "..", "directory": "/home", "address": "127.0.0.1:9",
               "pid": 0, "start_time": 0}]})";
  const auto loaded = load_state(dir.path());
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->nodes.at(0).directory, dir / "node-4");
  EXPECT_EQ(loaded->nodes.at(0).config_file, dir / "node-4/skiptraind.toml");
}

TEST(StateTest, IsNotBelievedIfOthersMayWriteToIt) {
  TempDir dir;
  TestbedState state;
  state.dir = dir.path();
  ASSERT_TRUE(save(state).has_value());
  for (const std::string& path : {dir.path(), dir / kStateFile}) {
    for (const mode_t open : {S_IWGRP, S_IWOTH}) {
      ASSERT_TRUE(load_state(dir.path()).has_value());
      ASSERT_EQ(chmod(path.c_str(), S_IRWXU | open), 0);
      const auto loaded = load_state(dir.path());
      ASSERT_FALSE(loaded.has_value()) << path;
      EXPECT_EQ(loaded.error().code, ErrorCode::kPreconditionFailed);
      EXPECT_THAT(loaded.error().message, HasSubstr("chmod go-w " + path));
      ASSERT_EQ(chmod(path.c_str(), S_IRWXU), 0);
    }
  }
}

TEST(StateTest, IsNotBelievedIfItIsAnotherUsers) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  TempDir dir;
  TestbedState state;
  state.dir = dir.path();
  ASSERT_TRUE(save(state).has_value());
  ASSERT_EQ(symlink(dir.path().c_str(), (dir / "link").c_str()), 0);
  ASSERT_TRUE(load_state(dir / "link").has_value());
  for (const std::string& path : {dir / "link", dir / kStateFile, dir.path()}) {
    ASSERT_EQ(lchown(path.c_str(), 12345, -1), 0);
    const auto loaded = load_state(dir / "link");
    ASSERT_FALSE(loaded.has_value()) << path;
    EXPECT_EQ(loaded.error().code, ErrorCode::kPreconditionFailed);
    EXPECT_THAT(loaded.error().message, HasSubstr("belongs to user 12345"));
    ASSERT_EQ(lchown(path.c_str(), 0, -1), 0);
  }
}

TEST(SafetensorsTest, ReadsFloatsAndRefusesDamage) {
  const std::string file = safetensors_file({1.0F, -2.5F});
  EXPECT_THAT(parse_float_tensors(file).value(), ElementsAre(1.0F, -2.5F));
  for (std::size_t length = 0; length < file.size(); ++length) {
    EXPECT_FALSE(parse_float_tensors(file.substr(0, length)).has_value()) << length;
  }
  EXPECT_FALSE(parse_float_tensors(std::string(64, '\xff')).has_value());
}

TEST(SummaryTest, StatisticsDivideByTheNumberOfNodes) {
  const Statistics s = statistics_of({1.0, 3.0});
  EXPECT_DOUBLE_EQ(s.mean, 2.0);
  EXPECT_DOUBLE_EQ(s.std, 1.0);
  EXPECT_DOUBLE_EQ(s.min, 1.0);
  EXPECT_DOUBLE_EQ(s.max, 3.0);
  EXPECT_TRUE(std::isnan(statistics_of({}).mean));
}

TEST(SummaryTest, ConsensusDistanceIsTheRootMeanSquareOverNodes) {
  using Models = std::vector<std::vector<float>>;
  const auto distance = [](const Models& models) {
    return consensus_distance({models.begin(), models.end()});
  };
  // Mean (1, 2); distances 1 and 1.
  EXPECT_DOUBLE_EQ(distance({{0.0F, 2.0F}, {2.0F, 2.0F}}), 1.0);
  // Mean 2; distances 2, 2 and 0.
  EXPECT_DOUBLE_EQ(distance({{0.0F}, {4.0F}, {2.0F}}), std::sqrt(8.0 / 3.0));
  EXPECT_DOUBLE_EQ(consensus_distance({}), 0.0);
}

TEST(SummaryTest, WithoutAnAccuracyTheLossIsTheResult) {
  RunSummary summary;
  for (const double loss : {0.25, 0.75}) {
    NodeSummary& node = summary.nodes.emplace_back();
    node.test_loss = loss;
    node.test_accuracy = std::nan("");
  }
  const auto printed = [&] {
    std::ostringstream out;
    std::ostringstream err;
    Screen screen{out, err};
    print_totals(summary, screen);
    return out.str();
  };
  EXPECT_THAT(printed(), testing::ContainsRegex("test loss +mean 0.5000, std 0.2500, from 0.2500"));
  EXPECT_THAT(printed(), testing::Not(HasSubstr("accuracy")));
  EXPECT_TRUE(to_json(summary)["test_accuracy"]["mean"].is_null());
  for (NodeSummary& node : summary.nodes) node.test_accuracy = 0.5;
  EXPECT_THAT(printed(), testing::ContainsRegex("accuracy +mean 50.00 %"));
}

TEST(SummaryTest, EnergySavedIsAgainstTrainingInEveryRound) {
  RunSummary summary;
  summary.rounds = 10;
  summary.nodes.resize(2);
  for (NodeSummary& node : summary.nodes) {
    node.energy_wh = 1.0;
    node.dpsgd_equivalent_wh = 4.0;
    node.train_rounds = 5;
    node.bytes_sent = 100;
  }
  const auto json = to_json(summary);
  EXPECT_EQ(json["nodes"], 2);
  EXPECT_DOUBLE_EQ(json["energy_wh"]["total"], 2.0);
  EXPECT_DOUBLE_EQ(json["energy_wh"]["saved_fraction"], 0.75);
  EXPECT_EQ(json["train_rounds"]["total"], 10);
  EXPECT_EQ(json["bytes_sent"], 200);
  EXPECT_EQ(json["policy"], "dpsgd");
  EXPECT_TRUE(json["gamma_train"].is_null()) << "dpsgd has none";
}

}  // namespace
}  // namespace skiptrain::ctl
