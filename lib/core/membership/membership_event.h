// What happens to a node's membership: the only way in. Events are values, posted in the order in
// which things happened.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "core/event.h"
#include "core/membership/member.h"
#include "core/membership/messages.h"

namespace skiptrain::core {

// A datagram came, opened and decoded. `address`: IP:PORT that it came from.
struct PacketReceived {
  std::string address;
  GossipPacket packet;
};

// A node calls this one. `call` names the call, for the effect that answers it.
struct MemberListRequested {
  std::uint64_t call = 0;
  MemberList list;
};
struct ReliablePingRequested {
  std::uint64_t call = 0;
  ReliablePing ping;
};
// A call that `node` sealed before its newest start. It is a recording, or two devices go by this
// id; what it asked is not looked at. It is answered with a list as well.
struct EarlierStartCalled {
  std::uint64_t call = 0;
  NodeId node;
};

// How a call ended that an effect asked for; `call` is that effect's. One of them per call.
struct MemberListAnswered {
  std::uint64_t call = 0;
  MemberList list;
};
struct ReliablePingAnswered {
  std::uint64_t call = 0;
};
struct CallFailed {
  std::uint64_t call = 0;
  std::string reason;
};

// HOST:PORT of the gRPC ports of nodes to join through, resolved anew: replaces those known so far.
// This node's own may be among them.
struct SeedsResolved {
  std::vector<std::string> addresses;
};

// What this node says of itself changed: tags, the amount of data, an address.
struct OwnInfoChanged {
  MemberInfo info;
};
// An operator says that `node` will not come back. It counts as left everywhere, at once; if it
// lives after all, it says so.
struct ForceLeaveRequested {
  NodeId node;
};

// Tick: time has come to next_deadline(); harmless at any other time. LeaveRequested: this node
// goes on purpose, and says so; the effect LeaveFinished ends that.
using MembershipEvent =
    std::variant<PacketReceived, MemberListRequested, ReliablePingRequested, EarlierStartCalled,
                 MemberListAnswered, ReliablePingAnswered, CallFailed, SeedsResolved,
                 OwnInfoChanged, ForceLeaveRequested, LeaveRequested, Tick>;

}  // namespace skiptrain::core
