#include "core/update_inbox.h"

#include <gtest/gtest.h>

namespace skiptrain::core {
namespace {

const NodeId kA(1);
const NodeId kB(2);

ModelUpdate update(std::uint64_t round, float x = 0.0f) {
  const float values[] = {x};
  return {Round(round), 2, copy_parameters(values)};
}
UpdateInbox inbox_at(std::uint64_t round) {
  UpdateInbox inbox;
  inbox.advance_to(Round(round));
  return inbox;
}

TEST(UpdateInboxTest, AcceptsAnUpdateOfTheRoundInProgress) {
  UpdateInbox inbox = inbox_at(4);
  EXPECT_EQ(inbox.accept(kA, update(4)), UpdateVerdict::kAccepted);
  EXPECT_TRUE(inbox.has(kA));
  EXPECT_FALSE(inbox.has(kB));
  EXPECT_EQ(inbox.counters().accepted, 1u);
}

TEST(UpdateInboxTest, KeepsAnEarlyUpdateForTheNextRound) {
  UpdateInbox inbox = inbox_at(4);
  EXPECT_EQ(inbox.accept(kA, update(5, 7.0f)), UpdateVerdict::kEarly);
  EXPECT_FALSE(inbox.has(kA));
  inbox.advance_to(Round(5));
  ASSERT_TRUE(inbox.has(kA));
  EXPECT_EQ(inbox.current().at(kA).parameters->values()[0], 7.0f);
  EXPECT_EQ(inbox.counters().early, 1u);
}

TEST(UpdateInboxTest, DropsALateUpdate) {
  UpdateInbox inbox = inbox_at(4);
  EXPECT_EQ(inbox.accept(kA, update(3)), UpdateVerdict::kLate);
  EXPECT_EQ(inbox.accept(kA, update(0)), UpdateVerdict::kLate);
  EXPECT_EQ(inbox.held(), 0u);
  EXPECT_EQ(inbox.counters().late, 2u);
}

TEST(UpdateInboxTest, DropsADuplicateAndKeepsTheFirst) {
  UpdateInbox inbox = inbox_at(4);
  inbox.accept(kA, update(4, 1.0f));
  inbox.accept(kA, update(5, 3.0f));
  EXPECT_EQ(inbox.accept(kA, update(4, 2.0f)), UpdateVerdict::kDuplicate);
  EXPECT_EQ(inbox.accept(kA, update(5, 4.0f)), UpdateVerdict::kDuplicate);
  EXPECT_EQ(inbox.current().at(kA).parameters->values()[0], 1.0f);
  inbox.advance_to(Round(5));
  EXPECT_EQ(inbox.current().at(kA).parameters->values()[0], 3.0f);
  EXPECT_EQ(inbox.counters().duplicate, 2u);
}

TEST(UpdateInboxTest, DoesNotKeepAnUpdateAheadOfTheNextRound) {
  UpdateInbox inbox = inbox_at(4);
  EXPECT_EQ(inbox.accept(kA, update(6)), UpdateVerdict::kAhead);
  EXPECT_EQ(inbox.held(), 0u);
  EXPECT_EQ(inbox.counters().ahead, 1u);
  inbox.advance_to(Round(6));
  EXPECT_FALSE(inbox.has(kA));
}

TEST(UpdateInboxTest, ForgetsAClosedRound) {
  UpdateInbox inbox = inbox_at(4);
  inbox.accept(kA, update(4));
  inbox.advance_to(Round(5));
  EXPECT_FALSE(inbox.has(kA));
  EXPECT_EQ(inbox.held(), 0u);
}

TEST(UpdateInboxTest, AdvancingToTheSameRoundForgetsNothing) {
  UpdateInbox inbox = inbox_at(4);
  inbox.accept(kA, update(4));
  inbox.advance_to(Round(4));
  EXPECT_TRUE(inbox.has(kA));
}

TEST(UpdateInboxTest, HoldsAtMostTwoUpdatesPerNeighbour) {
  for (const bool catching_up : {false, true}) {
    UpdateInbox inbox = inbox_at(4);
    inbox.set_catching_up(catching_up);
    for (int repeat = 0; repeat < 3; ++repeat) {
      for (std::uint64_t round = 0; round < 50; ++round) {
        inbox.accept(kA, update(round));
        inbox.accept(kB, update(round));
        EXPECT_LE(inbox.held(), 4u);
      }
    }
  }
}

TEST(UpdateInboxTest, KeepsTheNewestWhileCatchingUp) {
  UpdateInbox inbox = inbox_at(4);
  inbox.set_catching_up(true);
  EXPECT_EQ(inbox.accept(kA, update(8, 8.0f)), UpdateVerdict::kAhead);
  EXPECT_EQ(inbox.accept(kA, update(9, 9.0f)), UpdateVerdict::kAhead);
  EXPECT_EQ(inbox.accept(kA, update(7, 7.0f)), UpdateVerdict::kAhead);
  EXPECT_EQ(inbox.accept(kA, update(9, 1.0f)), UpdateVerdict::kDuplicate);
  EXPECT_EQ(inbox.held(), 1u);
  inbox.advance_to(Round(9));
  ASSERT_TRUE(inbox.has(kA));
  EXPECT_EQ(inbox.current().at(kA).parameters->values()[0], 9.0f);
}

TEST(UpdateInboxTest, WhatWasKeptForARoundJumpedOverIsDropped) {
  UpdateInbox inbox = inbox_at(4);
  inbox.accept(kA, update(5));
  inbox.set_catching_up(true);
  inbox.accept(kB, update(9));
  inbox.advance_to(Round(8));
  EXPECT_FALSE(inbox.has(kA));
  EXPECT_EQ(inbox.held(), 1u);
  inbox.advance_to(Round(9));
  EXPECT_TRUE(inbox.has(kB));
}

TEST(UpdateInboxDeathTest, TheClockNeverGoesBack) {
  UpdateInbox inbox = inbox_at(4);
  EXPECT_DEATH(inbox.advance_to(Round(3)), "never goes back");
}

TEST(UpdateInboxTest, ForgetsWhatCameFromThoseThatAreNoNeighboursAnyMore) {
  UpdateInbox inbox = inbox_at(4);
  inbox.accept(kA, update(4));
  inbox.accept(kA, update(5));
  inbox.accept(kB, update(4));
  inbox.keep_only({kB});
  EXPECT_FALSE(inbox.has(kA));
  EXPECT_TRUE(inbox.has(kB));
  EXPECT_EQ(inbox.held(), 1u);
}

}  // namespace
}  // namespace skiptrain::core
