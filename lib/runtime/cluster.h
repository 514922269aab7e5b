// Runs one core::Membership for real, and turns what it finds into neighbours for the node: who is
// there -> the topology of the living -> whom to link to.
//
// Everything happens on the driver's loop thread, where the node lives as well; only the gossip
// port's threads post to it. Not for clusters whose nodes are listed in the config.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/error.h"
#include "core/event.h"
#include "core/membership/membership.h"
#include "core/topology/living_topology.h"
#include "ports/gossip.h"
#include "ports/transport.h"

namespace skiptrain::runtime {

struct ClusterMachinery {
  std::unique_ptr<ports::Gossip> gossip;
  // `info`'s addresses are those that others use; a port of 0 there is filled in at the start.
  core::MembershipOptions membership;
  std::optional<core::LivingTopology> topology;  // nullopt: all members are neighbours (epidemic)
  std::size_t expect = 1;  // members, this node among them, before the first round begins
};

class Cluster {
 public:
  struct Callbacks {
    std::function<void(const core::Event&)> to_node;
    // A linked node may be found elsewhere now.
    std::function<void()> addresses_changed;
    // This node cannot go on in the cluster; the daemon should end.
    std::function<void(const Error&)> fatal;
    // To be made durable. If that comes too late, the next start goes through the same again.
    std::function<void(Incarnation)> incarnation_raised;
  };

  Cluster(asio::io_context& loop, ClusterMachinery machinery, Callbacks callbacks);
  ~Cluster();

  // `peer_address`: where the transport listens, for a port that was not fixed.
  Status start(const std::string& peer_address);
  // From any thread but the loop's; afterwards nothing is posted.
  void stop_gossip() { gossip_->stop(); }

  // The rest on the loop thread.
  void step(const core::MembershipEvent& event);
  // Says goodbye to the cluster; `done` is called when that was heard, or its time is over.
  void leave(std::function<void()> done);
  // Where these nodes are; those that are not known are left out.
  std::vector<ports::PeerAddress> addresses(const std::vector<NodeId>& nodes) const;

  const core::Membership& membership() const { return membership_; }
  const std::optional<core::LivingTopology>& topology() const { return topology_; }
  const ports::Gossip& gossip() const { return *gossip_; }
  std::size_t expect() const { return expect_; }

 private:
  void run(core::MembershipEffects effects);
  void arm_timer();
  void refresh_neighbours();
  void announce_self();

  void perform(core::SendPacket& effect) { gossip_->send(std::move(effect)); }
  void perform(core::CallMemberList& effect) { gossip_->call(std::move(effect)); }
  void perform(core::CallReliablePing& effect) { gossip_->call(effect); }
  void perform(core::AnswerMemberList& effect) { gossip_->answer(std::move(effect)); }
  void perform(core::AnswerReliablePing& effect) { gossip_->answer(effect); }
  void perform(core::RefuseCall& effect) { gossip_->refuse(effect); }
  void perform(const core::MemberChanged& effect);
  void perform(const core::ConflictFound& effect);
  void perform(const core::Superseded& effect);
  void perform(const core::IncarnationRaised& effect);
  void perform(const core::ClusterJoined& effect);
  void perform(const core::JoinFailed& effect);
  void perform(const core::LeaveFinished& effect);
  void perform(const core::Warn& effect);

  asio::io_context& loop_;
  asio::steady_timer timer_;
  std::optional<Instant> armed_;
  std::unique_ptr<ports::Gossip> gossip_;
  core::Membership membership_;
  std::optional<core::LivingTopology> topology_;
  const std::size_t expect_;
  const Callbacks callbacks_;
  bool started_ = false;
  bool ready_ = false;  // `expect_` members have been seen together
  bool view_changed_ = false;
  std::optional<core::NeighboursWanted> wanted_;  // the last that the node was told
  std::function<void()> left_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skiptrain::runtime
