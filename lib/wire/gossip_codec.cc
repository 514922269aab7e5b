#include "wire/gossip_codec.h"

#include <array>
#include <utility>

#include "skiptrain/v1/gossip.pb.h"
#include "wire/address.h"
#include "wire/gossip_scan.h"
#include "wire/utf8.h"

namespace skiptrain::wire {
namespace {

using core::MemberClaim;
using core::MemberInfo;
using core::MemberState;

static_assert(core::kMaxMembers * (core::kMaxMemberInfoBytes + 64) < kMaxReliableGossipBytes,
              "a list of all members, each with all its info, can be sent");

constexpr std::array<std::pair<MemberState, v1::MemberState>, 4> kStates = {{
    {MemberState::kAlive, v1::MEMBER_STATE_ALIVE},
    {MemberState::kSuspect, v1::MEMBER_STATE_SUSPECT},
    {MemberState::kFailed, v1::MEMBER_STATE_FAILED},
    {MemberState::kLeft, v1::MEMBER_STATE_LEFT},
}};

void to_proto(const MemberInfo& info, v1::MemberInfo& out) {
  out.set_name(info.name);
  out.set_peer_address(info.peer_address);
  out.set_gossip_address(info.gossip_address);
  out.set_control(info.control);
  out.set_profile(info.profile);
  out.set_data_samples(info.data_samples);
  for (const auto& [key, value] : info.tags) {
    v1::Tag& tag = *out.add_tags();
    tag.set_key(key);
    tag.set_value(value);
  }
}

void to_proto(const MemberClaim& claim, v1::MemberClaim& out) {
  out.set_node(claim.node.value());
  for (const auto& [ours, theirs] : kStates) {
    if (ours == claim.state) out.set_state(theirs);
  }
  out.set_incarnation(claim.version.incarnation.value());
  out.set_refutation(claim.version.refutation);
  out.set_by(claim.by.value());
  if (claim.info) to_proto(*claim.info, *out.mutable_info());
}

void set_body(const std::monostate&, v1::GossipMessage&) {}
void set_body(const core::Ping& ping, v1::GossipMessage& out) {
  out.mutable_ping()->set_sequence(ping.sequence);
  out.mutable_ping()->set_target(ping.target.value());
}
void set_body(const core::PingRequest& request, v1::GossipMessage& out) {
  out.mutable_ping_request()->set_sequence(request.sequence);
  out.mutable_ping_request()->set_target(request.target.value());
  out.mutable_ping_request()->set_target_address(request.target_address);
}
void set_body(const core::Ack& ack, v1::GossipMessage& out) {
  out.mutable_ack()->set_sequence(ack.sequence);
}
void set_body(const core::Nack& nack, v1::GossipMessage& out) {
  out.mutable_nack()->set_sequence(nack.sequence);
}

Status refuse(const char* field, const std::string& why) {
  return fail(ErrorCode::kInvalidArgument, std::string(field) + " " + why);
}

Status check_text(const char* field, const std::string& text, std::size_t limit) {
  if (text.size() > limit) {
    return refuse(field, "has " + std::to_string(text.size()) + " bytes, at most " +
                             std::to_string(limit) + " are allowed");
  }
  if (!is_plain_text(text)) {
    return refuse(field, "must be UTF-8 without control characters");
  }
  return {};
}

Status check_address(const char* field, const std::string& text) {
  if (Status ok = check_text(field, text, core::kMaxMemberAddressBytes); !ok) return ok;
  const auto address = parse_host_port(text);
  if (!address) return refuse(field, "is wrong: " + address.error().message);
  if (address->port == 0) return refuse(field, "is wrong: its port is 0; must be 1 to 65535");
  return {};
}

Status check_tags(const MemberInfo& info) {
  if (info.tags.size() > core::kMaxMemberTags) {
    return refuse("tags", "are " + std::to_string(info.tags.size()) + ", at most " +
                              std::to_string(core::kMaxMemberTags) + " are allowed");
  }
  const std::string* before = nullptr;
  for (const auto& [key, value] : info.tags) {
    if (key.empty()) return refuse("tags", "have an empty key");
    if (Status ok = check_text("a tag's key", key, core::kMaxTagKeyBytes); !ok) return ok;
    if (Status ok = check_text("a tag's value", value, core::kMaxTagValueBytes); !ok) return ok;
    if (before && *before >= key) return refuse("tags", "must ascend by unique keys");
    before = &key;
  }
  return {};
}

Result<MemberInfo> from_proto(const v1::MemberInfo& info) {
  MemberInfo result;
  result.name = info.name();
  result.peer_address = info.peer_address();
  result.gossip_address = info.gossip_address();
  result.control = info.control();
  result.profile = info.profile();
  result.data_samples = info.data_samples();
  for (const v1::Tag& tag : info.tags()) result.tags.emplace_back(tag.key(), tag.value());
  if (const Status ok = validate(result); !ok) return tl::unexpected(ok.error());
  return result;
}

Result<MemberClaim> from_proto(const v1::MemberClaim& claim) {
  MemberClaim result;
  result.node = NodeId(claim.node());
  result.version = {Incarnation(claim.incarnation()), claim.refutation()};
  result.by = NodeId(claim.by());
  bool known = false;
  for (const auto& [ours, theirs] : kStates) {
    if (theirs != claim.state()) continue;
    result.state = ours;
    known = true;
  }
  if (!known) {
    return fail(ErrorCode::kCorrupt, "state " + std::to_string(static_cast<int>(claim.state())) +
                                         " is unknown, expected 1 to 4");
  }
  if (claim.has_info()) {
    auto info = from_proto(claim.info());
    if (!info) return tl::unexpected(info.error());
    result.info = std::move(*info);
  } else if (result.state == MemberState::kAlive) {
    return fail(ErrorCode::kCorrupt, "a member that is alive must come with its info");
  }
  return result;
}

template <typename Claims>
Result<std::vector<MemberClaim>> claims_from_proto(const Claims& claims) {
  std::vector<MemberClaim> result;
  result.reserve(static_cast<std::size_t>(claims.size()));
  for (const v1::MemberClaim& claim : claims) {
    auto one = from_proto(claim);
    if (!one) {
      return fail(ErrorCode::kCorrupt, "gossip: claim about node " + std::to_string(claim.node()) +
                                           ": " + one.error().message);
    }
    result.push_back(std::move(*one));
  }
  return result;
}

Result<v1::GossipMessage> parse(std::string_view bytes, std::size_t limit) {
  if (bytes.size() > limit) {
    return fail(ErrorCode::kCorrupt, "gossip: a message of " + std::to_string(bytes.size()) +
                                         " bytes, at most " + std::to_string(limit) +
                                         " are allowed");
  }
  if (const Status ok = scan_gossip(bytes); !ok) return tl::unexpected(ok.error());
  v1::GossipMessage message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(ErrorCode::kCorrupt, "gossip: the bytes are no GossipMessage");
  }
  return message;
}

Result<core::GossipPacket> packet_from_proto(const v1::GossipMessage& message) {
  core::GossipPacket packet;
  packet.from = NodeId(message.from());
  switch (message.body_case()) {
    case v1::GossipMessage::kPing:
      packet.body = core::Ping{message.ping().sequence(), NodeId(message.ping().target())};
      break;
    case v1::GossipMessage::kPingRequest: {
      const v1::PingRequest& request = message.ping_request();
      const Status ok = check_address("target_address", request.target_address());
      if (!ok) return fail(ErrorCode::kCorrupt, "gossip: ping request: " + ok.error().message);
      packet.body =
          core::PingRequest{request.sequence(), NodeId(request.target()), request.target_address()};
      break;
    }
    case v1::GossipMessage::kAck:
      packet.body = core::Ack{message.ack().sequence()};
      break;
    case v1::GossipMessage::kNack:
      packet.body = core::Nack{message.nack().sequence()};
      break;
    case v1::GossipMessage::BODY_NOT_SET:
      break;
    case v1::GossipMessage::kList:
    case v1::GossipMessage::kReliablePing:
      return fail(ErrorCode::kCorrupt,
                  "gossip: a list or reliable ping in a packet; they go over the reliable call");
  }
  auto claims = claims_from_proto(message.claims());
  if (!claims) return tl::unexpected(claims.error());
  packet.claims = std::move(*claims);
  return packet;
}

}  // namespace

