// Real daemons whose updates are compressed: what it saves, and what a crash does to it.
#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

using ::testing::HasSubstr;

class CompressedClusterTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CompressedClusterTest, AKilledNodeRejoinsAndNobodyMixesGarbage) {
  constexpr std::size_t kNodes = 4;
  constexpr std::size_t kVictim = 2;
  // Enough for seconds after the crash: those that dial the victim have backed off by then.
  constexpr std::uint64_t kRounds = 200;
  TestCluster cluster(kNodes);
  cluster.set("cluster.topology", "\"complete\"");
  cluster.set("run.rounds", std::to_string(kRounds));
  cluster.set("train.local_steps", "300");
  cluster.set("round.deadline", "\"3s\"");
  cluster.set("exchange.compression", '"' + std::string(GetParam()) + '"');
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(kVictim, 5)) << cluster.describe();
  cluster.process(kVictim).signal(SIGKILL);
  ASSERT_EQ(cluster.process(kVictim).wait(), (Exit{-1, SIGKILL}));
  const std::uint64_t killed_at = cluster.round(0);
  ASSERT_TRUE(cluster.wait_for_round(0, killed_at + 2)) << cluster.describe();
  cluster.start(kVictim);
  ASSERT_TRUE(cluster.wait_until_finished()) << cluster.describe();

  double loss = 0;
  for (std::size_t node = 0; node < kNodes; ++node) {
    const Json status = cluster.status(node);
    EXPECT_EQ(status.at("compression"), GetParam());
    EXPECT_EQ(status.at("updates").at("rejected"), 0) << "node " << node << ": " << status;
    const double sent = status.at("update_bytes_sent");
    const double plain = status.at("plain_update_bytes_sent");
    EXPECT_GT(sent, 0.0);
    // The model is so small that headers tell, and what follows a restart goes whole.
    EXPECT_LT(sent, 0.85 * plain) << "node " << node;
    loss = std::max(loss, status.at("last_evaluation").at("loss").get<double>());
  }
  const Json rounds = cluster.rounds(kVictim);
  const auto mixed = std::count_if(rounds.begin(), rounds.end(), [&](const Json& round) {
    return round.at("round") > killed_at + 2 && round.at("neighbours_mixed") == kNodes - 1;
  });
  EXPECT_GT(mixed, 5) << "it is one of them again: " << cluster.describe();
  EXPECT_LT(loss, 2.0) << "they learned";
}

INSTANTIATE_TEST_SUITE_P(Each, CompressedClusterTest, ::testing::Values("int8", "top-k:0.1"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase_if(name, [](unsigned char c) { return !std::isalnum(c); });
                           return name;
                         });

TEST(CompressionMismatchTest, BothSidesSayWhichCompressionTheyHave) {
  TestCluster cluster(2);
  cluster.set("cluster.topology", "\"ring\"");
  cluster.set("run.rounds", "5");
  cluster.set("round.start_timeout", "\"1s\"");
  cluster.set(1, "exchange.compression", "\"bf16\"");
  cluster.start_all();
  for (const std::size_t node : {0, 1}) {
    const std::string error = cluster.refusal(node, 1 - node);
    EXPECT_THAT(error, HasSubstr("compression of updates: "));
    EXPECT_THAT(error, HasSubstr("has none"));
    EXPECT_THAT(error, HasSubstr("has bf16"));
  }
}

}  // namespace
}  // namespace skiptrain::integration
