#include "core/round_rules.h"

#include <gtest/gtest.h>

#include "core/patience.h"
#include "core/update_inbox.h"

namespace skiptrain::core {
namespace {

TEST(RoundRulesTest, ModesAreReadAsTheyAreWritten) {
  for (const RoundMode mode : round_modes()) EXPECT_EQ(parse_round_mode(to_string(mode)), mode);
  EXPECT_FALSE(parse_round_mode("whenever"));
}

TEST(RoundRulesTest, AQuorumIsRoundedUpAndTakesOneAtLeast) {
  const RoundRules half{.quorum = 0.5};
  EXPECT_EQ(half.needed_of(4), 2u);
  EXPECT_EQ(half.needed_of(3), 2u);
  EXPECT_EQ(RoundRules{.quorum = 0.01}.needed_of(5), 1u);
  EXPECT_EQ(RoundRules{}.needed_of(7), 7u);
}

TEST(RoundRulesTest, RefusesValuesOutOfRange) {
  EXPECT_TRUE(RoundRules{}.validate());
  EXPECT_FALSE(RoundRules{.quorum = 0.0}.validate());
  EXPECT_FALSE(RoundRules{.quorum = 1.01}.validate());
  EXPECT_FALSE(RoundRules{.max_staleness = 0}.validate());
}

void miss(Patience& patience) {
  patience.missed();
  patience.round_closed();
}

TEST(PatienceTest, TwoDeadlinesInARowMakeAStragglerAndTwoUpdatesInTimeEndIt) {
  Patience patience;
  miss(patience);
  patience.came_in_time();
  miss(patience);
  EXPECT_FALSE(patience.is_straggler()) << "not in a row";
  miss(patience);
  EXPECT_TRUE(patience.is_spent());
  patience.came_in_time();
  patience.came_late();
  patience.came_in_time();
  EXPECT_TRUE(patience.is_straggler()) << "late in between";
  patience.came_in_time();
  EXPECT_FALSE(patience.is_straggler());
}

// How many rounds of a thousand are held open for one that never is in time.
TEST(PatienceTest, ProbesEverMoreSeldom) {
  Patience patience;
  int held_open = 0;
  for (int round = 0; round < 1000; ++round) {
    if (!patience.is_spent()) {
      patience.missed();
      ++held_open;
    }
    patience.round_closed();
  }
  EXPECT_GT(held_open, 2) << "it is never asked again";
  EXPECT_LT(held_open, 12);
}

ModelUpdate update_of(std::uint64_t round) {
  const float values[] = {static_cast<float>(round)};
  return {Round(round), 2, copy_parameters(values)};
}

TEST(StaleInboxTest, HoldsTheNewestOfEachNeighbourWithinTheStaleness) {
  UpdateInbox inbox(3);
  inbox.advance_to(Round(10));
  EXPECT_EQ(inbox.accept(NodeId(1), update_of(6)), UpdateVerdict::kLate);
  EXPECT_EQ(inbox.accept(NodeId(1), update_of(7)), UpdateVerdict::kAccepted);
  EXPECT_EQ(inbox.accept(NodeId(1), update_of(12)), UpdateVerdict::kEarly);
  EXPECT_EQ(inbox.accept(NodeId(1), update_of(11)), UpdateVerdict::kLate);
  EXPECT_EQ(inbox.accept(NodeId(1), update_of(12)), UpdateVerdict::kDuplicate);
  EXPECT_EQ(inbox.held(), 1u);
  ASSERT_NE(inbox.find(NodeId(1)), nullptr);
  EXPECT_EQ(inbox.find(NodeId(1))->round, Round(12));
  inbox.advance_to(Round(15));
  EXPECT_EQ(inbox.usable(), 1u);
  inbox.advance_to(Round(16));
  EXPECT_EQ(inbox.usable(), 0u);
}

}  // namespace
}  // namespace skiptrain::core
