// Everybody a node knows of, itself among them: the view that its operator reads, and the sets
// that the protocol draws from. Holds at most kMaxMembers. The rules of what is believed are in
// membership_claims.cc. Not thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/units.h"
#include "core/membership/member.h"
#include "core/membership/suspicion.h"

namespace skiptrain::core {

struct Member {
  NodeId id;
  MemberState state = MemberState::kAlive;
  MemberVersion version;
  NodeId by;      // who found out this state
  Instant since;  // when this node heard of this state
  MemberInfo info;
  MemberVersion info_version;  // older than `version` if a claim without info came first
  bool udp_blocked = false;    // at the last probe it answered, but only over the reliable call

  std::optional<Suspicion> suspicion;  // of a suspect
  // The start before the one that `version` is of, if it was at another address.
  struct EarlierStart {
    MemberVersion version;  // the newest heard
    std::string address;
  };
  std::optional<EarlierStart> earlier;

  bool counts() const { return state == MemberState::kAlive || state == MemberState::kSuspect; }
};

class MemberTable {
 public:
  explicit MemberTable(NodeId self) : self_(self) {}

  const std::map<NodeId, Member>& all() const { return members_; }
  Member* find(NodeId id);
  const Member* find(NodeId id) const { return const_cast<MemberTable*>(this)->find(id); }
  Member& self() { return members_.at(self_); }
  const Member& self() const { return members_.at(self_); }

  // A new member, alive. If the table is full the one that has been gone for longest makes room;
  // nullptr if nobody is gone.
  Member* insert(NodeId id, Instant now);
  void set_state(Member& member, MemberState state, NodeId by, Instant now);
  // Forgets failed and left members of before `then`.
  std::vector<NodeId> forget_gone_before(Instant then);

  // Alive and suspect, without this node, ascending.
  const std::vector<NodeId>& others() const { return others_; }
  const std::vector<NodeId>& suspects() const { return suspects_; }
  const std::vector<NodeId>& failed() const { return failed_; }
  // n: alive and suspect, this node among them.
  std::size_t size() const { return others_.size() + 1; }

 private:
  NodeId self_;
  std::map<NodeId, Member> members_;
  std::vector<NodeId> others_;
  std::vector<NodeId> suspects_;
  std::vector<NodeId> failed_;
};

// Up to `count` different ones of `nodes` that `allowed` says yes to, at random.
template <typename Allowed>
std::vector<NodeId> draw(const std::vector<NodeId>& nodes, std::size_t count, Rng& rng,
                         Allowed allowed) {
  // Few of many: trying at random beats looking at all of them.
  std::vector<NodeId> drawn;
  const auto taken = [&](NodeId node) {
    for (const NodeId other : drawn) {
      if (other == node) return true;
    }
    return false;
  };
  for (std::size_t attempt = 0; attempt < 3 * count && drawn.size() < count; ++attempt) {
    if (nodes.empty()) return drawn;
    const NodeId node = nodes[rng.below(nodes.size())];
    if (!taken(node) && allowed(node)) drawn.push_back(node);
  }
  if (drawn.size() == count) return drawn;
  std::vector<NodeId> rest;
  for (const NodeId node : nodes) {
    if (!taken(node) && allowed(node)) rest.push_back(node);
  }
  rng.shuffle(rest);
  for (const NodeId node : rest) {
    if (drawn.size() == count) break;
    drawn.push_back(node);
  }
  return drawn;
}

}  // namespace skiptrain::core
