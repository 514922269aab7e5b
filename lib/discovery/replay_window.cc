#include "discovery/replay_window.h"

#include <algorithm>

namespace skiptrain::discovery {

bool ReplayWindow::accept(std::uint64_t sequence) {
  const std::uint64_t word = sequence / kWordBits;
  if (!any_ || sequence > largest_) {
    // Words between the newest and this one belong to numbers of long ago.
    const std::uint64_t newest = any_ ? largest_ / kWordBits : word;
    const std::uint64_t steps = std::min(word - newest, kWords);
    for (std::uint64_t i = 1; i <= steps; ++i) seen_[(newest + i) % kWords] = 0;
    largest_ = sequence;
    any_ = true;
  } else if (largest_ - sequence >= kWidth) {
    return false;
  }
  const std::uint64_t bit = std::uint64_t{1} << (sequence % kWordBits);
  std::uint64_t& bits = seen_[word % kWords];
  if ((bits & bit) != 0) return false;
  bits |= bit;
  return true;
}

ReplayGuard::Sender& ReplayGuard::find_or_add(NodeId sender, Incarnation incarnation) {
  const auto found = senders_.find(sender);
  if (found != senders_.end()) return found->second;
  if (senders_.size() >= max_senders_) {
    senders_.erase(std::min_element(senders_.begin(), senders_.end(), [](auto& a, auto& b) {
      return a.second.last_heard < b.second.last_heard;
    }));
  }
  Sender& added = senders_[sender];
  added.incarnation = incarnation;
  added.last_heard = calls_;
  return added;
}

Freshness ReplayGuard::accept(NodeId sender, Incarnation incarnation, std::uint64_t sequence) {
  ++calls_;
  Sender& known = find_or_add(sender, incarnation);
  if (incarnation < known.incarnation) return Freshness::kEarlierStart;
  if (incarnation > known.incarnation) {
    known.incarnation = incarnation;
    known.window = ReplayWindow();
  }
  known.last_heard = calls_;
  return known.window.accept(sequence) ? Freshness::kNew : Freshness::kSeen;
}

void ReplayGuard::raise_floor(NodeId sender, Incarnation incarnation) {
  Sender& known = find_or_add(sender, incarnation);
  if (incarnation <= known.incarnation) return;
  known.incarnation = incarnation;
  known.window = ReplayWindow();
}

}  // namespace skiptrain::discovery
