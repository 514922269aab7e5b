#include "discovery/gossip_sealer.h"

#include <utility>

#include "base/check.h"

namespace skiptrain::discovery {
namespace {

NodeId from_of(const wire::ReliableGossip& message) {
  return std::visit([](const auto& each) { return each.from; }, message);
}

Result<core::MemberClaim> decode_announcement(std::string_view plain) {
  auto packet = wire::decode_gossip_packet(plain);
  if (!packet) return tl::unexpected(packet.error());
  const bool bare = std::holds_alternative<std::monostate>(packet->body);
  if (!bare || packet->claims.size() != 1 || packet->claims[0].node != packet->from ||
      packet->claims[0].state != core::MemberState::kAlive) {
    return fail(ErrorCode::kCorrupt,
                "an announcement must be a single claim of its sender that it is alive");
  }
  return std::move(packet->claims[0]);
}

}  // namespace

GossipSealer::GossipSealer(const Identity& identity, std::shared_ptr<const Keyring> keyring)
    : identity_(identity),
      packets_(EnvelopeKind::kPacket, identity, keyring),
      calls_(EnvelopeKind::kCall, identity, keyring),
      announcements_(EnvelopeKind::kAnnouncement, identity, keyring) {}

Result<std::string> GossipSealer::seal(Channel& channel, const std::string& plain) {
  auto envelope = channel.sealer.seal(plain);
  if (envelope) {
    const std::lock_guard lock(mutex_);
    ++channel.counters.sealed;
  }
  return envelope;
}

void GossipSealer::count(Channel& channel, const Drop* drop) {
  const std::lock_guard lock(mutex_);
  if (drop == nullptr) {
    ++channel.counters.opened;
  } else {
    ++channel.counters.dropped[static_cast<std::size_t>(drop->reason)];
  }
}

template <typename T, typename Decode, typename FromOf>
tl::expected<T, Drop> GossipSealer::open(Channel& channel, std::string_view envelope, Decode decode,
                                         FromOf from) {
  const auto refuse = [&](Drop drop) {
    count(channel, &drop);
    return tl::unexpected<Drop>(std::move(drop));
  };
  auto opened = channel.opener.open(envelope);
  if (!opened) return refuse(std::move(opened.error()));
  Result<T> message = decode(opened->plain);
  const std::string who = "node " + skiptrain::to_string(opened->sender);
  if (!message) return refuse({DropReason::kMalformed, who + ": " + message.error().message});
  if (from(*message) != opened->sender) {
    return refuse({DropReason::kMalformed,
                   who + " sealed a message of node " + skiptrain::to_string(from(*message))});
  }
  count(channel, nullptr);
  return std::move(*message);
}

Result<std::string> GossipSealer::seal_packet(const core::GossipPacket& packet) {
  SKIPTRAIN_CHECK(packet.from == identity_.node, "a node seals its own packets");
  return seal(packets_, wire::encode_gossip(packet));
}

tl::expected<core::GossipPacket, Drop> GossipSealer::open_packet(std::string_view envelope) {
  return open<core::GossipPacket>(packets_, envelope, wire::decode_gossip_packet,
                                  [](const core::GossipPacket& packet) { return packet.from; });
}

Result<std::string> GossipSealer::seal_call(const wire::ReliableGossip& message) {
  SKIPTRAIN_CHECK(from_of(message) == identity_.node, "a node seals its own messages");
  return seal(calls_, wire::encode_reliable_gossip(message));
}

tl::expected<wire::ReliableGossip, Drop> GossipSealer::open_call(std::string_view envelope) {
  return open<wire::ReliableGossip>(calls_, envelope, wire::decode_reliable_gossip, from_of);
}

Result<std::string> GossipSealer::seal_announcement(const core::MemberClaim& self) {
  SKIPTRAIN_CHECK(self.node == identity_.node, "a node announces itself");
  core::GossipPacket packet;
  packet.from = self.node;
  packet.claims = {self};
  return seal(announcements_, wire::encode_gossip(packet));
}

tl::expected<core::MemberClaim, Drop> GossipSealer::open_announcement(std::string_view envelope) {
  return open<core::MemberClaim>(announcements_, envelope, decode_announcement,
                                 [](const core::MemberClaim& claim) { return claim.node; });
}

void GossipSealer::raise_floor(NodeId sender, Incarnation incarnation) {
  for (Channel* channel : {&packets_, &calls_, &announcements_}) {
    channel->opener.raise_floor(sender, incarnation);
  }
}

void GossipSealer::restart_as(Incarnation incarnation) {
  for (Channel* channel : {&packets_, &calls_, &announcements_}) {
    channel->sealer.restart_as(incarnation);
  }
}

SealCounters GossipSealer::counters(EnvelopeKind kind) const {
  const std::lock_guard lock(mutex_);
  switch (kind) {
    case EnvelopeKind::kPacket:
      return packets_.counters;
    case EnvelopeKind::kCall:
      return calls_.counters;
    case EnvelopeKind::kAnnouncement:
      return announcements_.counters;
  }
  return {};
}

}  // namespace skiptrain::discovery
