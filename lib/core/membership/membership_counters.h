// What a membership counts, for its operator. Bytes are of plain packets and lists, by
// encoded_bound: an upper bound of what is sealed and sent.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/membership/messages.h"

namespace skiptrain::core {

struct PacketCounts {
  std::uint64_t pings = 0;
  std::uint64_t ping_requests = 0;
  std::uint64_t acks = 0;
  std::uint64_t nacks = 0;
  std::uint64_t gossip = 0;  // nothing but claims
  std::uint64_t bytes = 0;

  void add(const GossipPacket& packet, std::size_t packet_bytes);
  std::uint64_t packets() const { return pings + ping_requests + acks + nacks + gossip; }
};

struct MembershipCounters {
  PacketCounts sent;
  PacketCounts received;
  std::uint64_t lists_sent = 0;  // calls and answers
  std::uint64_t lists_received = 0;
  std::uint64_t list_bytes_sent = 0;
  std::uint64_t list_bytes_received = 0;

  std::uint64_t claims_taken = 0;    // told something new
  std::uint64_t claims_stale = 0;    // known already, or overtaken
  std::uint64_t claims_dropped = 0;  // malformed, of an impostor, or no room for the member
  std::uint64_t packets_for_others = 0;
  std::uint64_t relays_refused = 0;

  std::uint64_t probes = 0;
  std::uint64_t probes_failed = 0;
  std::uint64_t probes_reliable_only = 0;  // UDP got no answer, the reliable call did
  std::uint64_t probes_given_up = 0;       // this process did not run meanwhile
  std::uint64_t late_acks = 0;
  std::uint64_t suspicions = 0;  // raised by this node's own probes
  std::uint64_t failures = 0;    // suspicions that ran out here
  std::uint64_t refutations = 0;
  std::uint64_t stalls = 0;
  std::uint64_t conflicts = 0;
};

struct MemberCounts {
  std::size_t alive = 0;
  std::size_t suspect = 0;
  std::size_t failed = 0;
  std::size_t left = 0;
  std::size_t udp_blocked = 0;  // of the alive and suspect
};

}  // namespace skiptrain::core
