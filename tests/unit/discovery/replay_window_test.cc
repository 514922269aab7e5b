#include "discovery/replay_window.h"

#include <set>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace skiptrain::discovery {
namespace {

constexpr std::uint64_t kWidth = ReplayWindow::kWidth;

TEST(ReplayWindowTest, TakesEachNumberOnceInAnyOrder) {
  ReplayWindow window;
  for (const std::uint64_t number : {0, 5, 3, 4, 1, 2}) EXPECT_TRUE(window.accept(number));
  for (std::uint64_t number = 0; number < 6; ++number) EXPECT_FALSE(window.accept(number));
  EXPECT_TRUE(window.accept(6));
}

TEST(ReplayWindowTest, WhatLiesBehindTheWindowIsRefused) {
  ReplayWindow window;
  EXPECT_TRUE(window.accept(5000));
  EXPECT_TRUE(window.accept(5000 - kWidth + 1));
  EXPECT_FALSE(window.accept(5000 - kWidth));
  EXPECT_FALSE(window.accept(0));
}

TEST(ReplayWindowTest, GoesUpToTheLastNumber) {
  ReplayWindow window;
  const std::uint64_t last = ~std::uint64_t{0};
  EXPECT_TRUE(window.accept(1));
  EXPECT_TRUE(window.accept(last));
  EXPECT_FALSE(window.accept(last));
  EXPECT_TRUE(window.accept(last - kWidth + 1));
  EXPECT_FALSE(window.accept(1));
}

TEST(ReplayWindowTest, AgreesWithASetOfAllNumbersSeen) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    ReplayWindow window;
    std::set<std::uint64_t> seen;
    std::uint64_t largest = 0;
    for (int i = 0; i < 5000; ++i) {
      // Mostly near the newest, now and then a leap.
      std::uint64_t number = largest + rng.below(4);
      if (rng.below(3) == 0) number = largest - std::min(largest, rng.below(2 * kWidth));
      if (rng.below(200) == 0) number = largest + rng.below(3 * kWidth);
      const bool behind = !seen.empty() && number + kWidth <= largest;
      const bool expected = !behind && seen.count(number) == 0;
      ASSERT_EQ(window.accept(number), expected) << "seed " << seed << ", number " << number;
      if (!expected) continue;
      seen.insert(number);
      largest = std::max(largest, number);
    }
  }
}

TEST(ReplayGuardTest, ARestartOpensANewWindowAndClosesTheOldOne) {
  ReplayGuard guard(10);
  EXPECT_EQ(guard.accept(NodeId(1), Incarnation(4), 100), Freshness::kNew);
  EXPECT_EQ(guard.accept(NodeId(1), Incarnation(5), 0), Freshness::kNew);
  EXPECT_EQ(guard.accept(NodeId(1), Incarnation(5), 0), Freshness::kSeen);
  EXPECT_EQ(guard.accept(NodeId(1), Incarnation(4), 101), Freshness::kEarlierStart);
  EXPECT_EQ(guard.accept(NodeId(2), Incarnation(1), 0), Freshness::kNew);
}

TEST(ReplayGuardTest, AFloorShutsOutWhatWasRecordedBefore) {
  ReplayGuard guard(10);
  guard.raise_floor(NodeId(1), Incarnation(7));  // of a sender that was not heard yet
  EXPECT_EQ(guard.accept(NodeId(1), Incarnation(6), 0), Freshness::kEarlierStart);
  EXPECT_EQ(guard.accept(NodeId(1), Incarnation(7), 0), Freshness::kNew);
  guard.raise_floor(NodeId(1), Incarnation(7));  // which changes nothing
  EXPECT_EQ(guard.accept(NodeId(1), Incarnation(7), 0), Freshness::kSeen);
  guard.raise_floor(NodeId(1), Incarnation(3));
  EXPECT_EQ(guard.accept(NodeId(1), Incarnation(3), 1), Freshness::kEarlierStart);
}

TEST(ReplayGuardTest, ForgetsTheSenderUnheardForLongestWhenItIsFull) {
  ReplayGuard guard(2);
  EXPECT_EQ(guard.accept(NodeId(1), Incarnation(1), 0), Freshness::kNew);
  EXPECT_EQ(guard.accept(NodeId(2), Incarnation(1), 0), Freshness::kNew);
  EXPECT_EQ(guard.accept(NodeId(1), Incarnation(1), 1), Freshness::kNew);
  EXPECT_EQ(guard.accept(NodeId(3), Incarnation(1), 0), Freshness::kNew);
  EXPECT_EQ(guard.size(), 2u);
  EXPECT_EQ(guard.accept(NodeId(1), Incarnation(1), 1), Freshness::kSeen);
}

}  // namespace
}  // namespace skiptrain::discovery
