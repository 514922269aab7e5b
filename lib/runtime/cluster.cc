#include "runtime/cluster.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include <asio/post.hpp>
#include <spdlog/spdlog.h>

namespace skiptrain::runtime {
namespace {

Instant now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

// `address` with the port of `bound` if its own is 0.
std::string with_port(const std::string& address, const std::string& bound) {
  constexpr std::string_view kAnyPort = ":0";
  if (!address.ends_with(kAnyPort)) return address;
  return address.substr(0, address.size() - kAnyPort.size()) + bound.substr(bound.rfind(':'));
}

core::MembershipOptions with_ports(core::MembershipOptions options, const std::string& peers,
                                   const std::string& gossip) {
  options.info.peer_address = with_port(options.info.peer_address, peers);
  options.info.gossip_address = with_port(options.info.gossip_address, gossip);
  return options;
}

}  // namespace

Cluster::Cluster(asio::io_context& loop, ClusterMachinery machinery, Callbacks callbacks)
    : loop_(loop),
      timer_(loop),
      gossip_(std::move(machinery.gossip)),
      membership_(std::move(machinery.membership)),
      topology_(std::move(machinery.topology)),
      expect_(machinery.expect),
      callbacks_(std::move(callbacks)) {}

Cluster::~Cluster() {
  *alive_ = false;
}

Status Cluster::start(const std::string& peer_address) {
  auto bound = gossip_->start([this, alive = alive_](core::MembershipEvent event) {
    asio::post(loop_, [this, alive, event = std::move(event)] {
      if (*alive) step(event);
    });
  });
  if (!bound) return bound;
  membership_ =
      core::Membership(with_ports(membership_.options(), peer_address, gossip_->address()));
  started_ = true;
  view_changed_ = true;
  run(membership_.start(now()));
  announce_self();
  return {};
}

void Cluster::announce_self() {
  if (auto heard = gossip_->announce_self(core::claim_of(membership_.self(), true)); !heard) {
    spdlog::warn("no discovery by multicast: {}", heard.error().message);
  }
}

void Cluster::step(const core::MembershipEvent& event) {
  if (started_) run(membership_.step(event, now()));
}

void Cluster::run(core::MembershipEffects effects) {
  for (core::MembershipEffect& effect : effects) {
    std::visit([this](auto& e) { perform(e); }, effect);
  }
  if (std::exchange(view_changed_, false)) refresh_neighbours();
  arm_timer();
}

void Cluster::arm_timer() {
  const auto due = membership_.next_deadline();
  if (due == armed_) return;
  armed_ = due;
  if (!due) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(std::chrono::steady_clock::time_point(due->time_since_epoch()));
  timer_.async_wait([this, alive = alive_](const asio::error_code& cancelled) {
    if (cancelled || !*alive) return;
    armed_.reset();
    step(core::Tick{});
  });
}

void Cluster::refresh_neighbours() {
  const std::vector<NodeId> view = membership_.view();
  const NodeId self = membership_.options().id;
  ready_ = ready_ || view.size() >= expect_;
  core::NeighboursWanted wanted;
  wanted.ready = ready_;
  if (topology_) {
    wanted.neighbours = topology_->neighbours(view, self);
  } else {
    std::ranges::copy_if(view, std::back_inserter(wanted.neighbours),
                         [self](NodeId node) { return node != self; });
  }
  if (wanted_ && wanted_->neighbours == wanted.neighbours && wanted_->ready == wanted.ready) return;
  wanted_ = wanted;
  callbacks_.to_node(wanted);
}

void Cluster::leave(std::function<void()> done) {
  left_ = std::move(done);
  step(core::LeaveRequested{});
}

std::vector<ports::PeerAddress> Cluster::addresses(const std::vector<NodeId>& nodes) const {
  std::vector<ports::PeerAddress> result;
  for (const NodeId node : nodes) {
    if (const core::Member* member = membership_.find(node)) {
      result.push_back({node, member->info.name, member->info.peer_address});
    }
  }
  return result;
}

void Cluster::perform(const core::MemberChanged& effect) {
  using core::MemberChange;
  view_changed_ = true;
  const core::Member* member = membership_.find(effect.node);
  spdlog::info("member {} ({}) {}", effect.node.value(), member ? member->info.name : "?",
               core::to_string(effect.change));
  switch (effect.change) {
    case MemberChange::kFailed:
    case MemberChange::kLeft:
      callbacks_.to_node(core::MemberGone{effect.node});
      break;
    case MemberChange::kJoined:
    case MemberChange::kUpdated:
      if (member) gossip_->member_started(effect.node, member->version.incarnation);
      callbacks_.addresses_changed();
      break;
    case MemberChange::kSuspected:
    case MemberChange::kRecovered:
      break;
  }
}

void Cluster::perform(const core::ConflictFound& effect) {
  spdlog::error("two nodes go by the id {}: {} is believed, {} is not; give one of them another id",
                effect.node.value(), effect.address, effect.other_address);
}

void Cluster::perform(const core::Superseded& effect) {
  callbacks_.fatal({ErrorCode::kPreconditionFailed,
                    "another daemon runs as node " + to_string(membership_.options().id) + " at " +
                        effect.address + " and has started later (incarnation " +
                        std::to_string(effect.incarnation.value()) +
                        "); give one of the two another node.id"});
}

void Cluster::perform(const core::IncarnationRaised& effect) {
  spdlog::warn("the cluster has seen a later start of this node; going on as incarnation {}",
               effect.incarnation.value());
  gossip_->restart_as(effect.incarnation);
  announce_self();
  callbacks_.incarnation_raised(effect.incarnation);
}

void Cluster::perform(const core::ClusterJoined& effect) {
  if (effect.through.empty()) {
    spdlog::info("nobody to join: the first member of the cluster");
  } else {
    spdlog::info("joined the cluster through {}", effect.through);
  }
}

void Cluster::perform(const core::JoinFailed& effect) {
  callbacks_.fatal({ErrorCode::kUnavailable, "could not join the cluster: " + effect.reason});
}

void Cluster::perform(const core::LeaveFinished&) {
  spdlog::info("left the cluster");
  if (left_) std::exchange(left_, nullptr)();
}

void Cluster::perform(const core::Warn& effect) {
  spdlog::warn("{}", effect.message);
}

}  // namespace skiptrain::runtime