Status validate(const MemberInfo& info) {
  if (Status ok = check_text("name", info.name, core::kMaxMemberNameBytes); !ok) return ok;
  if (Status ok = check_address("peer_address", info.peer_address); !ok) return ok;
  if (Status ok = check_address("gossip_address", info.gossip_address); !ok) return ok;
  if (Status ok = check_text("control", info.control, core::kMaxMemberAddressBytes); !ok) return ok;
  if (Status ok = check_text("profile", info.profile, core::kMaxMemberNameBytes); !ok) return ok;
  if (Status ok = check_tags(info); !ok) return ok;
  const std::size_t bytes = core::encoded_bound(info);
  if (bytes > core::kMaxMemberInfoBytes) {
    return refuse("info", "takes " + std::to_string(bytes) + " bytes in all, at most " +
                              std::to_string(core::kMaxMemberInfoBytes) +
                              " are allowed: shorten names, addresses or tags");
  }
  return {};
}

std::string encode_gossip(const core::GossipPacket& packet) {
  v1::GossipMessage message;
  message.set_from(packet.from.value());
  std::visit([&](const auto& body) { set_body(body, message); }, packet.body);
  for (const MemberClaim& claim : packet.claims) to_proto(claim, *message.add_claims());
  return message.SerializeAsString();
}

