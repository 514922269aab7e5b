// What the members of a cluster send each other to know who is there: SWIM's messages in packets
// over UDP, and whole member lists over a reliable call. Plain values; encoding is lib/wire's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "core/membership/member.h"

namespace skiptrain::core {

// Of a packet on the wire, sealed: below the smallest MTU in use, so that none is fragmented.
inline constexpr std::size_t kMaxGossipPacketBytes = 1400;
// Of what is sealed in it: less than that by the envelope's overhead.
inline constexpr std::size_t kMaxGossipPlainBytes = 1336;
inline constexpr std::size_t kMaxMembers = 4096;

// Are you alive? Answered with Ack to the address that it came from. `target`: whom the sender
// means; another node that got its address drops it.
struct Ping {
  std::uint32_t sequence = 0;
  NodeId target;
  bool operator==(const Ping&) const = default;
};
// Please ping `target` for me: answered with Ack if it answered, with Nack if it did not in time.
struct PingRequest {
  std::uint32_t sequence = 0;
  NodeId target;
  std::string target_address;
  bool operator==(const PingRequest&) const = default;
};
struct Ack {
  std::uint32_t sequence = 0;  // of the Ping or PingRequest it answers
  bool operator==(const Ack&) const = default;
};
struct Nack {
  std::uint32_t sequence = 0;
  bool operator==(const Nack&) const = default;
};

// One datagram. Claims ride on any of them.
struct GossipPacket {
  NodeId from;
  std::variant<std::monostate, Ping, PingRequest, Ack, Nack> body;
  std::vector<MemberClaim> claims;
  bool operator==(const GossipPacket&) const = default;
};

// The call by which two nodes make their views one, and by which a node joins. In each case the
// receiver takes the claims in, then answers:
//   join          `members` is the sender's whole view; the answer holds the receiver's
//   digests       hashes of the sender's view; the answer holds what the receiver knows where they
//                 differ, and its own hashes, so that the sender can tell what it knows better and
//                 call again with that. Where all is the same the answer has no digests
//   neither       `members` is what the receiver lacks; the answer holds what it knows better
// So two nodes of one view exchange some hundred bytes however many members there are.
struct MemberList {
  NodeId from;
  bool join = false;
  // Hash i is of the members that digest_bucket() puts into bucket i: see view_digest.h. At most
  // kMaxMemberDigests.
  std::vector<std::uint64_t> digests;
  std::vector<MemberClaim> members;
  bool operator==(const MemberList&) const = default;
};
inline constexpr std::size_t kMaxMemberDigests = 256;

// Ping over the reliable call, for networks in which UDP does not get through.
struct ReliablePing {
  NodeId from;
  NodeId target;
  bool operator==(const ReliablePing&) const = default;
};

// Upper bounds of the encoded size; lib/wire's tests hold it to them.
std::size_t encoded_bound(const MemberInfo& info);
std::size_t encoded_bound(const MemberClaim& claim);
// Of a packet without its claims.
std::size_t encoded_bound(const GossipPacket& packet_without_claims);
std::size_t encoded_bound(const MemberList& list);

}  // namespace skiptrain::core
