#include "wire/gossip_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "skiptrain/v1/gossip.pb.h"
#include "tests/unit/wire/gossip_testing.h"

namespace skiptrain::wire {
namespace {

using core::GossipPacket;
using core::MemberClaim;
using core::MemberInfo;
using core::MemberState;
using ::testing::HasSubstr;

std::string error_of(std::string_view bytes) {
  const auto packet = decode_gossip_packet(bytes);
  if (packet) return "(accepted)";
  EXPECT_EQ(packet.error().code, ErrorCode::kCorrupt);
  return packet.error().message;
}

// A packet with one valid claim, spoilt on the wire.
std::string spoilt(const std::function<void(v1::MemberClaim&)>& spoil) {
  v1::GossipMessage message;
  GossipPacket packet;
  packet.claims = {test_claim(5)};
  EXPECT_TRUE(message.ParseFromString(encode_gossip(packet)));
  spoil(*message.mutable_claims(0));
  return message.SerializeAsString();
}

TEST(GossipCodecTest, EveryBodyAndStateComesBackAsItWent) {
  GossipPacket packet;
  packet.from = NodeId(9);
  for (const auto state :
       {MemberState::kAlive, MemberState::kSuspect, MemberState::kFailed, MemberState::kLeft}) {
    packet.claims.push_back(test_claim(11, state));
  }
  packet.claims[1].by = NodeId(4);
  packet.claims[2].info = test_info();
  for (const decltype(packet.body)& body : std::initializer_list<decltype(packet.body)>{
           std::monostate(), core::Ping{1, NodeId(2)}, core::PingRequest{3, NodeId(4), "[::1]:5"},
           core::Ack{6}, core::Nack{7}}) {
    packet.body = body;
    const auto decoded = decode_gossip_packet(encode_gossip(packet));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, packet);
  }
}

TEST(GossipCodecTest, ReliableMessagesComeBackAsTheyWent) {
  core::MemberList list{NodeId(3), true, {}};
  for (std::uint64_t node = 0; node < core::kMaxMembers; ++node) {
    list.members.push_back(test_claim(node));
  }
  GossipPacket ack;
  ack.from = NodeId(3);
  ack.body = core::Ack{5};
  ack.claims = {test_claim(8)};
  const ReliableGossip messages[] = {list, core::ReliablePing{NodeId(1), NodeId(2)}, ack};
  for (const ReliableGossip& message : messages) {
    const auto decoded = decode_reliable_gossip(encode_reliable_gossip(message));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, message);
  }
}

TEST(GossipCodecTest, EachKindOfMessageIsRefusedOnTheOtherWay) {
  EXPECT_THAT(error_of(encode_gossip(core::MemberList{NodeId(1), false, {}, {test_claim(1)}})),
              HasSubstr("over the reliable call"));
  EXPECT_THAT(error_of(encode_gossip(core::ReliablePing{})), HasSubstr("over the reliable call"));
  for (const decltype(GossipPacket::body)& body :
       std::initializer_list<decltype(GossipPacket::body)>{std::monostate(), core::Ping{},
                                                           core::Nack{}}) {
    GossipPacket packet;
    packet.body = body;
    EXPECT_FALSE(decode_reliable_gossip(encode_gossip(packet)));
  }
}

TEST(GossipCodecTest, EncodedSizeKeepsToTheBounds) {
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    GossipPacket packet = random_packet(rng, NodeId(rng.next()));
    if (rng.below(8) == 0) packet.claims.push_back(largest_claim());
    std::size_t bound = 0;
    for (const MemberClaim& claim : packet.claims) bound += core::encoded_bound(claim);
    GossipPacket bare = packet;
    bare.claims.clear();
    bound += core::encoded_bound(bare);
    EXPECT_LE(encode_gossip(packet).size(), bound);
  }
}

TEST(GossipCodecTest, TheLargestClaimFitsAPacketWithTheLargestBody) {
  GossipPacket packet;
  packet.from = NodeId(~std::uint64_t{0});
  packet.body = core::PingRequest{~std::uint32_t{0}, NodeId(~std::uint64_t{0}),
                                  std::string(core::kMaxMemberAddressBytes - 6, 'h') + ":65535"};
  packet.claims = {largest_claim()};
  EXPECT_EQ(core::encoded_bound(*packet.claims[0].info), core::kMaxMemberInfoBytes);
  const std::string bytes = encode_gossip(packet);
  EXPECT_LE(bytes.size(), core::kMaxGossipPlainBytes);
  const auto decoded = decode_gossip_packet(bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, packet);
}