std::string encode_gossip(const core::MemberList& list) {
  v1::GossipMessage message;
  message.set_from(list.from.value());
  message.mutable_list()->set_join(list.join);
  message.mutable_list()->mutable_digests()->Add(list.digests.begin(), list.digests.end());
  for (const MemberClaim& claim : list.members) {
    to_proto(claim, *message.mutable_list()->add_members());
  }
  return message.SerializeAsString();
}

std::string encode_gossip(const core::ReliablePing& ping) {
  v1::GossipMessage message;
  message.set_from(ping.from.value());
  message.mutable_reliable_ping()->set_target(ping.target.value());
  return message.SerializeAsString();
}

std::string encode_reliable_gossip(const ReliableGossip& message) {
  return std::visit([](const auto& each) { return encode_gossip(each); }, message);
}

Result<core::GossipPacket> decode_gossip_packet(std::string_view bytes) {
  const auto message = parse(bytes, core::kMaxGossipPlainBytes);
  if (!message) return tl::unexpected(message.error());
  return packet_from_proto(*message);
}

Result<ReliableGossip> decode_reliable_gossip(std::string_view bytes) {
  const auto message = parse(bytes, kMaxReliableGossipBytes);
  if (!message) return tl::unexpected(message.error());
  if (message->has_ack()) {
    auto packet = packet_from_proto(*message);
    if (!packet) return tl::unexpected(packet.error());
    return ReliableGossip(std::move(*packet));
  }
  if (!message->has_list() && !message->has_reliable_ping()) {
    return fail(ErrorCode::kCorrupt,
                "gossip: a reliable call must carry a list, a reliable ping or an ack");
  }
  if (message->claims_size() > 0) {
    return fail(ErrorCode::kCorrupt, "gossip: claims beside a list or reliable ping");
  }
  const NodeId from(message->from());
  if (message->has_reliable_ping()) {
    return ReliableGossip(core::ReliablePing{from, NodeId(message->reliable_ping().target())});
  }
  auto members = claims_from_proto(message->list().members());
  if (!members) return tl::unexpected(members.error());
  const auto& digests = message->list().digests();
  if (static_cast<std::size_t>(digests.size()) > core::kMaxMemberDigests) {
    return fail(
        ErrorCode::kCorrupt,
        "gossip: more than " + std::to_string(core::kMaxMemberDigests) + " digests in one list");
  }
  return ReliableGossip(core::MemberList{
      from, message->list().join(), {digests.begin(), digests.end()}, std::move(*members)});
}

}  // namespace skiptrain::wire
