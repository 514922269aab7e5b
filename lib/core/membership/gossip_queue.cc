#include "core/membership/gossip_queue.h"

#include "core/membership/messages.h"

namespace skiptrain::core {

void GossipQueue::push(MemberClaim claim) {
  erase(claim.node);
  if (order_.size() >= kMaxMembers) erase(order_.rbegin()->second.claim.node);
  const Place place{0, next_age_--};
  places_[claim.node] = place;
  const std::size_t bytes = encoded_bound(claim);
  order_.emplace(place, Item{std::move(claim), bytes});
}

void GossipQueue::erase(NodeId node) {
  const auto place = places_.find(node);
  if (place == places_.end()) return;
  order_.erase(place->second);
  places_.erase(place);
}

std::size_t GossipQueue::take(std::size_t room, unsigned limit, std::optional<NodeId> except,
                              std::vector<MemberClaim>& claims) {
  // No claim is smaller, so behind this nothing fits.
  static const std::size_t kLeast = encoded_bound(MemberClaim{});
  const std::size_t room_before = room;
  std::vector<Place> taken;
  for (auto it = order_.begin(); it != order_.end() && room >= kLeast; ++it) {
    const Item& item = it->second;
    if (item.bytes > room || item.claim.node == except) continue;
    room -= item.bytes;
    claims.push_back(item.claim);
    taken.push_back(it->first);
  }
  for (const Place& place : taken) {
    auto node = order_.extract(place);
    const NodeId about = node.mapped().claim.node;
    if (place.sent + 1 >= limit) {
      places_.erase(about);
      continue;
    }
    node.key().sent = place.sent + 1;
    places_[about] = node.key();
    order_.insert(std::move(node));
  }
  return room_before - room;
}

}  // namespace skiptrain::core
