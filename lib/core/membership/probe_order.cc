#include "core/membership/probe_order.h"

#include <algorithm>

namespace skiptrain::core {

std::optional<NodeId> ProbeOrder::next(const std::vector<NodeId>& members, Rng& rng) {
  const auto is_member = [&](NodeId node) {
    return std::binary_search(members.begin(), members.end(), node);
  };
  while (!hastened_.empty()) {
    const NodeId node = hastened_.front();
    hastened_.erase(hastened_.begin());
    if (is_member(node)) return node;
  }
  if (members.empty()) {
    to_come_.clear();
    return std::nullopt;
  }
  for (;;) {
    if (to_come_.empty()) {
      to_come_ = members;
      rng.shuffle(to_come_);
    }
    const NodeId node = to_come_.back();
    to_come_.pop_back();
    if (is_member(node)) return node;
  }
}

void ProbeOrder::add(NodeId node, Rng& rng) {
  if (std::find(to_come_.begin(), to_come_.end(), node) != to_come_.end()) return;
  const std::size_t place = rng.below(to_come_.size() + 1);
  to_come_.insert(to_come_.begin() + static_cast<std::ptrdiff_t>(place), node);
}

void ProbeOrder::hasten(NodeId node) {
  if (hastened_.size() >= kMaxHastened) return;
  if (std::find(hastened_.begin(), hastened_.end(), node) == hastened_.end()) {
    hastened_.push_back(node);
  }
}

}  // namespace skiptrain::core
