// The streams to the neighbours over gRPC: one bidirectional `Peer.Exchange` per pair.
//
// The side with the lower NodeId dials and dials again, with a capped exponential back-off and
// jitter. Both sides say Hello; on a mismatch one says goodbye with a reason, which both report in
// links(). An update is encoded and summed once and sent to d neighbours from the same memory:
// gRPC's slices own a reference to the parameters. What arrives is checked by lib/wire on gRPC's
// threads and posted as core events: PeerConnected, then what the peer sends, then
// PeerDisconnected, in this order for each peer.
//
// link_to changes the neighbours while it runs: a link goes with its counters, and its stream's
// last event is PeerDisconnected. `Peer.Gossip` calls go to any node by its address, apart from
// the streams (gossip_exchange.h).
//
// A peer that sends anything malformed is told so and cut off; it can make this node hold no more
// than one update in assembly, one frame, and the HTTP/2 window.
//
// Threading: all methods may be called from any thread, except from the event sink; the sink is
// called on gRPC's threads, while a lock of that peer's link is held, and must only post. stop()
// blocks for at most two seconds. No TLS: peers are trusted, but not to be correct.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ports/gossip_call.h"
#include "ports/transport.h"
#include "transport/transport_config.h"

namespace skiptrain::transport {

class Switchboard;

class GrpcTransport : public ports::Transport, public ports::GossipCall {
 public:
  explicit GrpcTransport(TransportConfig config);
  ~GrpcTransport() override;  // stops

  // kUnavailable if the address is in use or not ours, kInvalidArgument if it is no "host:port".
  // Once per object; also after stop() it is not started again.
  Status start(EventSink sink) override;
  void stop() override;

  // The checksum (about 0.1 ms per MB) is taken on the caller's thread.
  void send(const std::vector<NodeId>& to, const PublishedUpdate& update) override;
  void send_edge(const core::EdgeMessage& message) override;
  void send_directives(const std::vector<NodeId>& to,
                       const std::vector<core::Directive>& directives) override;
  void link_to(const std::vector<ports::PeerAddress>& peers) override;
  void announce(const core::NodeState& state, bool to_neighbours) override;
  void fetch_state(NodeId from, Round at_least) override;
  void send_state(const core::SendState& answer) override;
  void refuse_state(std::uint64_t request, const std::string& reason) override;

  std::vector<ports::LinkReport> links() const override;
  std::string address() const override;

  // One that is still under way when the transport stops is answered with kUnavailable before
  // stop() returns.
  void call_gossip(const std::string& address, std::string envelope, Duration timeout,
                   Done done) override;
  void set_gossip_handler(Handler handler) override;

  // Where `peer` is reached from now on; its next dial goes there, at once if it has no stream.
  // kNotFound if it is no neighbour.
  Status set_peer_address(NodeId peer, std::string address);

 private:
  std::shared_ptr<Switchboard> switchboard_;
};

}  // namespace skiptrain::transport