TEST(GossipCodecTest, DigestsOfAViewArriveAndAreBounded) {
  core::MemberList list{NodeId(3), false, {0, 1, UINT64_MAX}, {}};
  const auto decoded = decode_reliable_gossip(encode_gossip(list));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(std::get<core::MemberList>(*decoded), list);
  EXPECT_LE(encode_gossip(list).size(), core::encoded_bound(list));
  list.digests.assign(core::kMaxMemberDigests + 1, 7);
  EXPECT_FALSE(decode_reliable_gossip(encode_gossip(list)));
}

TEST(GossipCodecTest, AListOfTheLargestClaimsFitsTheReliableCall) {
  core::MemberList list{NodeId(3), true,
                        std::vector<std::uint64_t>(core::kMaxMemberDigests, UINT64_MAX),
                        std::vector<MemberClaim>(core::kMaxMembers, largest_claim())};
  const std::string bytes = encode_gossip(list);
  EXPECT_LE(bytes.size(), kMaxReliableGossipBytes);
  EXPECT_TRUE(decode_reliable_gossip(bytes));
  list.members.push_back(test_claim(1));
  const auto one_more = decode_reliable_gossip(encode_gossip(list));
  ASSERT_FALSE(one_more);
  EXPECT_THAT(one_more.error().message, HasSubstr("more than 4096 claims"));
}

TEST(GossipCodecTest, WrongClaimsAreRefusedWithTheReason) {
  struct Case {
    const char* expected;
    std::function<void(v1::MemberClaim&)> spoil;
  };
  const Case cases[] = {
      {"state 0 is unknown", [](auto& c) { c.set_state(v1::MEMBER_STATE_UNSPECIFIED); }},
      {"state 77 is unknown", [](auto& c) { c.set_state(static_cast<v1::MemberState>(77)); }},
      {"must come with its info", [](auto& c) { c.clear_info(); }},
      {"name has 65 bytes", [](auto& c) { c.mutable_info()->set_name(std::string(65, 'n')); }},
      {"name must be UTF-8", [](auto& c) { c.mutable_info()->set_name("a\nb"); }},
      {"name must be UTF-8", [](auto& c) { c.mutable_info()->set_name("a\x1b[2J"); }},
      {"name must be UTF-8", [](auto& c) { c.mutable_info()->set_name("a\u0085"); }},
      {"name must be UTF-8", [](auto& c) { c.mutable_info()->set_name("a\u202eb"); }},
      {"peer_address is wrong", [](auto& c) { c.mutable_info()->set_peer_address(""); }},
      {"has no port", [](auto& c) { c.mutable_info()->set_peer_address("host"); }},
      {"its port is 0", [](auto& c) { c.mutable_info()->set_gossip_address("10.0.0.1:0"); }},
      {"not 0 to 65535", [](auto& c) { c.mutable_info()->set_gossip_address("h:65536"); }},
      {"neither a name nor", [](auto& c) { c.mutable_info()->set_gossip_address("a b:1"); }},
      {"neither a name nor", [](auto& c) { c.mutable_info()->set_gossip_address("::1:1"); }},
      {"control has 129 bytes",
       [](auto& c) { c.mutable_info()->set_control(std::string(129, 'c')); }},
      {"profile must be UTF-8", [](auto& c) { c.mutable_info()->set_profile("\x7f"); }},
      {"must ascend", [](auto& c) { c.mutable_info()->add_tags()->set_key("site"); }},
      {"must ascend", [](auto& c) { c.mutable_info()->add_tags()->set_key("a"); }},
      {"empty key", [](auto& c) { c.mutable_info()->mutable_tags(0)->set_key(""); }},
      {"key has 33 bytes",
       [](auto& c) { c.mutable_info()->mutable_tags(1)->set_key("s" + std::string(32, 'k')); }},
      {"value has 65 bytes",
       [](auto& c) { c.mutable_info()->mutable_tags(1)->set_value(std::string(65, 'v')); }},
      {"tags are 9, at most 8",
       [](auto& c) {
         for (char key = 't'; key <= 'z'; ++key) {
           c.mutable_info()->add_tags()->set_key(std::string(1, key));
         }
       }},
      {"bytes in all",
       [](auto& c) {
         c.mutable_info()->clear_tags();
         for (char key = 'a'; key < 'i'; ++key) {
           c.mutable_info()->add_tags()->set_key(std::string(32, key));
           c.mutable_info()->mutable_tags(key - 'a')->set_value(std::string(64, key));
         }
       }},
  };
  EXPECT_EQ(error_of(spoilt([](auto&) {})), "(accepted)");
  for (const Case& each : cases)
    EXPECT_THAT(error_of(spoilt(each.spoil)), HasSubstr(each.expected));
}

TEST(GossipCodecTest, NamesTheNodeThatAWrongClaimIsAbout) {
  EXPECT_THAT(error_of(spoilt([](auto& claim) { claim.clear_info(); })),
              HasSubstr("claim about node 5: "));
}

