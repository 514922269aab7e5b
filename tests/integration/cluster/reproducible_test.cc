// One seed, one machine: the same numbers each time.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

constexpr std::size_t kNodes = 4;

// The model file of each node after a whole run with training.
std::vector<std::string> trained_models(std::uint64_t seed) {
  TestCluster cluster(kNodes);
  cluster.set("cluster.topology", "\"ring\"");
  cluster.set("run.seed", std::to_string(seed));
  cluster.set("run.rounds", "12");
  cluster.set("schedule.policy", "\"skiptrain\"");
  cluster.set("schedule.gamma_train", "2");
  cluster.set("schedule.gamma_sync", "1");
  cluster.set("data.partition", "\"shards:2\"");
  cluster.set("train.local_steps", "5");
  cluster.set("train.momentum", "0.9");
  cluster.start_all();
  EXPECT_TRUE(cluster.wait_until_finished()) << cluster.describe();
  std::vector<std::string> models;
  for (std::size_t i = 0; i < kNodes; ++i) {
    EXPECT_EQ(cluster.status(i).at("train_rounds"), 8);
    const std::string file = cluster.dir() / ("model" + std::to_string(i));
    EXPECT_EQ(cluster.ask(i, {"model", "export", file}).exit_code, kOk);
    models.push_back(read_file(file));
    EXPECT_FALSE(models.back().empty());
  }
  return models;
}

TEST(ReproducibleRunTest, OneSeedGivesTheSameBytesOnEveryNode) {
  const auto first = trained_models(1);
  const auto second = trained_models(1);
  const auto other = trained_models(2);
  for (std::size_t i = 0; i < kNodes; ++i) {
    EXPECT_TRUE(first[i] == second[i]) << "node " << i << " ended differently";
    EXPECT_FALSE(first[i] == other[i]) << "node " << i << ": the seed made no difference";
  }
}

}  // namespace
}  // namespace skiptrain::integration
