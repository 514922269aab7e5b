#include "core/membership/member_table.h"

#include <algorithm>

#include "core/membership/messages.h"

namespace skiptrain::core {
namespace {

void add(std::vector<NodeId>& nodes, NodeId node) {
  const auto place = std::lower_bound(nodes.begin(), nodes.end(), node);
  if (place == nodes.end() || *place != node) nodes.insert(place, node);
}

void remove(std::vector<NodeId>& nodes, NodeId node) {
  const auto place = std::lower_bound(nodes.begin(), nodes.end(), node);
  if (place != nodes.end() && *place == node) nodes.erase(place);
}

void keep(std::vector<NodeId>& nodes, NodeId node, bool wanted) {
  wanted ? add(nodes, node) : remove(nodes, node);
}

}  // namespace

Member* MemberTable::find(NodeId id) {
  const auto place = members_.find(id);
  return place == members_.end() ? nullptr : &place->second;
}

Member* MemberTable::insert(NodeId id, Instant now) {
  if (members_.size() >= kMaxMembers) {
    auto oldest = members_.end();
    for (auto it = members_.begin(); it != members_.end(); ++it) {
      const bool gone = !it->second.counts() && it->first != self_;
      if (gone && (oldest == members_.end() || it->second.since < oldest->second.since)) {
        oldest = it;
      }
    }
    if (oldest == members_.end()) return nullptr;
    remove(failed_, oldest->first);
    members_.erase(oldest);
  }
  Member& member = members_[id];
  member.id = id;
  set_state(member, MemberState::kAlive, id, now);
  return &member;
}

void MemberTable::set_state(Member& member, MemberState state, NodeId by, Instant now) {
  if (member.state != state || member.since == Instant{}) member.since = now;
  member.state = state;
  member.by = by;
  if (state != MemberState::kSuspect) member.suspicion.reset();
  if (!member.counts()) member.udp_blocked = false;
  if (member.id == self_) return;
  keep(others_, member.id, member.counts());
  keep(suspects_, member.id, state == MemberState::kSuspect);
  keep(failed_, member.id, state == MemberState::kFailed);
}

std::vector<NodeId> MemberTable::forget_gone_before(Instant then) {
  std::vector<NodeId> forgotten;
  for (auto it = members_.begin(); it != members_.end();) {
    const Member& member = it->second;
    if (member.counts() || member.id == self_ || member.since >= then) {
      ++it;
      continue;
    }
    forgotten.push_back(member.id);
    remove(failed_, member.id);
    it = members_.erase(it);
  }
  return forgotten;
}

}  // namespace skiptrain::core
