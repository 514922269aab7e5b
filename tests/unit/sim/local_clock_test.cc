#include "sim/local_clock.h"

#include <gtest/gtest.h>

namespace skiptrain::sim {
namespace {

using std::chrono::seconds;

Instant at(Duration since_start) {
  return Instant(since_start);
}

TEST(LocalClockTest, ShowsVirtualTimeAtFirst) {
  const LocalClock clock;
  EXPECT_EQ(clock.at(at(seconds(5))), at(seconds(5)));
  EXPECT_EQ(clock.when(at(seconds(5)), at(seconds(2))), at(seconds(5)));
  EXPECT_EQ(clock.when(at(seconds(1)), at(seconds(2))), at(seconds(2)));
}

TEST(LocalClockTest, JumpsForwards) {
  LocalClock clock;
  clock.step(at(seconds(10)), seconds(3));
  EXPECT_EQ(clock.at(at(seconds(10))), at(seconds(13)));
  EXPECT_EQ(clock.when(at(seconds(15)), at(seconds(10))), at(seconds(12)));
}

TEST(LocalClockTest, StandsStillInsteadOfGoingBack) {
  LocalClock clock;
  clock.step(at(seconds(10)), -seconds(3));
  EXPECT_EQ(clock.at(at(seconds(11))), at(seconds(10)));
  EXPECT_EQ(clock.at(at(seconds(14))), at(seconds(11)));
  EXPECT_EQ(clock.when(at(seconds(11)), at(seconds(10))), at(seconds(14)));
}

TEST(LocalClockTest, RunsFastOrSlow) {
  LocalClock clock;
  clock.set_rate(at(seconds(10)), 1.5);
  EXPECT_EQ(clock.at(at(seconds(12))), at(seconds(13)));
  clock.set_rate(at(seconds(12)), 0.5);
  EXPECT_EQ(clock.at(at(seconds(16))), at(seconds(15)));
}

// The core checks that a deadline has come by comparing its own clock with it.
TEST(LocalClockTest, ADeadlineHasComeWhenItsTimeHas) {
  for (const double rate : {0.9, 0.997, 1.0, 1.003, 1.1}) {
    LocalClock clock;
    clock.set_rate(at(seconds(1)), rate);
    for (Duration::rep ns = 1; ns < 5000; ns += 7) {
      const Instant deadline = at(seconds(2) + Duration(ns * 1'000'003));
      const Instant due = clock.when(deadline, at(seconds(1)));
      ASSERT_GE(clock.at(due), deadline) << "rate " << rate;
      ASSERT_LE(clock.at(due), deadline + Duration(3)) << "rate " << rate;
    }
  }
}

}  // namespace
}  // namespace skiptrain::sim
