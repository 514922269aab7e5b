#include "transport/switchboard.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include <grpcpp/server_builder.h>

#include "transport/accepted_stream.h"
#include "transport/channel_args.h"
#include "transport/listen_address.h"
#include "transport/refusal.h"
#include "wire/hello.h"

namespace skiptrain::transport {
namespace {

// After kCloseTimeout, what is left of a stop() within its two seconds.
constexpr Duration kShutdownTimeout = std::chrono::milliseconds(300);
constexpr Duration kAbortTimeout = std::chrono::milliseconds(500);

}  // namespace

// Peer's methods, without generated code: messages stay bytes.
class Switchboard::Service : public grpc::CallbackGenericService {
 public:
  explicit Service(Switchboard& board) : board_(board) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return board_.accept(context);
  }

 private:
  Switchboard& board_;
};

Switchboard::Switchboard(TransportConfig config)
    : config_(std::move(config)),
      pool_(config_.parameter_count, kBuffersPerPeer * config_.peers.size() + kBuffersInAll),
      state_(config_.state),
      random_(derive_seed({config_.self.value(), config_.incarnation.value(),
                           static_cast<std::uint64_t>(
                               std::chrono::steady_clock::now().time_since_epoch().count())})) {
  for (const PeerConfig& peer : config_.peers) {
    links_.emplace(
        peer.id, std::make_shared<Link>(peer.id, peer.name, peer.address, config_.self < peer.id));
  }
}

Switchboard::~Switchboard() = default;

Status Switchboard::start(ports::Transport::EventSink sink) {
  {
    const std::lock_guard lock(live_mutex_);
    if (started_) return fail(ErrorCode::kPreconditionFailed, "the transport was started before");
    started_ = true;
  }
  // Open before the first peer can call.
  gate_.open(std::move(sink));
  timers_.start();
  if (const Status listening = listen(); !listening) {
    stop();
    return listening;
  }
  for (const LinkPtr& link : all_links()) {
    const std::lock_guard lock(link->mutex);
    if (link->dialled_by_us) schedule_dial(link, Duration::zero());
  }
  return {};
}

