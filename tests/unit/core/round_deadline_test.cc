#include "core/round_deadline.h"

#include <gtest/gtest.h>

namespace skiptrain::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr bool kTrain = true;
constexpr bool kSync = false;

RoundDeadline after_waits(std::initializer_list<int> waits_ms) {
  RoundDeadline rule(std::nullopt);
  for (const int wait : waits_ms) rule.record_wait(kTrain, milliseconds(wait));
  return rule;
}

TEST(RoundDeadlineTest, AFixedTimeIsThatTime) {
  RoundDeadline rule(milliseconds(300));
  EXPECT_EQ(rule.allowance(kTrain), milliseconds(300));
  for (int i = 0; i < 50; ++i) rule.record_wait(kTrain, seconds(9));
  EXPECT_EQ(rule.allowance(kTrain), milliseconds(300));
  EXPECT_EQ(rule.allowance(kSync), milliseconds(300));
}

TEST(RoundDeadlineTest, IsGenerousUntilEnoughIsKnown) {
  EXPECT_EQ(after_waits({}).allowance(kTrain), RoundDeadline::kInitial);
  EXPECT_EQ(after_waits({10, 10, 10, 10}).allowance(kTrain), RoundDeadline::kInitial);
  EXPECT_EQ(after_waits({10, 10, 10, 10, 10}).allowance(kTrain), RoundDeadline::kFloor);
}

// Median 5 s; absolute deviations 2, 1, 0, 1, 4, their median 1 s.
TEST(RoundDeadlineTest, IsMedianPlusFourMedianAbsoluteDeviations) {
  EXPECT_EQ(after_waits({3000, 4000, 5000, 6000, 9000}).allowance(kTrain), seconds(9));
  EXPECT_EQ(after_waits({9000, 3000, 6000, 4000, 5000}).allowance(kTrain), seconds(9));
}

TEST(RoundDeadlineTest, OneOutlierHardlyMovesIt) {
  EXPECT_EQ(after_waits({5000, 5000, 5000, 5000, 5000, 5000, 600'000}).allowance(kTrain),
            seconds(5));
}

TEST(RoundDeadlineTest, IsNeverBelowTheFloor) {
  EXPECT_EQ(after_waits({1, 2, 3, 2, 1, 2}).allowance(kTrain), seconds(2));
}

// A neighbour that promises and never sends makes every wait last as long as was allowed; the
// allowance must not grow with them for ever.
TEST(RoundDeadlineTest, IsNeverAboveTheCeiling) {
  EXPECT_EQ(after_waits({10, 10'000'000, 20'000'000, 30'000'000, 50'000'000}).allowance(kTrain),
            RoundDeadline::kCeiling);
}

TEST(RoundDeadlineTest, TrainAndSyncRoundsAreLearntApart) {
  RoundDeadline rule(std::nullopt);
  for (int i = 0; i < 10; ++i) {
    rule.record_wait(kTrain, seconds(30));
    rule.record_wait(kSync, milliseconds(5));
  }
  EXPECT_EQ(rule.allowance(kTrain), seconds(30));
  EXPECT_EQ(rule.allowance(kSync), seconds(2));
}

TEST(RoundDeadlineTest, ForgetsWaitsOutsideTheWindow) {
  RoundDeadline rule(std::nullopt);
  for (std::size_t i = 0; i < RoundDeadline::kWindow; ++i) rule.record_wait(kTrain, seconds(50));
  EXPECT_EQ(rule.allowance(kTrain), seconds(50));
  for (std::size_t i = 0; i < RoundDeadline::kWindow; ++i) rule.record_wait(kTrain, seconds(4));
  EXPECT_EQ(rule.allowance(kTrain), seconds(4));
}

TEST(RoundDeadlineTest, CanBeFixedAndFreedWhileRunning) {
  RoundDeadline rule = after_waits({10, 10, 10, 10, 10});
  rule.set_fixed(seconds(7));
  EXPECT_EQ(rule.allowance(kTrain), seconds(7));
  rule.set_fixed(std::nullopt);
  EXPECT_EQ(rule.allowance(kTrain), RoundDeadline::kFloor);
}

}  // namespace
}  // namespace skiptrain::core
