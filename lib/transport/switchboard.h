// The inside of GrpcTransport: all links, the server, and what happens on their streams.
//
// Held by shared_ptr from the transport and from each live stream, so that a callback never finds
// it gone. So are links: by the map of those that there are, and by their streams, which keep a
// removed one until they end.
//
// Lock order: `link_to_mutex_`, then Link::mutex of one link, then a stream's own. `links_mutex_`
// is held to look up or change the map alone. It, `live_mutex_` and `state_mutex_` are never held
// while another lock of this room is taken.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include "model/parameters.h"
#include "transport/event_gate.h"
#include "transport/exchange_stream.h"
#include "transport/gossip_exchange.h"
#include "transport/link.h"
#include "transport/state_exchange.h"
#include "transport/timers.h"
#include "transport/transport_config.h"

namespace skiptrain::transport {

class Switchboard : public StreamListener,
                    public StateHost,
                    public std::enable_shared_from_this<Switchboard> {
 public:
  explicit Switchboard(TransportConfig config);
  ~Switchboard() override;

  Status start(ports::Transport::EventSink sink);
  void stop();
  void send(const std::vector<NodeId>& to, const PublishedUpdate& update);
  void announce(const core::NodeState& state, bool to_neighbours);
  std::vector<ports::LinkReport> links() const;
  std::string address() const;
  Status set_peer_address(NodeId peer, std::string address);
  void send_edge(const core::EdgeMessage& message);
  void send_directives(const std::vector<NodeId>& to,
                       const std::vector<core::Directive>& directives);
  void link_to(const std::vector<ports::PeerAddress>& peers);
  StateExchange& states() { return states_; }
  GossipExchange& gossip() { return gossip_; }
  // Frees what has a channel and is done with it; see retired.h. Never on a thread of gRPC's.
  void free_retired();

  // StreamListener
  void on_hello(const StreamPtr& stream, const wire::Hello& hello) override;
  void on_update(const StreamPtr& stream, ModelUpdate update) override;
  void on_state(const StreamPtr& stream, const core::NodeState& state) override;
  void on_edge(const StreamPtr& stream, core::EdgeMessage message) override;
  void on_directives(const StreamPtr& stream, std::vector<core::Directive> directives) override;
  void on_goodbye(const StreamPtr& stream, const wire::Goodbye& goodbye) override;
  void on_bad_frame(const StreamPtr& stream, const std::string& reason) override;
  void on_closed(const StreamPtr& stream, const std::string& why) override;
  void on_gone(StreamPtr stream) override;

  // StateHost
  wire::Hello our_hello() const override;
  std::optional<std::string> peer_address(NodeId peer) const override;
  std::string peer_label(NodeId peer) const override;
  bool enter(const void* call) override;
  void leave(const void* call, Retired retired) override;
  const TransportConfig& config() const override { return config_; }
  ParametersPool& pool() override { return pool_; }
  Timers& timers() override { return timers_; }
  EventGate& gate() override { return gate_; }

 private:
  class Service;

  // Idle buffers that the pool keeps per neighbour: one update of this round, one of the next, and
  // its public copy, where those are kept and are no longer one of these.
  static constexpr std::size_t kBuffersPerPeer = 3;
  static constexpr std::size_t kBuffersInAll = 1;

  Status listen();
  grpc::ServerGenericBidiReactor* accept(grpc::GenericCallbackServerContext* context);
  grpc::ServerGenericBidiReactor* accept_exchange(grpc::GenericCallbackServerContext* context);
  void dial(const LinkPtr& link);
  // The two below require link.mutex.
  void schedule_dial(const LinkPtr& link, Duration delay);
  void schedule_redial(const LinkPtr& link);
  void unlink(const LinkPtr& link);
  void readdress(const LinkPtr& link, const ports::PeerAddress& peer);

  // nullopt: `hello` may be answered. Else the goodbye for it.
  std::optional<wire::Goodbye> check_peer(const ExchangeStream& stream,
                                          const wire::Hello& hello) const;
  void admit(const LinkPtr& link, const StreamPtr& stream, const wire::Hello& hello);
  void refuse(const LinkPtr& link, const StreamPtr& stream, const wire::Goodbye& goodbye);
  // Requires link.mutex. The current stream is no longer current, and the core is told.
  void disconnect(Link& link, ports::LinkState state, std::string error);

  void abort_without_hello(const StreamPtr& stream);
  void close_in_time(const StreamPtr& stream, const std::optional<wire::Goodbye>& goodbye,
                     ExchangeStream::Rest rest = ExchangeStream::Rest::kDrop);
  // Null: no neighbour.
  LinkPtr find_link(NodeId peer) const;
  std::vector<LinkPtr> all_links() const;  // in NodeId order
  StreamPtr stream_to(NodeId peer) const;  // null: not connected
  bool add_live(const StreamPtr& stream, bool stranger);
  void introduce(const StreamPtr& stream);
  std::vector<StreamPtr> live_streams() const;
  bool wait_until_gone(Duration limit);
  OutgoingUpdatePtr outgoing(const PublishedUpdate& update);

  const TransportConfig config_;
  ParametersPool pool_;
  EventGate gate_;
  Timers timers_;
  StateExchange states_{*this};
  GossipExchange gossip_{*this};

  std::mutex link_to_mutex_;  // one change of the neighbours at a time
  mutable std::mutex links_mutex_;
  std::map<NodeId, LinkPtr> links_;

  mutable std::mutex state_mutex_;
  core::NodeState state_;

  mutable std::mutex live_mutex_;  // guards the next six
  std::condition_variable live_changed_;
  std::unordered_set<StreamPtr> live_;
  std::unordered_set<StreamPtr> strangers_;  // of live_: accepted, no hello yet
  std::unordered_set<const void*> state_calls_;
  std::vector<Retired> retired_;
  bool started_ = false;
  bool stopping_ = false;

  std::mutex random_mutex_;
  Rng random_;

  std::mutex outgoing_mutex_;  // guards the next two: an update sent twice is encoded once
  ModelUpdate newest_;         // its parameters are null: they are watched, not kept
  std::weak_ptr<const Parameters> newest_parameters_;
  std::weak_ptr<const OutgoingUpdate> newest_outgoing_;

  std::string address_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace skiptrain::transport
