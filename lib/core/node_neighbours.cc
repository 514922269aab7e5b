// The part of Node that deals with its neighbours: their coming, going and announcements, the edges
// of a round, and what they send.
#include <algorithm>
#include <utility>
#include <vector>

#include "core/node.h"
#include "core/topology/epidemic.h"

namespace skiptrain::core {
namespace {

std::vector<NodeId> at(const std::vector<NodeId>& nodes,
                       const std::vector<Topology::Position>& positions) {
  std::vector<NodeId> result;
  for (const auto position : positions) result.push_back(nodes[position]);
  return result;
}

}  // namespace

// ---- Streams ---------------------------------------------------------------------------------

void Node::on(const PeerConnected& event) {
  Neighbour* peer = neighbours_.find(event.peer);
  if (peer == nullptr) return;
  peer->ever_connected = true;
  peer->connected = true;
  if (peer->incarnation != event.incarnation) peer->patience = {};
  peer->incarnation = event.incarnation;
  place(*peer, event.state);
  // First of all what decides how it takes what follows.
  if (!directives_.empty()) effects_.push_back(SendDirectives{{event.peer}, directives_.all()});
  if (edges_) effects_.push_back(SendEdge{edges_->link_up(event.peer)});
  // It missed what we sent while it was away, and its round may be waiting for it.
  const auto& own = controller_.own_update();
  if (peer->out_edge && own && own->round == round() && event.state.round <= round()) {
    effects_.push_back(Send{{event.peer}, *own});
  }
}

void Node::on(const PeerDisconnected& event) {
  if (Neighbour* peer = neighbours_.find(event.peer)) peer->connected = false;
}

void Node::on(const PeerStateChanged& event) {
  Neighbour* peer = neighbours_.find(event.peer);
  if (peer != nullptr) place(*peer, event.state);
}

// Puts a neighbour where it says it is; no further than the run goes, whatever it says.
void Node::place(Neighbour& peer, const NodeState& state) {
  const Round last(options_.total_rounds);
  peer.activity = state.activity;
  peer.round = std::min(state.round, last);
  peer.next_round = peer.round;
  peer.presumed = false;
}

void Node::on(const UpdateReceived& event) {
  Neighbour* peer = neighbours_.find(event.from);
  if (peer == nullptr || phase_ == Phase::kWarmingUp) return;
  if (event.update.round.value() >= options_.total_rounds) {
    ++updates_rejected_;  // no node of this run sends an update of a round that the run has not
    return;
  }
  peer->round = std::max(peer->round, event.update.round);
  peer->presumed = false;
  if (!expects_update(event.from, event.update.round)) return;
  controller_.inbox().set_catching_up(is_behind());
  const UpdateVerdict verdict = controller_.inbox().accept(event.from, event.update);
  controller_.note_arrival(*peer, verdict, now_);
  peer->next_round = std::max(peer->next_round, event.update.round.next());
  peer->degree = event.update.degree;
}

void Node::on(const StateRequested& event) {
  Neighbour* peer = neighbours_.find(event.from);
  if (peer == nullptr || !committed_) {
    effects_.push_back(RefuseState{event.request});
    return;
  }
  // It will be at our round in a moment. Expecting it there gives it the time to arrive: rounds of
  // a few milliseconds would run away from it for ever.
  peer->next_round = std::max(peer->next_round, round());
  effects_.push_back(SendState{event.from, event.request, committed_state()});
}

// ---- Edges -----------------------------------------------------------------------------------

void Node::on(const NeighboursWanted& event) {
  if (!options_.nodes_come_and_go) return;
  view_is_ready_ = event.ready;
  if (edges_) {
    send(edges_->want(event.neighbours));
    update_links();
  } else {
    link_to(event.neighbours);
  }
}

void Node::on(const MemberGone& event) {
  if (edges_) edges_->drop(event.member);
  if (Neighbour* peer = neighbours_.find(event.member); peer != nullptr && edges_) {
    peer->in_edge = peer->out_edge = false;
  }
  update_links();
}

void Node::on(const EdgeReceived& event) {
  if (!edges_) return;
  send(edges_->receive(event.message));
  // If it has put the edge off, it does not use it in the round that this node holds open for it.
  const EdgeClaim& claim = event.message.claim;
  Neighbour* peer = neighbours_.find(event.message.peer);
  if (peer != nullptr && !is_async() && claim.wanted && claim.from > round()) {
    peer->in_edge = false;
  }
  update_links();
}

// What cannot be said now is said when the link comes up.
void Node::send(const EdgeMessages& messages) {
  for (const EdgeMessage& message : messages) {
    const Neighbour* peer = neighbours_.find(message.peer);
    if (peer != nullptr && peer->connected) effects_.push_back(SendEdge{message});
  }
}

void Node::update_links() {
  if (edges_) link_to(edges_->peers());
}

void Node::link_to(const std::vector<NodeId>& peers) {
  if (!neighbours_.link(peers)) return;
  controller_.inbox().keep_only(peers);
  effects_.push_back(LinkTo{peers});
}

void Node::choose_edges() {
  if (edges_) {
    edges_->begin_round(round());
    const std::vector<NodeId> neighbours = is_async() ? edges_->agreed() : edges_->neighbours();
    update_links();
    neighbours_.set_edges(neighbours, neighbours, round());
  } else if (options_.epidemic) {
    std::vector<NodeId> members = neighbours_.linked();
    const auto place = std::ranges::upper_bound(members, options_.id);
    const auto position = static_cast<Topology::Position>(place - members.begin());
    members.insert(place, options_.id);
    const EpidemicDraw draw{options_.epidemic->seed, round(), members.size(),
                            options_.epidemic->receivers};
    neighbours_.set_edges(at(members, epidemic_out_neighbours(draw, position)),
                          at(members, epidemic_in_neighbours(draw, position)), round());
    neighbours_.expect_in_step(round());
  }
}

// Before the first round: does every edge that this node wants begin with it?
bool Node::has_all_edges() const {
  return is_async() ? edges_->has_all_agreed() : edges_->has_all_wanted(round());
}

// Ends whose views differ may disagree about an edge for a moment; only a mix along edges that both
// use keeps the mean of all models. An epidemic mix is a mean of whatever came. Asynchronous clocks
// drift apart, so there an edge is used as soon as both ends want it, whatever the round.
bool Node::expects_update(NodeId from, Round round) const {
  if (!edges_) return true;
  return is_async() ? edges_->agreed_from(from).has_value() : edges_->uses(from, round);
}

std::optional<Round> Node::edge_agreed_from(NodeId peer) const {
  return edges_ ? edges_->agreed_from(peer) : std::nullopt;
}

}  // namespace skiptrain::core
