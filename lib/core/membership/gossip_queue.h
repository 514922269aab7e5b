// What a node has yet to tell: the newest claim about each member, least-sent first, and among
// those the newest first (SWIM, section 4.1). Each is handed out a limited number of times.
//
// Holds at most one claim per member and kMaxMembers in all; if it is full, the one that was sent
// most and longest ago is dropped. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/membership/member.h"

namespace skiptrain::core {

class GossipQueue {
 public:
  // Replaces what was queued about that member, and counts from zero.
  void push(MemberClaim claim);
  void erase(NodeId node);

  // Appends claims of at most `room` bytes (by encoded_bound) to `claims`, none about `except`.
  // Each is then sent once more, and forgotten when it has been `limit` times. Returns the bytes.
  std::size_t take(std::size_t room, unsigned limit, std::optional<NodeId> except,
                   std::vector<MemberClaim>& claims);

  bool empty() const { return order_.empty(); }
  std::size_t size() const { return order_.size(); }
  bool contains(NodeId node) const { return places_.contains(node); }

 private:
  struct Place {
    unsigned sent = 0;
    std::uint64_t age = 0;  // falls with each push: the newest is first
    auto operator<=>(const Place&) const = default;
  };
  struct Item {
    MemberClaim claim;
    std::size_t bytes = 0;
  };

  std::map<Place, Item> order_;
  std::map<NodeId, Place> places_;
  std::uint64_t next_age_ = ~std::uint64_t{0};
};

}  // namespace skiptrain::core
