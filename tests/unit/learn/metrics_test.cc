// Metrics against numbers worked out by hand, and with Python's math.
#include "learn/metrics.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

namespace skiptrain::learn {
namespace {

TrainerOptions options_of(LossKind loss, std::uint32_t outputs) {
  TrainerOptions options;
  options.loss = loss;
  options.model.outputs = outputs;
  options.top_k = 2;
  return options;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> tallies(const ports::Evaluation& evaluation) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs;
  for (const auto& tally : evaluation.per_class) pairs.emplace_back(tally.right, tally.samples);
  return pairs;
}

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(MetricsTest, OfClasses) {
  Metrics metrics(options_of(LossKind::kCrossEntropy, 3), 3);
  // The right one: first, second, second of two equal ones, second, last.
  metrics.add(torch::tensor({{2.f, 1.f, 0.f}, {0.f, 2.f, 1.f}, {1.f, 1.f, 0.f}}),
              torch::tensor({0, 2, 1}, at::kLong));
  metrics.add(torch::tensor({{0.f, 0.f, 3.f}, {0.f, 1.f, 2.f}}), torch::tensor({0, 0}, at::kLong));
  const auto evaluation = metrics.evaluation();
  ASSERT_TRUE(evaluation) << evaluation.error().message;
  EXPECT_EQ(evaluation->samples, 5u);
  EXPECT_NEAR(evaluation->loss, 1.635947131, 1e-6);
  EXPECT_DOUBLE_EQ(evaluation->accuracy.value(), 0.2);
  ASSERT_TRUE(evaluation->top_k);
  EXPECT_EQ(evaluation->top_k->k, 2u);
  EXPECT_DOUBLE_EQ(evaluation->top_k->accuracy, 0.8);
  EXPECT_THAT(tallies(*evaluation), ElementsAre(Pair(1, 3), Pair(0, 1), Pair(0, 1)));
  EXPECT_FALSE(evaluation->mean_absolute_error);
}

TEST(MetricsTest, TopKNeedsMoreOutputsThanK) {
  for (const std::uint32_t k : {0u, 2u, 3u}) {
    TrainerOptions options = options_of(LossKind::kCrossEntropy, 2);
    options.top_k = k;
    Metrics metrics(options, 2);
    metrics.add(torch::tensor({{2.f, 1.f}}), torch::tensor({1}, at::kLong));
    EXPECT_FALSE(metrics.evaluation()->top_k) << k;
  }
}

TEST(MetricsTest, OfBinaryOutputs) {
  Metrics metrics(options_of(LossKind::kBinaryCrossEntropy, 2), 2);
  metrics.add(torch::tensor({{1.f, -1.f}, {0.f, 2.f}}), torch::tensor({{1.f, 0.f}, {1.f, .25f}}));
  metrics.add(torch::tensor({{-3.f, .5f}}), torch::tensor({{0.f, .9f}}));
  const auto evaluation = metrics.evaluation();
  ASSERT_TRUE(evaluation) << evaluation.error().message;
  EXPECT_EQ(evaluation->samples, 3u);
  EXPECT_NEAR(evaluation->loss, 0.586543817, 1e-6);
  EXPECT_DOUBLE_EQ(evaluation->accuracy.value(), 4.0 / 6);
  EXPECT_THAT(tallies(*evaluation), ElementsAre(Pair(2, 3), Pair(2, 3)));
  EXPECT_FALSE(evaluation->top_k);
  EXPECT_FALSE(evaluation->mean_absolute_error);
}

TEST(MetricsTest, OfNumbersThereIsNoAccuracy) {
  Metrics metrics(options_of(LossKind::kMeanSquaredError, 2), 2);
  metrics.add(torch::tensor({{1.f, 2.f}}), torch::tensor({{1.f, 0.f}}));
  metrics.add(torch::tensor({{3.f, 4.f}}), torch::tensor({{0.f, 5.f}}));
  const auto evaluation = metrics.evaluation();
  ASSERT_TRUE(evaluation) << evaluation.error().message;
  EXPECT_NEAR(evaluation->loss, 3.5, 1e-6);
  EXPECT_NEAR(evaluation->mean_absolute_error.value(), 1.5, 1e-6);
  EXPECT_FALSE(evaluation->accuracy);
  EXPECT_FALSE(evaluation->top_k);
  EXPECT_THAT(evaluation->per_class, testing::IsEmpty());
}

TEST(MetricsTest, ALossThatIsNotFiniteIsAnError) {
  Metrics metrics(options_of(LossKind::kMeanSquaredError, 1), 1);
  metrics.add(torch::tensor({{NAN}}), torch::tensor({{1.f}}));
  const auto evaluation = metrics.evaluation();
  ASSERT_FALSE(evaluation);
  EXPECT_EQ(evaluation.error().code, ErrorCode::kNumeric);
}

}  // namespace
}  // namespace skiptrain::learn
