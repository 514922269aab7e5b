#include "core/learning_rate_schedule.h"

#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::core {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

using Decay = LearningRateDecay;

std::vector<double> factors(const LearningRateSchedule& schedule, std::uint64_t rounds) {
  std::vector<double> result;
  for (std::uint64_t t = 0; t < rounds; ++t) result.push_back(schedule.factor(Round(t)));
  return result;
}

TEST(LearningRateScheduleTest, ConstantIsExactlyOne) {
  EXPECT_EQ(factors({}, 3), (std::vector<double>{1, 1, 1}));
  EXPECT_EQ(LearningRateSchedule{}.factor(Round(1'000'000'000)), 1.0);
}

TEST(LearningRateScheduleTest, AStepMultipliesByGammaEveryStepSizeRounds) {
  EXPECT_EQ(factors({.decay = Decay::kStep, .step_size = 2, .gamma = 0.5}, 6),
            (std::vector<double>{1, 1, 0.5, 0.5, 0.25, 0.25}));
}

TEST(LearningRateScheduleTest, CosineFallsFromOneOverTheRun) {
  const double root = 0.70710678118654752;  // of 1/2: the cosine of a quarter of pi
  EXPECT_THAT(factors({.decay = Decay::kCosine, .total_rounds = 4}, 6),
              Pointwise(DoubleNear(1e-15),
                        std::vector<double>{1, (1 + root) / 2, 0.5, (1 - root) / 2, 0, 0}));
  EXPECT_EQ((LearningRateSchedule{.decay = Decay::kCosine, .total_rounds = 7}.factor(Round(0))),
            1.0);
}

TEST(LearningRateScheduleTest, CosineEndsAtItsFloor) {
  EXPECT_THAT(factors({.decay = Decay::kCosine, .floor = 0.2, .total_rounds = 2}, 4),
              Pointwise(DoubleNear(1e-15), std::vector<double>{1, 0.6, 0.2, 0.2}));
}

TEST(LearningRateScheduleTest, NeverRisesAndStaysInRange) {
  const LearningRateSchedule schedules[] = {
      {.decay = Decay::kStep, .step_size = 3, .gamma = 0.9},
      {.decay = Decay::kCosine, .floor = 0.1, .total_rounds = 500},
      {.decay = Decay::kCosine, .total_rounds = 1000},
  };
  for (const LearningRateSchedule& schedule : schedules) {
    double before = 1.0;
    for (const double factor : factors(schedule, 1000)) {
      EXPECT_LE(factor, before);
      EXPECT_GE(factor, 0.0);
      before = factor;
    }
  }
}

TEST(LearningRateScheduleTest, ARunOfNoRoundsHasAFactor) {
  EXPECT_EQ((LearningRateSchedule{.decay = Decay::kCosine, .floor = 0.5}.factor(Round(0))), 0.5);
}

TEST(LearningRateScheduleTest, RefusesWhatItGoesByOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::pair<const char*, LearningRateSchedule> cases[] = {
      {"step_size = 0: must be from 1 to 1000000", {.decay = Decay::kStep}},
      {"step_size = 1000001", {.decay = Decay::kStep, .step_size = 1'000'001}},
      {"gamma = 0", {.decay = Decay::kStep, .step_size = 1, .gamma = 0}},
      {"gamma = 1.5", {.decay = Decay::kStep, .step_size = 1, .gamma = 1.5}},
      {"gamma = nan", {.decay = Decay::kStep, .step_size = 1, .gamma = nan}},
      {"floor = -0.1", {.decay = Decay::kCosine, .floor = -0.1}},
      {"floor = nan", {.decay = Decay::kCosine, .floor = nan}},
  };
  for (const auto& [part, schedule] : cases) {
    const Status status = schedule.validate();
    ASSERT_FALSE(status) << part;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(status.error().message, HasSubstr(part));
  }
  EXPECT_TRUE((LearningRateSchedule{.gamma = 7, .floor = 7}.validate())) << "it goes by neither";
}

TEST(LearningRateDecayTest, EachHasAName) {
  std::vector<std::string_view> names;
  for (const LearningRateDecay decay : learning_rate_decays()) names.push_back(to_string(decay));
  EXPECT_EQ(names, (std::vector<std::string_view>{"constant", "step", "cosine"}));
}

}  // namespace
}  // namespace skiptrain::core
