#include "core/schedule.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::core {
namespace {

using testing::HasSubstr;

constexpr Policy kAllPolicies[] = {Policy::kDpsgd, Policy::kSkipTrain,
                                   Policy::kSkipTrainConstrained, Policy::kGreedy,
                                   Policy::kSkipTrainAdaptive};

// "TTSS..." for rounds 0, 1, 2, ...: T where the schedule asks for training.
std::string slots(const Schedule& schedule, std::uint64_t rounds) {
  std::string result;
  for (std::uint64_t t = 0; t < rounds; ++t) {
    result += schedule.is_train_slot(Round(t)) ? 'T' : 'S';
  }
  return result;
}

TEST(PolicyTest, EveryNameParsesBack) {
  for (const Policy policy : kAllPolicies) {
    const auto parsed = parse_policy(to_string(policy));
    ASSERT_TRUE(parsed) << to_string(policy);
    EXPECT_EQ(*parsed, policy);
  }
}

TEST(PolicyTest, UnknownNameIsRefusedWithTheKnownOnes) {
  const auto parsed = parse_policy("skip-train");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(parsed.error().message, HasSubstr("\"skip-train\""));
  for (const Policy policy : kAllPolicies) {
    EXPECT_THAT(parsed.error().message, HasSubstr(std::string(to_string(policy))));
  }
}

TEST(PolicyTest, OnlyConstrainedAndAdaptiveDraw) {
  EXPECT_FALSE(is_probabilistic(Policy::kDpsgd));
  EXPECT_FALSE(is_probabilistic(Policy::kSkipTrain));
  EXPECT_FALSE(is_probabilistic(Policy::kGreedy));
  EXPECT_TRUE(is_probabilistic(Policy::kSkipTrainConstrained));
  EXPECT_TRUE(is_probabilistic(Policy::kSkipTrainAdaptive));
}

TEST(ScheduleTest, DpsgdAndGreedyTrainInEveryRound) {
  EXPECT_EQ(slots({Policy::kDpsgd, 2, 3}, 8), "TTTTTTTT");
  EXPECT_EQ(slots({Policy::kGreedy, 2, 3}, 8), "TTTTTTTT");
}

TEST(ScheduleTest, SkipTrainAlternatesFromRoundZero) {
  EXPECT_EQ(slots({Policy::kSkipTrain, 4, 4}, 18), "TTTTSSSSTTTTSSSSTT");
  EXPECT_EQ(slots({Policy::kSkipTrain, 1, 2}, 7), "TSSTSST");
  EXPECT_EQ(slots({Policy::kSkipTrain, 3, 0}, 5), "TTTTT");
  EXPECT_EQ(slots({Policy::kSkipTrainConstrained, 2, 1}, 6), "TTSTTS");
  EXPECT_EQ(slots({Policy::kSkipTrainAdaptive, 2, 1}, 6), "TTSTTS");
}

TEST(ScheduleTest, FarRoundsAreComputedAndNotCounted) {
  const Schedule schedule{Policy::kSkipTrain, kMaxGamma, kMaxGamma};
  EXPECT_FALSE(schedule.is_train_slot(Round(3'000'000'000'000'000'000u - 1)));
  EXPECT_TRUE(schedule.is_train_slot(Round(3'000'000'000'000'000'000u)));
}

TEST(ScheduleTest, TrainSlotsAgreesWithCounting) {
  for (const Policy policy : kAllPolicies) {
    for (std::uint32_t train = 1; train <= 4; ++train) {
      for (std::uint32_t sync = 0; sync <= 4; ++sync) {
        const Schedule schedule{policy, train, sync};
        for (std::uint64_t begin = 0; begin <= 20; ++begin) {
          std::uint64_t counted = 0;
          for (std::uint64_t end = begin; end <= 40; ++end) {
            ASSERT_EQ(schedule.train_slots(Round(begin), Round(end)), counted)
                << to_string(policy) << " " << train << "/" << sync << " [" << begin << ", " << end
                << ")";
            if (schedule.is_train_slot(Round(end))) ++counted;
          }
        }
      }
    }
  }
}

TEST(ScheduleTest, NoTrainSlotsInAnEmptyOrReversedRange) {
  const Schedule schedule{Policy::kSkipTrain, 4, 4};
  EXPECT_EQ(schedule.train_slots(Round(5), Round(5)), 0u);
  EXPECT_EQ(schedule.train_slots(Round(9), Round(2)), 0u);
}

TEST(ScheduleTest, ExpectedTrainRoundsIsThePapersAndNotRounded) {
  EXPECT_DOUBLE_EQ(Schedule({Policy::kSkipTrain, 4, 4}).expected_train_rounds(80), 40.0);
  EXPECT_DOUBLE_EQ(Schedule({Policy::kSkipTrainConstrained, 1, 2}).expected_train_rounds(100),
                   100.0 / 3.0);
  EXPECT_DOUBLE_EQ(Schedule({Policy::kDpsgd, 1, 9}).expected_train_rounds(80), 80.0);
  EXPECT_DOUBLE_EQ(Schedule({Policy::kGreedy, 1, 9}).expected_train_rounds(80), 80.0);
}

TEST(ScheduleTest, ValidationNamesTheKeyTheValueAndTheRange) {
  EXPECT_TRUE(Schedule({Policy::kSkipTrain, 1, 0}).validate());
  EXPECT_TRUE(Schedule({Policy::kSkipTrain, kMaxGamma, kMaxGamma}).validate());

  const auto zero = Schedule({Policy::kSkipTrain, 0, 4}).validate();
  ASSERT_FALSE(zero);
  EXPECT_EQ(zero.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(zero.error().message, "gamma_train = 0: must be 1 to 1000000");

  const auto long_train = Schedule({Policy::kSkipTrain, kMaxGamma + 1, 4}).validate();
  ASSERT_FALSE(long_train);
  EXPECT_EQ(long_train.error().message, "gamma_train = 1000001: must be 1 to 1000000");

  const auto long_sync = Schedule({Policy::kSkipTrain, 4, kMaxGamma + 1}).validate();
  ASSERT_FALSE(long_sync);
  EXPECT_EQ(long_sync.error().message, "gamma_sync = 1000001: must be 0 to 1000000");
}

}  // namespace
}  // namespace skiptrain::core
