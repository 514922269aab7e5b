#include "core/topology/edge_agreement.h"

namespace skiptrain::core {

std::string to_string(const EdgeClaim& claim) {
  return claim.wanted ? "wanted from round " + to_string(claim.from) : "not wanted";
}

void EdgeWish::claim(const EdgeClaim& claim, Round now) {
  const bool wanted_now = wanted_in(now);
  const bool moves = claim.wanted && last_.wanted;
  last_ = claim;
  // What is wanted already and has a round that passed stays as it is.
  if (moves && wanted_now && claim.from <= now) return;
  const Round from = std::max(claim.from, now.next());
  const Round first_changed = moves ? now.next() : from;
  std::erase_if(changes_, [&](const auto& change) { return change.first >= first_changed; });
  if (moves && wanted_now && from > first_changed) changes_.emplace_back(first_changed, false);
  changes_.emplace_back(from, claim.wanted);
  if (changes_.size() > kMaxChanges) changes_.erase(changes_.begin());
}

void EdgeWish::begin_round(Round now) {
  while (changes_.size() > 1 && changes_[1].first <= now) changes_.erase(changes_.begin());
}

bool EdgeWish::wanted_in(Round round) const {
  bool wanted = false;
  for (const auto& [from, change] : changes_) {
    if (from <= round) wanted = change;
  }
  return wanted;
}

bool EdgeWish::settled(Round now) const {
  return changes_.empty() || changes_.back().first <= now;
}

void EdgeAgreement::begin_round(Round round) {
  round_ = std::max(round_, round);
  for (auto& [peer, entry] : entries_) {
    entry.own.begin_round(round_);
    entry.peer.begin_round(round_);
  }
  forget_finished();
}

EdgeMessages EdgeAgreement::want(std::span<const NodeId> neighbours) {
  EdgeMessages messages;
  for (auto& [peer, entry] : entries_) {
    if (!entry.own.last().wanted || std::ranges::binary_search(neighbours, peer)) continue;
    entry.own.claim({false, Round(round_.value() + kLead)}, round_);
    entry.lead = kLead;
    messages.push_back(message_to(peer, entry));
  }
  for (const NodeId peer : neighbours) {
    Entry& entry = entries_.emplace(peer, Entry{}).first->second;
    if (entry.own.last().wanted) continue;
    entry.own.claim({true, Round(round_.value() + kLead)}, round_);
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
  const bool in_use = entry.uses(round_);
  const bool is_new = !(entry.peer.last() == message.claim);
  entry.heard = message.heard;
  if (is_new) entry.peer.claim(message.claim, round_);
  if (is_new && entry.both_want() && entry.agreed() <= round_ && !in_use) {
    // The other end may wait for us since then, or be late as well: name a round that both can
    // still keep.
    entry.lead = std::min(2 * entry.lead, kMaxLead);
    entry.own.claim({true, Round(round_.value() + entry.lead)}, round_);
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
    const bool settled = entry.own.settled(round_) && entry.peer.settled(round_);
    at = !wanted && settled ? entries_.erase(at) : at + 1;
  }
}

bool EdgeAgreement::uses(NodeId peer, Round round) const {
  const auto at = entries_.find(peer);
  return at != entries_.end() && at->second.uses(round);
}

std::vector<NodeId> EdgeAgreement::neighbours() const {
  std::vector<NodeId> result;
  for (const auto& [peer, entry] : entries_) {
    if (entry.uses(round_)) result.push_back(peer);
  }
  return result;
}

std::vector<NodeId> EdgeAgreement::peers() const {
  std::vector<NodeId> result;
  for (const auto& [peer, entry] : entries_) {
    const bool needed = entry.own.last().wanted || !entry.own.settled(round_) ||
                        entry.own.wanted_in(round_) || entry.heard.wanted;
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
