#include "sim/quadratic_trainer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace skiptrain::sim {
namespace {

std::shared_ptr<const QuadraticProblem> problem_of(const QuadraticOptions& options) {
  return std::make_shared<const QuadraticProblem>(options);
}

TEST(QuadraticTrainerTest, ATrainRoundIsItsLocalStepsOneByOne) {
  const QuadraticOptions options{
      .nodes = 3, .dimension = 8, .local_steps = 7, .learning_rate = 0.3};
  const auto problem = problem_of(options);
  QuadraticTrainer trainer(problem, 1, ParametersPool(8, 4));
  const ParametersPtr start = copy_parameters(std::vector<float>(8, 2.0f));
  const auto outcome = trainer.train({.round = Round(0), .start = start});
  ASSERT_TRUE(outcome);
  double loss = 0.0;
  for (std::size_t k = 0; k < 8; ++k) {
    double x = 2.0;
    const double c = problem->centre(1)[k];
    for (int step = 0; step < 7; ++step) {
      loss += 0.5 * (x - c) * (x - c) / 7;
      x -= 0.3 * (x - c);
    }
    EXPECT_NEAR(outcome->parameters->values()[k], x, 1e-5);
  }
  EXPECT_NEAR(outcome->mean_loss, loss, 1e-9);
  EXPECT_EQ(start->values()[0], 2.0f);
}

TEST(QuadraticTrainerTest, TheScheduleIsMultipliedOntoTheRate) {
  QuadraticOptions options{.nodes = 3, .dimension = 8, .learning_rate = 0.3};
  const auto at = [&](std::uint64_t round, std::optional<double> lr) {
    QuadraticTrainer trainer(problem_of(options), 1, ParametersPool(8, 4));
    const auto outcome =
        trainer.train({Round(round), copy_parameters(std::vector<float>(8, 2.0f)), {}, lr});
    const auto values = outcome->parameters->values();
    return std::vector<float>(values.begin(), values.end());
  };
  const auto at_half = at(5, 0.15);
  const auto at_quarter = at(5, 0.2 / 4);
  options.lr_schedule = {.decay = core::LearningRateDecay::kStep, .step_size = 5, .gamma = 0.5};
  EXPECT_EQ(at(5, {}), at_half);
  EXPECT_EQ(at(5, 0.1), at_quarter);
}

TEST(QuadraticTrainerTest, TheOptimumIsTheMeanOfTheCentres) {
  const auto problem = problem_of({.nodes = 10, .dimension = 4});
  std::vector<float> at_optimum;
  for (std::size_t k = 0; k < 4; ++k) {
    double mean = 0.0;
    for (std::size_t i = 0; i < 10; ++i) mean += static_cast<double>(problem->centre(i)[k]) / 10;
    EXPECT_NEAR(problem->optimum()[k], mean, 1e-12);
    at_optimum.push_back(static_cast<float>(mean));
  }
  EXPECT_NEAR(problem->global_loss(at_optimum), problem->optimal_loss(), 1e-9);
  EXPECT_GT(problem->optimal_loss(), 0.1);
  at_optimum[0] += 1.0f;
  EXPECT_NEAR(problem->global_loss(at_optimum), problem->optimal_loss() + 0.5, 1e-6);
  QuadraticTrainer trainer(problem, 0, ParametersPool(4, 1));
  const auto evaluation = trainer.evaluate(*copy_parameters(at_optimum), 0);
  EXPECT_NEAR(evaluation->loss, problem->optimal_loss() + 0.5, 1e-6);
  EXPECT_FALSE(evaluation->accuracy.has_value());
}

TEST(QuadraticTrainerTest, WithoutHeterogeneityAllNodesHaveOneCentre) {
  const auto problem = problem_of({.nodes = 3, .dimension = 4, .heterogeneity = 0.0});
  EXPECT_TRUE(std::ranges::equal(problem->centre(0), problem->centre(2)));
  EXPECT_NEAR(problem->optimal_loss(), 0.0, 1e-12);
}

// As many steps as one, each with its noise: the variance of the closed form is that of the steps.
TEST(QuadraticTrainerTest, NoiseHasTheVarianceOfItsSteps) {
  const QuadraticOptions options{.nodes = 1,
                                 .dimension = 20'000,
                                 .local_steps = 5,
                                 .learning_rate = 0.2,
                                 .heterogeneity = 0.0,
                                 .noise = 3.0};
  const auto problem = problem_of(options);
  QuadraticTrainer trainer(problem, 0, ParametersPool(20'000, 4));
  const ParametersPtr start = copy_parameters(problem->centre(0));
  const auto one = trainer.train({.round = Round(4), .start = start});
  const auto again = trainer.train({.round = Round(4), .start = start});
  const auto other = trainer.train({.round = Round(5), .start = start});
  EXPECT_EQ(one->parameters->values()[3], again->parameters->values()[3]);
  EXPECT_NE(one->parameters->values()[3], other->parameters->values()[3]);
  double variance = 0.0;
  double expected = 0.0;
  for (std::size_t k = 0; k < 20'000; ++k) {
    const double apart = static_cast<double>(one->parameters->values()[k]) -
                         static_cast<double>(problem->centre(0)[k]);
    variance += apart * apart / 20'000;
  }
  for (int j = 0; j < 5; ++j) expected += 0.36 * std::pow(0.8, 2 * j);
  EXPECT_NEAR(variance / expected, 1.0, 0.05);
}

TEST(QuadraticTrainerTest, RefusesParametersOfAnotherLength) {
  QuadraticTrainer trainer(problem_of({.nodes = 1, .dimension = 4}), 0, ParametersPool(4, 1));
  const auto outcome =
      trainer.train({.round = Round(0), .start = copy_parameters(std::vector<float>(3, 0.0f))});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "parameters of length 3: must be 4");
}

TEST(QuadraticTrainerTest, SaysWhenItDiverged) {
  QuadraticTrainer trainer(problem_of({.nodes = 1, .dimension = 1}), 0, ParametersPool(1, 1));
  const auto outcome =
      trainer.train({.round = Round(0), .start = copy_parameters(std::vector<float>(1, INFINITY))});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kNumeric);
}

}  // namespace
}  // namespace skiptrain::sim
