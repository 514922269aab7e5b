// What is derived from the gathered numbers.
#include "ctl/sim/results.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::ctl {
namespace {

TEST(EvaluationTest, LeavesOutNodesThatWereNotMeasured) {
  const Evaluation evaluation = evaluation_of({0.5, kNotMeasured, 0.7}, {});
  EXPECT_DOUBLE_EQ(evaluation.accuracy.mean, 0.6);
  EXPECT_DOUBLE_EQ(evaluation.accuracy.min, 0.5);
  EXPECT_DOUBLE_EQ(evaluation.accuracy.max, 0.7);
  EXPECT_EQ(evaluation.node_accuracy.size(), 3u);
  EXPECT_TRUE(std::isnan(evaluation.loss.mean));
}

TEST(ProfileTotalsTest, AddsUpTheNodesOfEachProfile) {
  RunSummary summary;
  summary.nodes = {
      {.profile = "b", .test_accuracy = 0.5, .train_rounds = 3, .energy_wh = 1.0},
      {.profile = "a", .test_accuracy = 0.9, .train_rounds = 1, .energy_wh = 4.0},
      {.profile = "b", .test_accuracy = kNotMeasured, .train_rounds = 2, .energy_wh = 0.5},
  };
  const auto totals = profile_totals(summary);
  ASSERT_EQ(totals.size(), 2u);
  EXPECT_EQ(totals[0].profile, "b");
  EXPECT_EQ(totals[0].nodes, 2u);
  EXPECT_EQ(totals[0].train_rounds, 5u);
  EXPECT_DOUBLE_EQ(totals[0].energy_wh, 1.5);
  EXPECT_DOUBLE_EQ(totals[0].mean_accuracy, 0.5);
  EXPECT_EQ(totals[1].profile, "a");
  EXPECT_DOUBLE_EQ(totals[1].energy_wh, 4.0);
}

}  // namespace
}  // namespace skiptrain::ctl
