#include "discovery/gossip_sealer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/discovery/discovery_testing.h"
#include "tests/unit/wire/gossip_testing.h"

namespace skiptrain::discovery {
namespace {

using ::testing::HasSubstr;

class GossipSealerTest : public ::testing::Test {
 protected:
  const std::shared_ptr<Keyring> keyring_ = test_keyring();
  GossipSealer alice_{test_identity(1), keyring_};
  GossipSealer bob_{test_identity(2), keyring_};
};

TEST_F(GossipSealerTest, PacketsCallsAndAnnouncementsComeBackAsTheyWent) {
  core::GossipPacket packet = ping_from(1, 7);
  packet.claims = {wire::test_claim(4), wire::test_claim(5, core::MemberState::kSuspect)};
  EXPECT_EQ(bob_.open_packet(*alice_.seal_packet(packet)).value(), packet);

  core::GossipPacket ack;
  ack.from = NodeId(1);
  ack.body = core::Ack{3};
  const wire::ReliableGossip messages[] = {
      core::MemberList{NodeId(1), true, {1, 2, 3}, {wire::test_claim(1), wire::test_claim(9)}},
      core::ReliablePing{NodeId(1), NodeId(2)}, ack};
  for (const auto& message : messages) {
    EXPECT_EQ(bob_.open_call(*alice_.seal_call(message)).value(), message);
  }
  const core::MemberClaim self = wire::test_claim(1);
  EXPECT_EQ(bob_.open_announcement(*alice_.seal_announcement(self)).value(), self);

  EXPECT_EQ(alice_.counters(EnvelopeKind::kPacket).sealed, 1u);
  EXPECT_EQ(alice_.counters(EnvelopeKind::kCall).sealed, 3u);
  EXPECT_EQ(bob_.counters(EnvelopeKind::kPacket).opened, 1u);
  EXPECT_EQ(bob_.counters(EnvelopeKind::kCall).opened, 3u);
  EXPECT_EQ(bob_.counters(EnvelopeKind::kAnnouncement).opened, 1u);
}

TEST_F(GossipSealerTest, AListOfAllMembersFitsACall) {
  core::MemberList list{NodeId(1), false, {}};
  for (std::size_t i = 0; i < core::kMaxMembers; ++i) list.members.push_back(wire::largest_claim());
  const auto envelope = alice_.seal_call(list);
  ASSERT_TRUE(envelope) << envelope.error().message;
  EXPECT_LT(envelope->size(), std::size_t{4} << 20);  // what gRPC takes unasked
  EXPECT_EQ(bob_.open_call(*envelope).value(), wire::ReliableGossip(list));
}

TEST_F(GossipSealerTest, AnEnvelopeOfOneKindIsNoGoodAsAnother) {
  const auto call = alice_.seal_call(core::ReliablePing{NodeId(1), NodeId(2)});
  const auto dropped = bob_.open_packet(*call);
  ASSERT_FALSE(dropped);
  EXPECT_EQ(dropped.error().reason, DropReason::kMalformed);
  EXPECT_THAT(dropped.error().detail, HasSubstr("kind 2 where kind 1 belongs"));
  EXPECT_EQ(bob_.counters(EnvelopeKind::kPacket).dropped_for(DropReason::kMalformed), 1u);
  EXPECT_TRUE(bob_.open_call(*call));
}

TEST_F(GossipSealerTest, AMemberThatBreaksTheRulesIsMalformedAndNamed) {
  Sealer insider(EnvelopeKind::kPacket, test_identity(3), keyring_);
  const auto nonsense = bob_.open_packet(*insider.seal("\xff\xff"));
  ASSERT_FALSE(nonsense);
  EXPECT_EQ(nonsense.error().reason, DropReason::kMalformed);
  EXPECT_THAT(nonsense.error().detail, HasSubstr("node 3: gossip: "));

  const auto in_anothers_name =
      bob_.open_packet(*insider.seal(wire::encode_gossip(ping_from(1, 7))));
  ASSERT_FALSE(in_anothers_name);
  EXPECT_EQ(in_anothers_name.error().reason, DropReason::kMalformed);
  EXPECT_THAT(in_anothers_name.error().detail, HasSubstr("node 3 sealed a message of node 1"));
}

TEST_F(GossipSealerTest, AnAnnouncementIsAboutItsSenderAndNothingElse) {
  Sealer insider(EnvelopeKind::kAnnouncement, test_identity(3), keyring_);
  core::GossipPacket about_another;
  about_another.from = NodeId(3);
  about_another.claims = {wire::test_claim(4)};
  core::GossipPacket with_body = ping_from(3, 1);
  with_body.claims = {wire::test_claim(3)};
  core::GossipPacket left;
  left.from = NodeId(3);
  left.claims = {wire::test_claim(3, core::MemberState::kLeft)};
  for (const auto& packet : {about_another, with_body, left}) {
    const auto dropped = bob_.open_announcement(*insider.seal(wire::encode_gossip(packet)));
    ASSERT_FALSE(dropped);
    EXPECT_THAT(dropped.error().detail, HasSubstr("single claim of its sender"));
  }
}

TEST_F(GossipSealerTest, TheFloorHoldsForEveryKind) {
  const auto packet = alice_.seal_packet(ping_from(1, 1));
  const auto call = alice_.seal_call(core::ReliablePing{NodeId(1), NodeId(2)});
  const auto announcement = alice_.seal_announcement(wire::test_claim(1));
  bob_.raise_floor(NodeId(1), Incarnation(2));
  EXPECT_EQ(bob_.open_packet(*packet).error().reason, DropReason::kEarlierStart);
  EXPECT_EQ(bob_.open_call(*call).error().reason, DropReason::kEarlierStart);
  EXPECT_EQ(bob_.open_announcement(*announcement).error().reason, DropReason::kEarlierStart);
}

// Its state was lost, and with it how often it had started: others say so, and it goes on as more.
TEST_F(GossipSealerTest, WhoGoesOnAsALaterStartIsHeardAgain) {
  bob_.raise_floor(NodeId(1), Incarnation(7));
  EXPECT_FALSE(bob_.open_packet(*alice_.seal_packet(ping_from(1, 1))));
  alice_.restart_as(Incarnation(8));
  EXPECT_TRUE(bob_.open_packet(*alice_.seal_packet(ping_from(1, 1))));
  EXPECT_TRUE(bob_.open_call(*alice_.seal_call(core::ReliablePing{NodeId(1), NodeId(2)})));
  EXPECT_TRUE(bob_.open_announcement(*alice_.seal_announcement(wire::test_claim(1))));
}

// A call that waited long for its connection is not behind the packets sent meanwhile.
TEST_F(GossipSealerTest, ALateCallIsNotTakenForAReplay) {
  const auto call = alice_.seal_call(core::ReliablePing{NodeId(1), NodeId(2)});
  for (std::uint32_t i = 0; i < 2 * ReplayWindow::kWidth; ++i) {
    ASSERT_TRUE(bob_.open_packet(*alice_.seal_packet(ping_from(1, i))));
  }
  EXPECT_TRUE(bob_.open_call(*call));
}

}  // namespace
}  // namespace skiptrain::discovery
