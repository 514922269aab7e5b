// Membership messages to bytes and back: protobuf's gossip.proto. What the bytes are sealed in is
// lib/discovery's.
//
// Encoding cannot fail: the core keeps to the limits of member.h, and an operator's settings are
// checked by validate() at start. Decoding checks everything that a peer may have sent; what is
// wrong is an Error of kCorrupt that names the field. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "core/membership/messages.h"

namespace skiptrain::wire {

// A whole list with all its info, and room for the rest. gRPC's default limit is 4 MiB.
inline constexpr std::size_t kMaxReliableGossipBytes = (std::size_t{4} << 20) - (64u << 10);

// What goes over the reliable call, both ways. A list is answered with a list, a ping with a packet
// that has an Ack.
using ReliableGossip = std::variant<core::MemberList, core::ReliablePing, core::GossipPacket>;

std::string encode_gossip(const core::GossipPacket& packet);
std::string encode_gossip(const core::MemberList& list);
std::string encode_gossip(const core::ReliablePing& ping);
std::string encode_reliable_gossip(const ReliableGossip& message);

// A datagram's content, at most core::kMaxGossipPlainBytes. Lists and reliable pings are refused.
Result<core::GossipPacket> decode_gossip_packet(std::string_view bytes);

// At most kMaxReliableGossipBytes. Packets with another body than an Ack are refused.
Result<ReliableGossip> decode_reliable_gossip(std::string_view bytes);

// Whether a node may present itself so: kInvalidArgument with the field that is wrong. The name may
// be empty, the two addresses may not; their ports are not 0.
Status validate(const core::MemberInfo& info);

}  // namespace skiptrain::wire