TEST(GossipCodecTest, APingRequestNeedsAnAddress) {
  GossipPacket packet;
  packet.body = core::PingRequest{1, NodeId(2), "nowhere"};
  EXPECT_THAT(error_of(encode_gossip(packet)), HasSubstr("target_address is wrong"));
}

TEST(GossipCodecTest, TooLongAPacketIsRefusedUnread) {
  EXPECT_THAT(error_of(std::string(core::kMaxGossipPlainBytes + 1, '\0')),
              HasSubstr("1337 bytes, at most 1336"));
}

TEST(GossipCodecTest, TextThatIsNotUtf8IsRefusedBeforeProtobufSeesIt) {
  std::string bytes = spoilt([](auto& claim) { claim.mutable_info()->set_name("abcdef"); });
  for (const char* bad : {"\x80"
                          "bcdef",
                          "abcde\xc3", "\xc0\x80zzzz", "\xed\xa0\x80zzz", "\xf4\x90\x80\x80zz",
                          "\xff"
                          "bcdef"}) {
    std::string with_bad = bytes;
    with_bad.replace(with_bad.find("abcdef"), 6, std::string(bad, 6));
    EXPECT_THAT(error_of(with_bad), HasSubstr("not UTF-8")) << bad;
  }
}

TEST(GossipCodecTest, ManyTinyFieldsAreRefusedBeforeMemoryIsTakenForThem) {
  // Two bytes each; as objects they would take some hundred megabytes.
  std::string claims;
  while (claims.size() + 2 < kMaxReliableGossipBytes - 64) claims += std::string("\x12\x00", 2);
  v1::GossipMessage message;
  message.mutable_list();
  std::string bytes = "\x32";
  for (std::size_t size = claims.size(); size > 0; size >>= 7) {
    bytes += static_cast<char>((size & 0x7f) | (size >> 7 > 0 ? 0x80 : 0));
  }
  bytes += claims;
  ASSERT_LE(bytes.size(), kMaxReliableGossipBytes);
  const auto list = decode_reliable_gossip(bytes);
  ASSERT_FALSE(list);
  EXPECT_THAT(list.error().message, HasSubstr("more than 4096 claims"));

  std::string tags;  // in one claim
  for (int i = 0; i < 300; ++i) tags += std::string("\x3a\x00", 2);
  const auto packet =
      spoilt([&](auto& claim) { ASSERT_TRUE(claim.mutable_info()->MergeFromString(tags)); });
  EXPECT_THAT(error_of(packet), HasSubstr("claim 1: more than 64 fields"));
}

TEST(GossipCodecTest, FieldsOfALaterVersionAreSkipped) {
  GossipPacket packet;
  packet.from = NodeId(3);
  packet.body = core::Ack{4};
  const std::string later = encode_gossip(packet) + std::string("\xa2\x06\x02hi\xa8\x06\x01", 8);
  const auto decoded = decode_gossip_packet(later);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, packet);
}

// Whatever is accepted keeps the rules, and comes back the same when it is encoded anew.
void expect_harmless(std::string_view bytes) {
  const auto packet = decode_gossip_packet(bytes);
  if (packet) {
    for (const MemberClaim& claim : packet->claims) {
      EXPECT_TRUE(!claim.info || validate(*claim.info));
    }
    EXPECT_EQ(decode_gossip_packet(encode_gossip(*packet)), *packet);
  }
  (void)decode_reliable_gossip(bytes);
}

TEST(GossipCodecTest, TruncatedFlippedAndRandomBytesDoNoHarm) {
  Rng rng(2);
  std::size_t refused = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string bytes = encode_gossip(random_packet(rng, NodeId(rng.next())));
    for (std::size_t size = 0; size < bytes.size(); size += 1 + rng.below(8)) {
      // A copy of its own, so that a sanitizer sees a read past its end.
      expect_harmless(std::string(bytes, 0, size));
    }
    for (int flips = 0; flips < 30; ++flips) {
      std::string flipped = bytes;
      const std::size_t at = rng.below(flipped.size());
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << rng.below(8)));
      expect_harmless(flipped);
      if (!decode_gossip_packet(flipped)) ++refused;
    }
    std::string noise(rng.below(200), '\0');
    for (char& c : noise) c = static_cast<char>(rng.next());
    expect_harmless(noise);
  }
  EXPECT_GT(refused, 1000u);
}

TEST(GossipCodecTest, ValidateNamesTheFieldForAnOperator) {
  EXPECT_TRUE(validate(test_info()));
  MemberInfo info = test_info();
  info.peer_address = "0.0.0.0";
  const Status status = validate(info);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.error().message, HasSubstr("peer_address is wrong: address \"0.0.0.0\""));
}

}  // namespace
}  // namespace skiptrain::wire
