#include "core/update_inbox.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace skiptrain::core {

void UpdateInbox::advance_to(Round round) {
  SKIPTRAIN_CHECK(round >= round_, "the logical clock never goes back");
  if (round == round_) return;
  round_ = round;
  if (max_staleness_) {
    for (auto entry = current_.begin(); entry != current_.end();) {
      entry = is_too_old(entry->second.round) ? current_.erase(entry) : std::next(entry);
    }
    return;
  }
  current_.clear();
  for (auto entry = next_.begin(); entry != next_.end();) {
    const Round tag = entry->second.round;
    if (tag == round_) current_.emplace(entry->first, std::move(entry->second));
    entry = tag <= round_ ? next_.erase(entry) : std::next(entry);
  }
}

void UpdateInbox::keep_only(const std::vector<NodeId>& senders) {
  for (auto* held : {&current_, &next_}) {
    for (auto entry = held->begin(); entry != held->end();) {
      const bool stays = std::ranges::binary_search(senders, entry->first);
      entry = stays ? std::next(entry) : held->erase(entry);
    }
  }
}

ModelUpdate* UpdateInbox::find(NodeId from) {
  const auto entry = current_.find(from);
  return entry != current_.end() && entry->second.parameters ? &entry->second : nullptr;
}

std::size_t UpdateInbox::usable() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      current_, [](const auto& entry) { return entry.second.parameters != nullptr; }));
}

bool UpdateInbox::is_too_old(Round tag) const {
  return tag.value() + *max_staleness_ < round_.value();
}

UpdateVerdict UpdateInbox::accept_stale(NodeId from, const ModelUpdate& update) {
  if (is_too_old(update.round)) {
    ++counters_.late;
    return UpdateVerdict::kLate;
  }
  const auto [held, fresh] = current_.emplace(from, update);
  if (!fresh && update.round == held->second.round) {
    ++counters_.duplicate;
    return UpdateVerdict::kDuplicate;
  }
  if (!fresh && update.round < held->second.round) {
    ++counters_.late;
    return UpdateVerdict::kLate;
  }
  if (!fresh) held->second = update;
  if (update.round.value() > round_.value() + *max_staleness_) {
    ++counters_.ahead;
    return UpdateVerdict::kAhead;
  }
  ++(update.round > round_ ? counters_.early : counters_.accepted);
  return update.round > round_ ? UpdateVerdict::kEarly : UpdateVerdict::kAccepted;
}

UpdateVerdict UpdateInbox::accept(NodeId from, const ModelUpdate& update) {
  if (max_staleness_) return accept_stale(from, update);
  if (update.round < round_) {
    ++counters_.late;
    return UpdateVerdict::kLate;
  }
  if (update.round == round_) {
    if (!current_.emplace(from, update).second) {
      ++counters_.duplicate;
      return UpdateVerdict::kDuplicate;
    }
    ++counters_.accepted;
    return UpdateVerdict::kAccepted;
  }
  const bool ahead = update.round > round_.next();
  if (ahead) ++counters_.ahead;
  if (ahead && !catching_up_) return UpdateVerdict::kAhead;
  const auto [held, fresh] = next_.emplace(from, update);
  if (!fresh) {
    if (held->second.round == update.round) {
      ++counters_.duplicate;
      return UpdateVerdict::kDuplicate;
    }
    if (held->second.round < update.round) held->second = update;
  }
  if (ahead) return UpdateVerdict::kAhead;
  ++counters_.early;
  return UpdateVerdict::kEarly;
}

}  // namespace skiptrain::core
