// Packets and the claims on them.
#include <algorithm>

#include "core/membership/membership.h"

namespace skiptrain::core {

// Sends `packet` with as many claims as fit. Whoever does not count as alive is told so first, that
// it may refute: Lifeguard's buddy system (section IV-C), for failed members as well.
void Membership::send(const std::string& address, GossipPacket packet, std::optional<NodeId> to) {
  packet.from = options_.id;
  std::size_t bytes = encoded_bound(packet);
  const Member* receiver = to && *to != options_.id ? table_.find(*to) : nullptr;
  std::optional<NodeId> told;
  if (receiver && receiver->state != MemberState::kAlive) {
    packet.claims.push_back(claim_of(*receiver, false));
    told = *to;
  }
  for (const MemberClaim& claim : packet.claims) bytes += encoded_bound(claim);
  bytes +=
      queue_.take(kMaxGossipPlainBytes - std::min(bytes, kMaxGossipPlainBytes),
                  retransmit_limit(timing_.retransmit_mult, table_.size()), told, packet.claims);
  counters_.sent.add(packet, bytes);
  effects_.push_back(SendPacket{address, std::move(packet)});
}

// Claims spread by packets of their own as long as there is something to tell, to some members and
// to one that failed of late: it may live on the other side of a partition that has healed.
void Membership::gossip() {
  next_gossip_ = now_ + timing_.gossip_interval;
  if (queue_.empty()) return;
  const auto anybody = [](NodeId) { return true; };
  auto to = draw(table_.others(), timing_.gossip_nodes, rng_, anybody);
  const auto lately = draw(table_.failed(), 1, rng_, [&](NodeId node) {
    return now_ - table_.find(node)->since < timing_.gossip_to_failed;
  });
  to.insert(to.end(), lately.begin(), lately.end());
  for (const NodeId node : to) {
    if (queue_.empty()) break;
    send(table_.find(node)->info.gossip_address, {}, node);
  }
}

// A leaving node stays until its farewell was sent as often as any claim, and no longer than
// leave_timeout.
void Membership::run_leave() {
  if (leave_ != Leave::kTelling) return;
  const bool nobody_there = table_.others().empty();
  if (queue_.contains(options_.id) && !nobody_there && now_ < leave_until_) return;
  leave_ = Leave::kDone;
  effects_.push_back(LeaveFinished{});
}

}  // namespace skiptrain::core
