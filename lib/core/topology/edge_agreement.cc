#include "core/topology/edge_agreement.h"

namespace skiptrain::core {

std::string to_string(const EdgeClaim& claim) {
  return claim.wanted ? "wanted from round " + to_string(claim.from) : "not wanted";
}

void EdgeWish::claim(const EdgeClaim& claim, Round open) {
  const bool wanted_now = wanted_before(open);
  const bool moves = claim.wanted && last_.wanted;
  last_ = claim;
  // What is wanted already and has a round that passed stays as it is.
  if (moves && wanted_now && claim.from < open) return;
  const Round from = std::max(claim.from, open);
  const Round first_changed = moves ? open : from;
  std::erase_if(changes_, [&](const auto& change) { return change.first >= first_changed; });
  if (moves && wanted_now && from > first_changed) changes_.emplace_back(first_changed, false);
  changes_.emplace_back(from, claim.wanted);
  if (changes_.size() > kMaxChanges) changes_.erase(changes_.begin());
}

void EdgeWish::forget_before(Round open) {
  while (changes_.size() > 1 && changes_[1].first < open) changes_.erase(changes_.begin());
}

bool EdgeWish::wanted_before(Round open) const {
  bool wanted = false;
  for (const auto& [from, change] : changes_) {
    if (from < open) wanted = change;
  }
  return wanted;
}

bool EdgeWish::settled(Round open) const {
  return changes_.empty() || changes_.back().first < open;
}

EdgeAgreement EdgeAgreement::before(Round first) {
  EdgeAgreement agreement(first);
  agreement.open_ = first;
  agreement.begun_ = false;
  return agreement;
}

void EdgeAgreement::begin_round(Round round) {
  open_ = std::max(open_, round.next());
  begun_ = true;
  for (auto& [peer, entry] : entries_) {
    entry.own.forget_before(open_);
    entry.peer.forget_before(open_);
  }
  forget_finished();
}

EdgeMessages EdgeAgreement::want(std::span<const NodeId> neighbours) {
  EdgeMessages messages;
  for (auto& [peer, entry] : entries_) {
    if (!entry.own.last().wanted || std::ranges::binary_search(neighbours, peer)) continue;
    entry.own.claim({false, next_change()}, open_);
    entry.lead = kLead;
    messages.push_back(message_to(peer, entry));
  }
  for (const NodeId peer : neighbours) {
    Entry& entry = entries_.emplace(peer, Entry{}).first->second;
    if (entry.own.last().wanted) continue;
    entry.own.claim({true, next_change()}, open_);
    messages.push_back(message_to(peer, entry));
  }
  return messages;
}

void EdgeAgreement::drop(NodeId peer) {
  const auto at = entries_.find(peer);
  if (at != entries_.end()) entries_.erase(at);
}

EdgeMessages EdgeAgreement::receive(const EdgeMessage& message) {
  auto at = entries_.find(message.peer);
  if (at == entries_.end()) {
    if (!message.claim.wanted && !message.heard.wanted) return {};
    if (!message.claim.wanted || entries_.size() >= kMaxEntries) {
      return {{message.peer, EdgeClaim{}, message.claim}};
    }
    at = entries_.emplace(message.peer, Entry{}).first;
  }
  Entry& entry = at->second;
  const bool in_use = entry.in_use(open_);
  const bool is_new = !(entry.peer.last() == message.claim);
  entry.heard = message.heard;
  if (is_new) entry.peer.claim(message.claim, open_);
  if (is_new && entry.both_want() && entry.agreed() < open_ && !in_use) {
    // The other end may wait for us since then, or be late as well: name a round that both can
    // still keep.
    entry.lead = std::min(2 * entry.lead, kMaxLead);
    entry.own.claim({true, ahead(entry.lead)}, open_);
  }
  const bool say = is_new || !(entry.heard == entry.own.last());
  const EdgeMessage answer = message_to(message.peer, entry);
  forget_finished();
  return say ? EdgeMessages{answer} : EdgeMessages{};
}

EdgeMessage EdgeAgreement::link_up(NodeId peer) const {
  const auto at = entries_.find(peer);
  return message_to(peer, at == entries_.end() ? Entry{} : at->second);
}

void EdgeAgreement::forget_finished() {
  for (auto at = entries_.begin(); at != entries_.end();) {
    const Entry& entry = at->second;
    const bool wanted = entry.own.last().wanted || entry.peer.last().wanted;
    const bool settled = entry.own.settled(open_) && entry.peer.settled(open_);
    at = !wanted && settled ? entries_.erase(at) : at + 1;
  }
}

bool EdgeAgreement::uses(NodeId peer, Round round) const {
  const auto at = entries_.find(peer);
  return at != entries_.end() && at->second.uses(round);
}

bool EdgeAgreement::has_all_wanted(Round round) const {
  return std::ranges::all_of(entries_, [round](const auto& entry) {
    const Entry& edge = entry.second;
    // The other end may have begun already, and named a later round.
    const bool later = edge.both_want() && edge.peer.last().from > round;
    return !edge.own.last().wanted || edge.uses(round) || later;
  });
}

std::vector<NodeId> EdgeAgreement::neighbours() const {
  std::vector<NodeId> result;
  for (const auto& [peer, entry] : entries_) {
    if (entry.in_use(open_)) result.push_back(peer);
  }
  return result;
}

std::vector<NodeId> EdgeAgreement::agreed() const {
  std::vector<NodeId> result;
  for (const auto& [peer, entry] : entries_) {
    if (entry.both_want()) result.push_back(peer);
  }
  return result;
}

bool EdgeAgreement::has_all_agreed() const {
  return std::ranges::all_of(entries_, [](const auto& entry) {
    return !entry.second.own.last().wanted || entry.second.both_want();
  });
}

std::vector<NodeId> EdgeAgreement::peers() const {
  std::vector<NodeId> result;
  for (const auto& [peer, entry] : entries_) {
    const bool needed = entry.own.last().wanted || !entry.own.settled(open_) ||
                        entry.own.wanted_before(open_) || entry.heard.wanted;
    if (needed) result.push_back(peer);
  }
  return result;
}

std::optional<Round> EdgeAgreement::agreed_from(NodeId peer) const {
  const auto at = entries_.find(peer);
  if (at == entries_.end() || !at->second.both_want()) return std::nullopt;
  return at->second.agreed();
}

}  // namespace skiptrain::core
