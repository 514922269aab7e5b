// The port to the other members of the cluster: datagrams and reliable calls that carry membership
// messages, sealed on the way.
//
// Thread-safe. Calls return at once; what happens is reported as membership events through the
// sink, which is called on the port's own threads and must only post.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "core/membership/membership_effect.h"
#include "core/membership/membership_event.h"

namespace skiptrain::ports {

// What an operator may look at.
struct GossipReport {
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  Bytes bytes_in = 0;
  Bytes bytes_out = 0;
  // Packets and calls that were dropped, by reason: "forged", "replayed", ...; only those that
  // happened.
  std::vector<std::pair<std::string, std::uint64_t>> dropped;
  std::string last_drop;
  std::uint64_t send_errors = 0;
  std::string last_send_error;
};

class Gossip {
 public:
  using Sink = std::function<void(core::MembershipEvent)>;

  virtual ~Gossip() = default;

  // Binds, begins to receive, and looks the seeds up: SeedsResolved follows. kUnavailable with the
  // address if it is taken.
  virtual Status start(Sink sink) = 0;
  // No event is posted after it returns.
  virtual void stop() = 0;
  // Where the socket is bound, IP:PORT.
  virtual std::string address() const = 0;

  virtual void send(core::SendPacket packet) = 0;
  // Each is answered by one of MemberListAnswered, ReliablePingAnswered and CallFailed.
  virtual void call(core::CallMemberList call) = 0;
  virtual void call(const core::CallReliablePing& call) = 0;
  // Of MemberListRequested, EarlierStartCalled and ReliablePingRequested. Those that are gone are
  // ignored.
  virtual void answer(core::AnswerMemberList answer) = 0;
  virtual void answer(const core::AnswerReliablePing& answer) = 0;
  virtual void refuse(const core::RefuseCall& refusal) = 0;

  // A member is known to have started as this: what was recorded before is not let in any more.
  virtual void member_started(NodeId member, Incarnation incarnation) = 0;
  // This node is this incarnation from now on, a larger one: others have seen such a start of it.
  virtual void restart_as(Incarnation incarnation) = 0;
  // SeedsResolved comes again, with what the names say now.
  virtual void resolve_seeds() = 0;
  // What this node says of itself, for those who look for the cluster by multicast; nothing happens
  // without it. kUnavailable if the group cannot be joined.
  virtual Status announce_self(core::MemberClaim self) = 0;

  virtual GossipReport report() const = 0;
};

}  // namespace skiptrain::ports
