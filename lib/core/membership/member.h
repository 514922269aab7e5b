// What nodes say of each other: who is in the cluster, in which state, and as whom it presents
// itself. Plain values; the rules are in membership.h.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace skiptrain::core {

enum class MemberState : std::uint8_t {
  kAlive,
  kSuspect,  // did not answer; counts as a member until its time to refute is over
  kFailed,
  kLeft,  // went on purpose, or was removed by an operator
};

// Orders what is said of one member. Only the member itself makes a new version: by a restart, by
// refuting that it is suspect, failed or removed, and by changing what it says of itself.
struct MemberVersion {
  Incarnation incarnation;       // of the daemon's start
  std::uint32_t refutation = 0;  // within that incarnation
  auto operator<=>(const MemberVersion&) const = default;
};

// What a member says of itself. Limits: kMax... below, checked by lib/wire on receipt.
struct MemberInfo {
  std::string name;            // for people
  std::string peer_address;    // HOST:PORT of its gRPC streams
  std::string gossip_address;  // IP:PORT of its UDP socket
  std::string control;         // where skipctl reaches it; "" if it does not say
  std::string profile;         // energy profile
  std::uint64_t data_samples = 0;
  std::vector<std::pair<std::string, std::string>> tags;  // ascending by unique key
  bool operator==(const MemberInfo&) const = default;
};

inline constexpr std::size_t kMaxMemberNameBytes = 64;
inline constexpr std::size_t kMaxMemberAddressBytes = 128;
inline constexpr std::size_t kMaxMemberTags = 8;
inline constexpr std::size_t kMaxTagKeyBytes = 32;
inline constexpr std::size_t kMaxTagValueBytes = 64;
// Encoded, so that a claim with its info always fits a packet.
inline constexpr std::size_t kMaxMemberInfoBytes = 768;

// One statement about one member.
struct MemberClaim {
  NodeId node;
  MemberState state = MemberState::kAlive;
  MemberVersion version;
  NodeId by;                       // who found it out; the node itself when it is alive
  std::optional<MemberInfo> info;  // always with kAlive
  bool operator==(const MemberClaim&) const = default;
};

constexpr const char* to_string(MemberState state) {
  switch (state) {
    case MemberState::kAlive:
      return "alive";
    case MemberState::kSuspect:
      return "suspect";
    case MemberState::kFailed:
      return "failed";
    case MemberState::kLeft:
      return "left";
  }
  return "unknown";
}

}  // namespace skiptrain::core
