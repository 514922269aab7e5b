// The simulator's flags that stand for several runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/sim/options.h"

namespace skiptrain::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SweepTest, RangesAndSingleNumbers) {
  const auto grid = parse_sweep("train=1..3,sync=4");
  ASSERT_TRUE(grid) << grid.error().message;
  EXPECT_THAT(grid->gamma_train, ElementsAre(1U, 2U, 3U));
  EXPECT_THAT(grid->gamma_sync, ElementsAre(4U));
}

TEST(SweepTest, AnythingElseIsRefusedWithAnExample) {
  for (const char* text :
       {"", "train=1..3", "sync=1,train=1", "train=0..2,sync=1", "train=3..1,sync=1",
        "train=1..99,sync=1", "train=1..x,sync=1", "train=1,sync=1,more=2", "train=1.,sync=1"}) {
    const auto grid = parse_sweep(text);
    ASSERT_FALSE(grid) << text;
    EXPECT_EQ(grid.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(grid.error().message, HasSubstr("as in train=1..4,sync=1..4")) << text;
  }
}

TEST(SimRunsTest, OneRunHasThePolicyAskedFor) {
  SimOptions options;
  options.policy = "greedy";
  const auto runs = runs_of(options);
  ASSERT_TRUE(runs);
  ASSERT_EQ(runs->size(), 1U);
  EXPECT_EQ(runs->front().schedule.policy, core::Policy::kGreedy);
}

TEST(SimRunsTest, ASweepGoesRowByRow) {
  SimOptions options;
  options.sweep = "train=1..2,sync=3..4";
  const auto runs = runs_of(options);
  ASSERT_TRUE(runs) << runs.error().message;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> gammas;
  for (const auto& run : *runs) {
    gammas.emplace_back(run.schedule.gamma_train, run.schedule.gamma_sync);
  }
  EXPECT_THAT(gammas, ElementsAre(std::pair{1U, 3U}, std::pair{1U, 4U}, std::pair{2U, 3U},
                                  std::pair{2U, 4U}));
}

TEST(SimRunsTest, FlagsThatExcludeEachOtherAreRefused) {
  const auto refused = [](auto change) {
    SimOptions options;
    change(options);
    const auto runs = runs_of(options);
    return runs ? std::string("accepted") : runs.error().message;
  };
  EXPECT_THAT(refused([](SimOptions& o) {
                o.compare = {"dpsgd"};
                o.sweep = "train=1,sync=1";
              }),
              HasSubstr("--compare and --sweep"));
  EXPECT_THAT(refused([](SimOptions& o) {
                o.compare = {"dpsgd"};
                o.checkpoint = "file";
              }),
              HasSubstr("for a single run"));
  EXPECT_THAT(refused([](SimOptions& o) { o.compare = {"dpsgd", "dpsgd"}; }), HasSubstr("twice"));
  EXPECT_THAT(refused([](SimOptions& o) { o.compare = {"fedavg"}; }), HasSubstr("fedavg"));
  EXPECT_THAT(refused([](SimOptions& o) {
                o.policy = "dpsgd";
                o.sweep = "train=1,sync=1";
              }),
              HasSubstr("no train and sync rounds"));
}

}  // namespace
}  // namespace skiptrain::ctl
