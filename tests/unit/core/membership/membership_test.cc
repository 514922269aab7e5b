// The rules of SWIM and Lifeguard, at one node.
#include "core/membership/membership.h"

#include <gtest/gtest.h>

namespace skiptrain::core {
namespace {

using namespace std::chrono_literals;

MemberInfo info_of(std::uint64_t id) {
  return {.name = "n" + std::to_string(id),
          .peer_address = "10.0.0." + std::to_string(id) + ":7000",
          .gossip_address = "10.0.0." + std::to_string(id) + ":7001",
          .control = "",
          .profile = "",
          .data_samples = 1,
          .tags = {}};
}

MemberClaim claim(std::uint64_t id, MemberState state, std::uint64_t incarnation,
                  std::uint32_t refutation, std::uint64_t by) {
  MemberClaim claim{NodeId(id), state, {Incarnation(incarnation), refutation}, NodeId(by), {}};
  if (state == MemberState::kAlive) claim.info = info_of(id);
  return claim;
}

// Node 1, which has heard of nodes 2 to 5 and is stepped by hand.
class MembershipTest : public ::testing::Test {
 protected:
  MembershipTest() : node_({.id = NodeId(1), .incarnation = Incarnation(1), .info = info_of(1)}) {
    node_.start(now_);
    for (std::uint64_t id = 2; id <= 5; ++id) hear(claim(id, MemberState::kAlive, 1, 0, id));
  }
  MembershipEffects hear(MemberClaim said) {
    return node_.step(PacketReceived{"10.0.0.2:7001", {NodeId(2), {}, {std::move(said)}}}, now_);
  }
  MemberState state(std::uint64_t id) const { return node_.find(NodeId(id))->state; }
  // Ticks when it is due, and collects the effects.
  MembershipEffects run_for(Duration duration) {
    MembershipEffects all;
    const Instant end = now_ + duration;
    for (auto due = node_.next_deadline(); due && *due <= end; due = node_.next_deadline()) {
      now_ = std::max(now_, *due);
      for (auto& effect : node_.step(Tick{}, now_)) all.push_back(std::move(effect));
    }
    now_ = end;
    return all;
  }
  template <typename T>
  static std::size_t count(const MembershipEffects& effects) {
    std::size_t n = 0;
    for (const auto& effect : effects) n += std::holds_alternative<T>(effect);
    return n;
  }