Status Switchboard::listen() {
  const auto address = parse_listen_address(config_.listen);
  if (!address) return tl::unexpected(address.error());
  // gRPC says on its own log, not to its caller, why an address cannot be had.
  if (const Status free = check_can_listen(*address); !free) return free;
  service_ = std::make_unique<Service>(*this);
  grpc::ServerBuilder builder;
  configure_server(builder, config_);
  int port = 0;
  builder.AddListeningPort(config_.listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(service_.get());
  server_ = builder.BuildAndStart();
  if (!server_ || port == 0) {
    return fail(ErrorCode::kUnavailable, "cannot listen on " + config_.listen +
                                             ": the address is in use or not of this machine");
  }
  const std::lock_guard lock(state_mutex_);
  address_ = address->host + ":" + std::to_string(port);
  return {};
}

void Switchboard::stop() {
  {
    const std::lock_guard lock(live_mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  gate_.shut();
  timers_.stop();
  states_.stop();
  gossip_.stop();
  for (const StreamPtr& stream : live_streams()) {
    if (stream->admitted()) {
      stream->close(wire::Goodbye{wire::GoodbyeReason::kLeaving, "shutting down"});
    } else {
      stream->abort("shutting down");
    }
  }
  wait_until_gone(kCloseTimeout);
  for (const StreamPtr& stream : live_streams()) stream->abort("shutting down");
  if (server_) server_->Shutdown(std::chrono::system_clock::now() + kShutdownTimeout);
  wait_until_gone(kAbortTimeout);
  // Before the server, whose hold on gRPC's threads is then the last.
  free_retired();
  server_.reset();
  for (const LinkPtr& link : all_links()) {
    const std::lock_guard lock(link->mutex);
    link->current.reset();
    link->dialled.reset();
  }
}

void Switchboard::send(const std::vector<NodeId>& to, const PublishedUpdate& update) {
  OutgoingUpdatePtr encoded;
  for (const NodeId peer : to) {
    const LinkPtr link = find_link(peer);
    if (!link) continue;
    StreamPtr stream;
    {
      const std::lock_guard lock(link->mutex);
      stream = link->current;
    }
    if (!stream) continue;
    if (!encoded) encoded = outgoing(update);
    // Without the link's lock: a stream that was replaced meanwhile ignores the update.
    const std::size_t dropped = stream->send_update(encoded);
    if (dropped == 0) continue;
    const std::lock_guard lock(link->mutex);
    link->updates_dropped += dropped;
  }
}

void Switchboard::send_edge(const core::EdgeMessage& message) {
  if (const StreamPtr stream = stream_to(message.peer)) stream->send_edge(message);
}

void Switchboard::send_directives(const std::vector<NodeId>& to,
                                  const std::vector<core::Directive>& directives) {
  for (const NodeId peer : to) {
    const StreamPtr stream = stream_to(peer);
    if (!stream) continue;
    for (auto rest = std::span(directives); !rest.empty();) {
      const auto some = rest.first(std::min(rest.size(), wire::kMaxDirectives));
      stream->send_directives({some.begin(), some.end()});
      rest = rest.subspan(some.size());
    }
  }
}

OutgoingUpdatePtr Switchboard::outgoing(const PublishedUpdate& published) {
  const ModelUpdate& update = published.update;
  const std::lock_guard lock(outgoing_mutex_);
  if (newest_.round == update.round && newest_.degree == update.degree &&
      newest_parameters_.lock() == update.parameters) {
    if (auto again = newest_outgoing_.lock()) return again;
  }
  auto encoded = make_outgoing(published, config_.chunk_bytes);
  newest_ = {update.round, update.degree, nullptr};
  newest_parameters_ = update.parameters;
  newest_outgoing_ = encoded;
  return encoded;
}

void Switchboard::announce(const core::NodeState& state, bool to_neighbours) {
  {
    const std::lock_guard lock(state_mutex_);
    state_ = state;
  }
  if (!to_neighbours) return;
  for (const LinkPtr& link : all_links()) {
    StreamPtr stream;
    {
      const std::lock_guard lock(link->mutex);
      stream = link->current;
      if (stream) stream->put_state(state);
    }
    if (stream) stream->pump();
  }
}

std::vector<ports::LinkReport> Switchboard::links() const {
  std::vector<ports::LinkReport> reports;
  const auto now = std::chrono::steady_clock::now();
  for (const LinkPtr& link : all_links()) {
    const std::lock_guard lock(link->mutex);
    reports.push_back(link->report(now));
  }
  return reports;
}

std::string Switchboard::address() const {
  const std::lock_guard lock(state_mutex_);
  return address_.empty() ? config_.listen : address_;
}

Status Switchboard::set_peer_address(NodeId peer, std::string address) {
  const LinkPtr link = find_link(peer);
  if (!link) {
    return fail(ErrorCode::kNotFound,
                "node " + to_string(peer) + " is no neighbour of node " + to_string(config_.self));
  }
  const std::lock_guard lock(link->mutex);
  link->address = std::move(address);
  link->failures = 0;
  if (link->dialled_by_us && !link->current) schedule_dial(link, Duration::zero());
  return {};
}

// ---- the server's side

grpc::ServerGenericBidiReactor* Switchboard::accept(grpc::GenericCallbackServerContext* context) {
  if (context->method() == kExchangeMethod) return accept_exchange(context);
  if (context->method() == kFetchStateMethod) return states_.accept(context, shared_from_this());
  if (context->method() == kGossipMethod) return gossip_.accept(context, shared_from_this());
  return new Refusal(
      grpc::StatusCode::UNIMPLEMENTED,
      "skiptrain.v1.Peer has Exchange, FetchState and Gossip, not " + context->method());
}

grpc::ServerGenericBidiReactor* Switchboard::accept_exchange(
    grpc::GenericCallbackServerContext* context) {
  auto stream =
      std::make_shared<AcceptedStream>(shared_from_this(), pool_, config_.compression, context);
  if (!add_live(stream, /*stranger=*/true)) {
    return new Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, "shutting down, or more than " +
                                                                 std::to_string(kMaxStrangers) +
                                                                 " streams without a hello");
  }
  abort_without_hello(stream);
  return stream->start();
}

// ---- live streams and calls

bool Switchboard::add_live(const StreamPtr& stream, bool stranger) {
  const std::lock_guard lock(live_mutex_);
  if (stopping_ || (stranger && strangers_.size() >= kMaxStrangers)) return false;
  live_.insert(stream);
  if (stranger) strangers_.insert(stream);
  return true;
}

void Switchboard::introduce(const StreamPtr& stream) {
  const std::lock_guard lock(live_mutex_);
  strangers_.erase(stream);
}

std::vector<StreamPtr> Switchboard::live_streams() const {
  const std::lock_guard lock(live_mutex_);
  return {live_.begin(), live_.end()};
}

bool Switchboard::wait_until_gone(Duration limit) {
  std::unique_lock lock(live_mutex_);
  return live_changed_.wait_for(lock, limit,
                                [this] { return live_.empty() && state_calls_.empty(); });
}

bool Switchboard::enter(const void* call) {
  const std::lock_guard lock(live_mutex_);
  if (stopping_) return false;
  state_calls_.insert(call);
  return true;
}

void Switchboard::leave(const void* call, Retired retired) {
  const std::lock_guard lock(live_mutex_);
  state_calls_.erase(call);
  if (retired.what) retired_.push_back(std::move(retired));
  // The lock is the last of this object that is touched: stop() may be waiting for it.
  live_changed_.notify_all();
}

void Switchboard::free_retired() {
  std::vector<Retired> all;  // freed without the lock
  {
    const std::lock_guard lock(live_mutex_);
    all.swap(retired_);
  }
  const auto kept = std::ranges::partition(all, &Retired::can_be_freed);
  const std::lock_guard lock(live_mutex_);
  if (stopping_) return;
  retired_.insert(retired_.end(), std::make_move_iterator(kept.begin()),
                  std::make_move_iterator(kept.end()));
}

// ---- what state calls need

wire::Hello Switchboard::our_hello() const {
  wire::Hello hello;
  hello.cluster_id = config_.cluster_id;
  hello.node_id = config_.self;
  hello.incarnation = config_.incarnation;
  hello.run_id = config_.run_id;
  hello.run_fingerprint = config_.run_fingerprint;
  hello.layout_fingerprint = config_.layout_fingerprint;
  hello.node_name = config_.name;
  if (!config_.compression.is_none()) hello.compression = to_string(config_.compression);
  const std::lock_guard lock(state_mutex_);
  hello.state = state_;
  return hello;
}

std::optional<std::string> Switchboard::peer_address(NodeId peer) const {
  const LinkPtr link = find_link(peer);
  if (!link) return std::nullopt;
  const std::lock_guard lock(link->mutex);
  return link->address;
}

std::string Switchboard::peer_label(NodeId peer) const {
  const LinkPtr link = find_link(peer);
  if (!link) return wire::describe(peer, "");
  const std::lock_guard lock(link->mutex);
  return wire::describe(peer, link->name);
}

LinkPtr Switchboard::find_link(NodeId peer) const {
  const std::lock_guard lock(links_mutex_);
  const auto found = links_.find(peer);
  return found == links_.end() ? nullptr : found->second;
}

std::vector<LinkPtr> Switchboard::all_links() const {
  const std::lock_guard lock(links_mutex_);
  std::vector<LinkPtr> links;
  links.reserve(links_.size());
  for (const auto& [id, link] : links_) links.push_back(link);
  return links;
}

StreamPtr Switchboard::stream_to(NodeId peer) const {
  const LinkPtr link = find_link(peer);
  if (!link) return nullptr;
  const std::lock_guard lock(link->mutex);
  return link->current;
}

}  // namespace skiptrain::transport
