// The simulator against real daemons: the same flags give the same parameters, bit for bit.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "store/safetensors.h"
#include "tests/integration/cluster/test_cluster.h"
#include "tests/unit/data/cifar_files.h"

namespace skiptrain::integration {
namespace {

constexpr std::size_t kNodes = 4;

class SimulatorTest : public ::testing::Test {
 protected:
  SimulatorTest() { write_dataset(dataset_); }

  std::vector<std::string> command(std::vector<std::string> front,
                                   const std::vector<std::string>& back) const {
    const std::vector<std::string> common = {"--nodes",       std::to_string(kNodes),
                                             "--rounds",      "12",
                                             "--topology",    "ring",
                                             "--model",       "mlp",
                                             "--set",         "model.hidden=[8]",
                                             "--dataset",     dataset_,
                                             "--batch-size",  "8",
                                             "--local-steps", "3",
                                             "--partition",   "shards:2",
                                             "--seed",        "5"};
    front.insert(front.end(), common.begin(), common.end());
    front.insert(front.end(), back.begin(), back.end());
    return front;
  }

  // Runs both with these flags too.
  void expect_the_daemons_parameters(const std::vector<std::string>& flags) const;

  TestDir dir_;
  std::string dataset_ = dir_ / "data";
};

void SimulatorTest::expect_the_daemons_parameters(const std::vector<std::string>& flags) const {
  const std::string checkpoint = dir_ / "sim";
  const Answer simulated =
      skipctl(command({"sim", "--checkpoint", checkpoint, "--checkpoint-every", "12"}, flags));
  ASSERT_EQ(simulated.exit_code, kOk) << simulated.err;
  const std::string bed = dir_ / "bed";
  const Answer real = skipctl(
      command({"testbed", "run", "--dir", bed, "--keep", "--skiptraind", SKIPTRAIND}, flags));
  ASSERT_EQ(real.exit_code, kOk) << real.err;
  const auto all = store::read_safetensors(checkpoint);
  ASSERT_TRUE(all) << all.error().message;
  const auto models = std::as_const(*all->parameters).values();
  for (std::size_t i = 0; i < kNodes; ++i) {
    const std::string socket = bed + "/node-" + std::to_string(i) + "/control.sock";
    const std::string file = dir_ / ("model-" + std::to_string(i));
    const Answer exported =
        skipctl({"-e", socket, "model", "export", "--format", "safetensors", file});
    ASSERT_EQ(exported.exit_code, kOk) << exported.err;
    const auto model = store::read_safetensors(file);
    ASSERT_TRUE(model) << model.error().message;
    const auto values = std::as_const(*model->parameters).values();
    ASSERT_EQ(models.size(), kNodes * values.size());
    EXPECT_EQ(std::memcmp(models.data() + i * values.size(), values.data(), values.size_bytes()), 0)
        << "node " << i;
  }
  skipctl({"testbed", "down", "--dir", bed});
  for (const char* field : {"train_rounds", "test_accuracy", "energy_wh", "consensus_distance"}) {
    EXPECT_EQ(simulated.json.at(field), real.json.at(field)) << field;
  }
}

class SimulatorPolicyTest : public SimulatorTest,
                            public ::testing::WithParamInterface<const char*> {};

TEST_P(SimulatorPolicyTest, EndsWithTheDaemonsParameters) {
  expect_the_daemons_parameters(
      {"--policy", GetParam(), "--train", "2", "--sync", "1", "--budget-fraction", "0.00002"});
}

INSTANTIATE_TEST_SUITE_P(Policies, SimulatorPolicyTest,
                         ::testing::Values("dpsgd", "skiptrain", "greedy", "skiptrain-constrained",
                                           "skiptrain-adaptive"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

class SimulatorCompressionTest : public SimulatorTest,
                                 public ::testing::WithParamInterface<const char*> {};

TEST_P(SimulatorCompressionTest, EndsWithTheDaemonsParameters) {
  expect_the_daemons_parameters({"--train", "2", "--sync", "1", "--compression", GetParam()});
}

INSTANTIATE_TEST_SUITE_P(Each, SimulatorCompressionTest,
                         ::testing::Values("bf16", "fp16", "int8", "top-k:0.1"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase_if(name, [](unsigned char c) { return !std::isalnum(c); });
                           return name;
                         });

TEST_F(SimulatorTest, EndsWithTheDaemonsParametersOnCifar) {
  dataset_ = dir_ / "cifar";
  data::write_cifar10(dataset_, 12);
  expect_the_daemons_parameters({"--policy", "dpsgd"});
}

TEST_F(SimulatorTest, AnInterruptedRunKeepsItsResults) {
  const std::string file = dir_ / "results.json";
  std::vector<std::string> words = {SKIPTRAIN_SIM, "-o", "json", "--json", file};
  words = command(words, {});
  std::replace(words.begin(), words.end(), std::string("12"), std::string("1000000"));
  Process process({.command = words, .output_file = dir_ / "output", .environment = {}});
  // Nothing tells from outside how far it is; its checkpoint would, but this run has none.
  ASSERT_TRUE(
      eventually([&] { return cpu_seconds(process.pid()) > 1.0 || !process.is_running(); }));
  ASSERT_TRUE(process.is_running()) << read_file(dir_ / "output");
  const auto begin = std::chrono::steady_clock::now();
  process.signal(SIGINT);
  const auto exit = process.wait();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, kDegraded) << read_file(dir_ / "output");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  const Json results = Json::parse(read_file(file), nullptr, false);
  ASSERT_TRUE(results.is_object());
  EXPECT_EQ(results.at("interrupted"), true);
  EXPECT_GT(results.at("rounds"), 0);
}

}  // namespace
}  // namespace skiptrain::integration