  Instant now_{1h};
  Membership node_;
};

TEST_F(MembershipTest, SuspectOverridesAliveOfTheSameVersion) {
  hear(claim(3, MemberState::kSuspect, 1, 0, 2));
  EXPECT_EQ(state(3), MemberState::kSuspect);
  hear(claim(3, MemberState::kAlive, 1, 0, 3));
  EXPECT_EQ(state(3), MemberState::kSuspect);
}

TEST_F(MembershipTest, ARefutationOfALaterVersionEndsASuspicion) {
  hear(claim(3, MemberState::kSuspect, 1, 0, 2));
  hear(claim(3, MemberState::kAlive, 1, 1, 3));
  EXPECT_EQ(state(3), MemberState::kAlive);
}

TEST_F(MembershipTest, RefutesASuspicionOfItself) {
  hear(claim(1, MemberState::kSuspect, 1, 0, 2));
  EXPECT_EQ(state(1), MemberState::kAlive);
  EXPECT_EQ(node_.self().version.refutation, 1u);
  EXPECT_EQ(node_.health_score(), 1);
}

TEST_F(MembershipTest, RefutesThatItWasRemoved) {
  hear(claim(1, MemberState::kLeft, 1, 4, 2));
  EXPECT_EQ(state(1), MemberState::kAlive);
  EXPECT_EQ(node_.self().version.refutation, 5u);
}

TEST_F(MembershipTest, ALaterStartIsAcceptedOverFailedAndLeft) {
  hear(claim(3, MemberState::kFailed, 1, 0, 2));
  hear(claim(4, MemberState::kLeft, 1, 0, 4));
  hear(claim(3, MemberState::kAlive, 2, 0, 3));
  hear(claim(4, MemberState::kAlive, 2, 0, 4));
  EXPECT_EQ(state(3), MemberState::kAlive);
  EXPECT_EQ(state(4), MemberState::kAlive);
}

TEST_F(MembershipTest, ForceLeaveTurnsAFailedMemberIntoOneThatLeft) {
  hear(claim(3, MemberState::kFailed, 1, 0, 2));
  node_.step(ForceLeaveRequested{NodeId(3)}, now_);
  EXPECT_EQ(state(3), MemberState::kLeft);
}

TEST_F(MembershipTest, AnotherNodeOfOneIdIsReportedOnce) {
  auto other = claim(3, MemberState::kAlive, 1, 1, 3);
  other.info->peer_address = "10.9.9.9:7000";
  EXPECT_EQ(count<ConflictFound>(hear(other)), 1u);
  EXPECT_EQ(count<ConflictFound>(hear(other)), 0u);
  EXPECT_EQ(node_.find(NodeId(3))->info, info_of(3));
}

TEST_F(MembershipTest, ALaterStartOfThisNodeElsewhereSupersedesIt) {
  auto other = claim(1, MemberState::kAlive, 2, 0, 1);
  other.info->peer_address = "10.9.9.9:7000";
  EXPECT_EQ(count<Superseded>(hear(other)), 1u);
  EXPECT_TRUE(node_.superseded());
}

// The earlier of two devices with one id lives on where nobody looks for it any more, until it
// calls.
TEST_F(MembershipTest, AnEarlierStartThatCallsIsToldOfTheLaterOneAndReported) {
  auto later = claim(3, MemberState::kAlive, 2, 0, 3);
  later.info->peer_address = "10.9.9.9:7000";
  EXPECT_EQ(count<ConflictFound>(hear(later)), 0u);  // it may have moved
  const auto effects = node_.step(EarlierStartCalled{7, NodeId(3)}, now_);
  ASSERT_EQ(count<ConflictFound>(effects), 1u);
  ASSERT_EQ(count<AnswerMemberList>(effects), 1u);
  for (const auto& effect : effects) {
    if (const auto* conflict = std::get_if<ConflictFound>(&effect)) {
      EXPECT_EQ(conflict->address, "10.9.9.9:7000");
      EXPECT_EQ(conflict->other_address, info_of(3).peer_address);
    }
    const auto* answer = std::get_if<AnswerMemberList>(&effect);
    if (answer == nullptr) continue;
    EXPECT_EQ(answer->call, 7u);
    ASSERT_EQ(answer->list.members.size(), 1u);
    EXPECT_EQ(answer->list.members[0], later);
  }
}

TEST_F(MembershipTest, ARecordingFromBeforeARestartIsNoOtherNode) {
  hear(claim(3, MemberState::kAlive, 2, 0, 3));
  EXPECT_EQ(count<ConflictFound>(node_.step(EarlierStartCalled{7, NodeId(3)}, now_)), 0u);
}

TEST_F(MembershipTest, APingAnsweredWithALaterStartOfThisNodeSupersedesIt) {
  std::uint64_t call = 0;
  for (int i = 0; i < 100 && call == 0; ++i) {
    for (const auto& effect : run_for(100ms)) {
      if (const auto* ping = std::get_if<CallReliablePing>(&effect)) call = ping->call;
    }
  }
  ASSERT_NE(call, 0u);
  auto other = claim(1, MemberState::kAlive, 2, 0, 1);
  other.info->peer_address = "10.9.9.9:7000";
  const MemberList list{NodeId(3), false, {}, {other}};
  EXPECT_EQ(count<Superseded>(node_.step(MemberListAnswered{call, list}, now_)), 1u);
}

// The clock was lost along with the state. The seed's answer says no more than that.
TEST(MembershipJoinTest, AJoinThatOnlyTaughtANodeItsIncarnationIsTriedAgain) {
  Membership node({.id = NodeId(1), .incarnation = Incarnation(1), .info = info_of(1)});
  Instant now{1h};
  node.start(now);
  const auto call_of = [](const MembershipEffects& effects) -> std::optional<std::uint64_t> {
    for (const auto& effect : effects) {
      if (const auto* call = std::get_if<CallMemberList>(&effect)) return call->call;
    }
    return std::nullopt;
  };
  const auto first = call_of(node.step(SeedsResolved{{"10.0.0.2:7000"}}, now));
  ASSERT_TRUE(first);
  const MemberList answer{NodeId(2), false, {}, {claim(1, MemberState::kAlive, 9, 0, 1)}};
  bool raised = false;
  for (const auto& effect : node.step(MemberListAnswered{*first, answer}, now)) {
    if (const auto* higher = std::get_if<IncarnationRaised>(&effect)) {
      raised = true;
      EXPECT_EQ(higher->incarnation, Incarnation(10)) << "9 has used up its sequence numbers";
    }
    EXPECT_FALSE(std::holds_alternative<ClusterJoined>(effect));
  }
  EXPECT_TRUE(raised);
  std::optional<std::uint64_t> second;
  for (int i = 0; i < 100 && !second; ++i) {
    now += 100ms;
    second = call_of(node.step(Tick{}, now));
  }
  EXPECT_TRUE(second);
}

TEST_F(MembershipTest, WhoAnswersNothingIsSuspectedThenFailed) {
  const auto effects = run_for(120s);
  EXPECT_GT(count<CallReliablePing>(effects), 0u);
  EXPECT_EQ(node_.counts().failed, 4u);
}

TEST_F(MembershipTest, AStalledProcessDeclaresNobodyFailedOnWakingUp) {
  hear(claim(3, MemberState::kSuspect, 1, 0, 2));
  now_ += 1h;
  node_.step(Tick{}, now_);
  EXPECT_EQ(node_.counters().stalls, 1u);
  EXPECT_EQ(node_.counts().failed, 0u);
}

TEST_F(MembershipTest, LeavingEndsInBoundedTime) {
  auto effects = node_.step(LeaveRequested{}, now_);
  for (auto& effect : run_for(6s)) effects.push_back(std::move(effect));
  EXPECT_EQ(count<LeaveFinished>(effects), 1u);
  EXPECT_EQ(node_.next_deadline(), std::nullopt);
}

TEST_F(MembershipTest, ASuspectIsToldSoInThePingItGets) {
  hear(claim(3, MemberState::kSuspect, 1, 0, 2));
  std::size_t pings = 0;
  for (const auto& effect : run_for(10s)) {
    const auto* sent = std::get_if<SendPacket>(&effect);
    if (!sent || sent->address != info_of(3).gossip_address) continue;
    if (!std::holds_alternative<Ping>(sent->packet.body)) continue;
    ++pings;
    ASSERT_FALSE(sent->packet.claims.empty());
    EXPECT_EQ(sent->packet.claims.front().node, NodeId(3));
    EXPECT_NE(sent->packet.claims.front().state, MemberState::kAlive);
  }
  EXPECT_GT(pings, 0u);
}

TEST_F(MembershipTest, WhoAnswersTheReliablePingAloneIsAliveAndCounted) {
  const Instant end = now_ + 60s;
  while (now_ < end) {
    now_ = std::max(now_, *node_.next_deadline());
    for (const auto& effect : node_.step(Tick{}, now_)) {
      const auto* call = std::get_if<CallReliablePing>(&effect);
      if (call) node_.step(ReliablePingAnswered{call->call}, now_);
    }
  }
  EXPECT_EQ(node_.counts().alive, 5u);
  EXPECT_EQ(node_.counts().udp_blocked, 4u);
  EXPECT_GT(node_.counters().probes_reliable_only, 0u);
}

TEST(MembershipJoinTest, GivesUpAfterTheAllowedAttempts) {
  Membership node({.id = NodeId(1),
                   .incarnation = Incarnation(1),
                   .info = info_of(1),
                   .seeds = {"10.0.0.2:7000"},
                   .join_attempts = 3});
  Instant now{1h};
  int calls = 0;
  int failures = 0;
  auto effects = node.start(now);
  for (int i = 0; i < 100 && failures == 0; ++i) {
    std::vector<std::uint64_t> open;
    for (const auto& effect : effects) {
      if (const auto* call = std::get_if<CallMemberList>(&effect)) open.push_back(call->call);
      failures += std::holds_alternative<JoinFailed>(effect);
    }
    calls += static_cast<int>(open.size());
    if (!open.empty()) {
      effects = node.step(CallFailed{open.front(), "refused"}, now);
    } else {
      now = std::max(now, *node.next_deadline());
      effects = node.step(Tick{}, now);
    }
  }
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(failures, 1);
  EXPECT_FALSE(node.joined());
}

TEST_F(MembershipTest, ArbitraryClaimsStayWithinBounds) {
  Rng rng(7);
  const auto small = [&](std::uint64_t n) { return rng.below(n); };
  for (int i = 0; i < 20000; ++i) {
    auto said = claim(small(3) == 0 ? rng.next() : small(6), static_cast<MemberState>(small(6)),
                      small(3) == 0 ? rng.next() : small(3), static_cast<std::uint32_t>(rng.next()),
                      small(8));
    if (small(2) == 0) said.info = info_of(small(300));
    now_ += std::chrono::milliseconds(small(300));
    GossipPacket packet{NodeId(small(8)), {}, {std::move(said)}};
    if (small(3) == 0) packet.body = PingRequest{static_cast<std::uint32_t>(i), NodeId(2), "x"};
    node_.step(PacketReceived{"10.0.0.2:7001", std::move(packet)}, now_);
    ASSERT_LE(node_.members().size(), kMaxMembers);
    ASSERT_LE(node_.queued_claims(), kMaxMembers);
    ASSERT_LE(node_.relays(), Membership::kMaxRelays);
    ASSERT_LE(node_.calls(), Membership::kMaxCalls);
  }
}

}  // namespace
}  // namespace skiptrain::core
