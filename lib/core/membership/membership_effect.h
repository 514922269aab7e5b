// What a node's membership wants done: the only way out.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "core/effect.h"
#include "core/membership/member.h"
#include "core/membership/messages.h"

namespace skiptrain::core {

// A datagram to IP:PORT. It may be lost.
struct SendPacket {
  std::string address;
  GossipPacket packet;
};

// Call the node whose gRPC port is HOST:PORT; answer with MemberListAnswered or CallFailed.
struct CallMemberList {
  std::uint64_t call = 0;
  std::string peer_address;
  MemberList list;
};
// Answer with ReliablePingAnswered or CallFailed. Worth waiting for no longer than `timeout`.
struct CallReliablePing {
  std::uint64_t call = 0;
  std::string peer_address;
  ReliablePing ping;
  Duration timeout{};
};

// Answer MemberListRequested and ReliablePingRequested.
struct AnswerMemberList {
  std::uint64_t call = 0;
  MemberList list;
};
struct AnswerReliablePing {
  std::uint64_t call = 0;
};
struct RefuseCall {
  std::uint64_t call = 0;
  std::string reason;
};

enum class MemberChange : std::uint8_t {
  kJoined,     // new, or back after it had left, or as a new start of a failed one
  kSuspected,  // still counts
  kFailed,
  kRecovered,  // suspect or failed, and says that it lives
  kLeft,
  kUpdated,  // says something else of itself, or started again
};
const char* to_string(MemberChange change);
// The table holds the news already.
struct MemberChanged {
  NodeId node;
  MemberChange change = MemberChange::kJoined;
};

// Two nodes go by one id. Told once for each pair of addresses, by everybody who notices.
struct ConflictFound {
  NodeId node;
  std::string address;        // of the one that is believed, peer_address
  std::string other_address;  // of the other one
};
// A newer start of this very node lives at `address`: it counts, this one does not any more. The
// daemon should stop, and touch neither models nor budgets of the other.
struct Superseded {
  Incarnation incarnation;
  std::string address;
};
// The cluster remembers a later start of this node, at this same address, than this one: its count
// of starts was set back, by a restored disk, say. It goes on as `incarnation`, to be stored.
struct IncarnationRaised {
  Incarnation incarnation;
};

// Somebody let this node in; or there is nobody to ask, and it is the first.
struct ClusterJoined {
  std::string through;  // peer address; "" if there was nobody to ask
};
// No seed answered in the allowed number of attempts. Nothing more is tried until SeedsResolved.
struct JoinFailed {
  std::string reason;
};
// This node is known to have left, or the time for that is over. It says nothing more.
struct LeaveFinished {};

using MembershipEffect =
    std::variant<SendPacket, CallMemberList, CallReliablePing, AnswerMemberList, AnswerReliablePing,
                 RefuseCall, MemberChanged, ConflictFound, Superseded, IncarnationRaised,
                 ClusterJoined, JoinFailed, LeaveFinished, Warn>;
using MembershipEffects = std::vector<MembershipEffect>;

}  // namespace skiptrain::core
