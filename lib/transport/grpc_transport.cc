#include "transport/grpc_transport.h"

#include <utility>

#include "transport/switchboard.h"

namespace skiptrain::transport {

GrpcTransport::GrpcTransport(TransportConfig config)
    : switchboard_(std::make_shared<Switchboard>(std::move(config))) {}

GrpcTransport::~GrpcTransport() {
  switchboard_->stop();
}

Status GrpcTransport::start(EventSink sink) {
  return switchboard_->start(std::move(sink));
}

void GrpcTransport::stop() {
  switchboard_->stop();
}

void GrpcTransport::send(const std::vector<NodeId>& to, const PublishedUpdate& update) {
  switchboard_->send(to, update);
}

void GrpcTransport::send_edge(const core::EdgeMessage& message) {
  switchboard_->send_edge(message);
}

void GrpcTransport::send_directives(const std::vector<NodeId>& to,
                                    const std::vector<core::Directive>& directives) {
  switchboard_->send_directives(to, directives);
}

void GrpcTransport::link_to(const std::vector<ports::PeerAddress>& peers) {
  switchboard_->link_to(peers);
}

void GrpcTransport::announce(const core::NodeState& state, bool to_neighbours) {
  switchboard_->announce(state, to_neighbours);
}

void GrpcTransport::fetch_state(NodeId from, Round at_least) {
  switchboard_->free_retired();
  switchboard_->states().fetch(from, at_least, switchboard_);
}

void GrpcTransport::send_state(const core::SendState& answer) {
  switchboard_->states().send(answer);
}

void GrpcTransport::refuse_state(std::uint64_t request, const std::string& reason) {
  switchboard_->states().refuse(request, reason);
}

std::vector<ports::LinkReport> GrpcTransport::links() const {
  return switchboard_->links();
}

std::string GrpcTransport::address() const {
  return switchboard_->address();
}

void GrpcTransport::call_gossip(const std::string& address, std::string envelope, Duration timeout,
                                Done done) {
  switchboard_->free_retired();
  switchboard_->gossip().call(address, std::move(envelope), timeout, std::move(done), switchboard_);
}

void GrpcTransport::set_gossip_handler(Handler handler) {
  switchboard_->gossip().set_handler(std::move(handler));
}

Status GrpcTransport::set_peer_address(NodeId peer, std::string address) {
  return switchboard_->set_peer_address(peer, std::move(address));
}

}  // namespace skiptrain::transport
