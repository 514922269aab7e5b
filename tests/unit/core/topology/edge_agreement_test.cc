#include "core/topology/edge_agreement.h"

#include <limits>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/topology/edge_end.h"

namespace skiptrain::core {
namespace {

using ::testing::ElementsAre;
using testing::End;
using ::testing::IsEmpty;
using testing::kA;
using testing::kB;
using ::testing::SizeIs;

constexpr EdgeClaim kNotWanted{};

EdgeClaim from_round(std::uint64_t round) {
  return {true, Round(round)};
}
EdgeClaim until_round(std::uint64_t round) {
  return {false, Round(round)};
}

// Hands messages to and fro until nobody has anything to say; how many there were.
std::size_t deliver(End& from, End& to, const EdgeMessages& messages) {
  std::size_t count = 0;
  for (const EdgeMessage& message : messages) {
    EXPECT_EQ(message.peer, to.id);
    const auto replies = to.agreement.receive({from.id, message.claim, message.heard});
    count += 1 + deliver(to, from, replies);
  }
  return count;
}

TEST(EdgeAgreementTest, BothEndsUseTheLargerRound) {
  End a(kA, 10);
  End b(kB, 11);
  EXPECT_THAT(deliver(a, b, a.want(true)), 2u);  // b does not want it yet, and says so
  EXPECT_FALSE(a.agreement.agreed_from(kB));
  EXPECT_LE(deliver(b, a, b.want(true)), 3u);
  EXPECT_EQ(a.agreement.agreed_from(kB), Round(13));
  EXPECT_EQ(b.agreement.agreed_from(kA), Round(13));
  EXPECT_FALSE(a.uses(12));
  EXPECT_TRUE(a.uses(13));
  EXPECT_TRUE(b.uses(1000));
  EXPECT_THAT(a.agreement.neighbours(), IsEmpty());
  a.agreement.begin_round(Round(13));
  EXPECT_THAT(a.agreement.neighbours(), ElementsAre(kB));
}

TEST(EdgeAgreementTest, AnEdgeThatOneEndWantsIsNotUsed) {
  End a(kA, 0);
  End b(kB, 0);
  deliver(a, b, a.want(true));
  a.agreement.begin_round(Round(50));
  b.agreement.begin_round(Round(50));
  EXPECT_FALSE(a.uses(50));
  EXPECT_FALSE(b.uses(50));
  EXPECT_THAT(b.agreement.peers(), IsEmpty());
  deliver(b, a, b.want(true));  // as soon as it does, the other's wish is known
  EXPECT_EQ(b.agreement.agreed_from(kA), Round(52));
}

TEST(EdgeAgreementTest, AnEdgeEndsWhenEitherEndDropsItsWish) {
  End a(kA, 10);
  End b(kB, 10);
  deliver(a, b, a.want(true));
  deliver(b, a, b.want(true));
  a.agreement.begin_round(Round(20));
  b.agreement.begin_round(Round(20));
  deliver(a, b, a.want(false));
  for (const End* end : {&a, &b}) {
    EXPECT_TRUE(end->uses(20));
    EXPECT_TRUE(end->uses(21));
    EXPECT_FALSE(end->uses(22));
  }
  EXPECT_THAT(a.agreement.peers(), ElementsAre(kB));
  a.agreement.begin_round(Round(22));
  EXPECT_THAT(a.agreement.peers(), IsEmpty());  // heard and over
}

TEST(EdgeAgreementTest, OfTwoEndsThatLeaveAnEdgeTheEarlierRoundCounts) {
  End a(kA, 10);
  End b(kB, 11);
  deliver(a, b, a.want(true));
  deliver(b, a, b.want(true));
  a.agreement.begin_round(Round(20));
  b.agreement.begin_round(Round(21));
  const auto from_a = a.want(false);  // until 22
  const auto from_b = b.want(false);  // until 23
  deliver(a, b, from_a);
  deliver(b, a, from_b);
  for (const End* end : {&a, &b}) {
    EXPECT_TRUE(end->uses(21));
    EXPECT_FALSE(end->uses(22));
  }
}

TEST(EdgeAgreementTest, AFailedMemberIsDroppedAtOnce) {
  End a(kA, 10);
  End b(kB, 10);
  deliver(a, b, a.want(true));
  deliver(b, a, b.want(true));
  a.agreement.begin_round(Round(15));
  EXPECT_TRUE(a.uses(15));
  a.agreement.drop(kB);
  EXPECT_FALSE(a.uses(15));
  EXPECT_THAT(a.agreement.peers(), IsEmpty());
  EXPECT_THAT(a.want(false), IsEmpty());  // nobody to tell
  a.agreement.drop(kB);                   // again is harmless
}

// Its wish comes back with a later round, which the other end takes over although it never thought
// the edge was gone.
TEST(EdgeAgreementTest, AMemberThoughtFailedIsTakenBack) {
  End a(kA, 10);
  End b(kB, 10);
  deliver(a, b, a.want(true));
  deliver(b, a, b.want(true));
  a.agreement.begin_round(Round(15));
  b.agreement.begin_round(Round(15));
  a.agreement.drop(kB);
  deliver(a, b, a.want(true));
  EXPECT_EQ(a.agreement.agreed_from(kB), Round(17));
  EXPECT_EQ(b.agreement.agreed_from(kA), Round(17));
  EXPECT_TRUE(b.uses(15));  // the round in progress stays as it began
  EXPECT_FALSE(b.uses(16));
}

TEST(EdgeAgreementTest, ALateClaimIsAnsweredWithALaterOne) {
  End a(kA, 10);
  End b(kB, 10);
  const auto from_a = a.want(true);  // 12
  const auto from_b = b.want(true);  // 12
  b.agreement.receive({kA, from_a[0].claim, from_a[0].heard});
  b.agreement.begin_round(Round(12));
  EXPECT_TRUE(b.uses(12));  // as far as b knows
  a.agreement.begin_round(Round(14));
  const auto answer = a.agreement.receive({kB, from_b[0].claim, from_b[0].heard});
  EXPECT_THAT(answer, ElementsAre(EdgeMessage{kB, from_round(18), from_round(12)}));
  EXPECT_FALSE(a.uses(17));
  deliver(a, b, answer);
  EXPECT_TRUE(b.uses(12));
  EXPECT_FALSE(b.uses(13));
  EXPECT_FALSE(b.uses(17));
  EXPECT_EQ(b.agreement.agreed_from(kA), Round(18));
  EXPECT_EQ(a.agreement.agreed_from(kB), Round(18));
}

TEST(EdgeAgreementTest, LaterAndLaterUntilOneComesInTime) {
  // Each message takes 50 rounds, far more than the lead.
  End a(kA, 0);
  End b(kB, 0);
  EdgeMessages to_b = a.want(true);
  b.want(true);  // lost
  std::uint64_t round = 0;
  int messages = 0;
  for (End *from = &a, *to = &b; !to_b.empty(); std::swap(from, to), ++messages) {
    ASSERT_LT(messages, 20);
    round += 50;
    a.agreement.begin_round(Round(round));
    b.agreement.begin_round(Round(round));
    to_b = to->agreement.receive({from->id, to_b[0].claim, to_b[0].heard});
  }
  EXPECT_EQ(a.agreement.agreed_from(kB), b.agreement.agreed_from(kA));
  EXPECT_TRUE(a.uses(round + 100));
  EXPECT_GE(messages, 4);
}

TEST(EdgeAgreementTest, AnEndThatUsesTheEdgeStaysOnIt) {
  End a(kA, 10);
  End b(kB, 10);
  deliver(a, b, a.want(true));
  deliver(b, a, b.want(true));
  a.agreement.begin_round(Round(30));
  // The other end repeats itself with another round that has passed.
  EXPECT_THAT(a.agreement.receive({kB, from_round(14), from_round(12)}), SizeIs(1));
  EXPECT_TRUE(a.uses(30));
  EXPECT_EQ(a.agreement.agreed_from(kB), Round(14));
}

TEST(EdgeAgreementTest, ALostClaimIsSaidAgainWhenTheLinkComesUp) {
  End a(kA, 10);
  End b(kB, 10);
  a.want(true);  // both lost
  b.want(true);
  EXPECT_LE(deliver(a, b, {a.agreement.link_up(kB)}), 3u);
  EXPECT_EQ(a.agreement.agreed_from(kB), Round(12));
  EXPECT_EQ(b.agreement.agreed_from(kA), Round(12));
  EXPECT_EQ(deliver(b, a, {b.agreement.link_up(kA)}), 1u);  // all is said
  EXPECT_EQ(a.agreement.link_up(NodeId(9)), (EdgeMessage{NodeId(9), kNotWanted, kNotWanted}));
}

// The end that lost nothing says what it knows, and that tells the other what was lost.
TEST(EdgeAgreementTest, EitherEndCanRepairALoss) {
  End a(kA, 10);
  End b(kB, 10);
  deliver(b, a, b.want(true));
  a.want(true);  // lost
  EXPECT_EQ(b.agreement.agreed_from(kA), std::nullopt);
  deliver(b, a, {b.agreement.link_up(kA)});
  EXPECT_EQ(b.agreement.agreed_from(kA), Round(12));
}

TEST(EdgeAgreementTest, ARestartedEndMakesANewClaim) {
  End a(kA, 10);
  End b(kB, 10);
  deliver(a, b, a.want(true));
  deliver(b, a, b.want(true));
  a.agreement.begin_round(Round(40));
  End again(kB, 39);
  deliver(again, a, again.want(true));
  EXPECT_EQ(a.agreement.agreed_from(kB), Round(41));
  EXPECT_EQ(again.agreement.agreed_from(kA), Round(41));
}

// What others want is kept for when this node wants it too, but not without limit.
TEST(EdgeAgreementTest, WishesOfOthersAreBounded) {
  EdgeAgreement agreement(Round(5));
  const auto member = [](std::size_t i) { return NodeId(100 + i); };
  const std::size_t count = EdgeAgreement::kMaxEntries + 10;
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_THAT(agreement.receive({member(i), from_round(7), kNotWanted}),
                ElementsAre(EdgeMessage{member(i), kNotWanted, from_round(7)}));
  }
  EXPECT_THAT(agreement.peers(), IsEmpty());
  EXPECT_THAT(agreement.receive({kA, until_round(7), kNotWanted}), IsEmpty());
  const std::vector<NodeId> first_and_last = {member(0), member(count - 1)};
  agreement.want(first_and_last);
  EXPECT_EQ(agreement.agreed_from(member(0)), Round(7));
  EXPECT_EQ(agreement.agreed_from(member(count - 1)), std::nullopt);  // until it says it again
  agreement.receive({member(count - 1), from_round(7), from_round(7)});
  EXPECT_EQ(agreement.agreed_from(member(count - 1)), Round(7));
}

TEST(EdgeAgreementTest, ANeighbourThatKeepsChangingItsMindIsBounded) {
  EdgeWish wish;
  for (std::uint64_t round = 100; round < 1100; ++round) {
    wish.claim({round % 2 == 0, Round(round)}, Round(6));
  }
  EXPECT_TRUE(wish.wanted_in(Round(1098)));
  EXPECT_FALSE(wish.wanted_in(Round(1099)));
  EXPECT_FALSE(wish.wanted_in(Round(1098 - EdgeWish::kMaxChanges)));  // forgotten
}

// A neighbour's nonsense is its own loss: no overflow, no edge, no endless talk.
TEST(EdgeAgreementTest, AClaimOfTheLastRoundOfAllIsHarmless) {
  constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();
  End a(kA, 10);
  a.want(true);
  EXPECT_THAT(a.agreement.receive({kB, from_round(kLast), from_round(12)}), SizeIs(1));
  a.agreement.begin_round(Round(1'000'000));
  EXPECT_FALSE(a.uses(1'000'000));
  a.agreement.receive({kB, until_round(kLast), from_round(12)});
  EXPECT_FALSE(a.uses(1'000'000));
}

}  // namespace
}  // namespace skiptrain::core
