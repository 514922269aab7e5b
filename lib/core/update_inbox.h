// The neighbours' updates that a node holds: for the round in progress and for the next one.
//
// At most two per neighbour, whatever the neighbours send. An update tagged with a past round is
// late and dropped; one for a round already filled is a duplicate and dropped; one for the round
// after the next means that this node fell behind, and is not kept (see node.h).
//
// With a staleness (mode async) it holds one per neighbour, the newest, from the time it comes
// until it is mixed, replaced, or more than that many rounds old. One that is older than the newest
// that came from its sender, mixed or not, is late.
#pragma once

#include <cstdint>
#include <optional>

#include "base/flat_map.h"
#include "base/ids.h"
#include "model/model_update.h"

namespace skiptrain::core {

enum class UpdateVerdict { kAccepted, kEarly, kLate, kDuplicate, kAhead };

struct UpdateCounters {
  std::uint64_t accepted = 0;
  std::uint64_t early = 0;
  std::uint64_t late = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t ahead = 0;
};

class UpdateInbox {
 public:
  UpdateInbox() = default;
  // nullopt: updates are of use in their own round alone.
  explicit UpdateInbox(std::optional<std::uint64_t> max_staleness)
      : max_staleness_(max_staleness) {}

  Round round() const { return round_; }
  // Moves the clock, forwards only. Drops what is now in the past; an update kept for the new round
  // becomes current.
  void advance_to(Round round);

  UpdateVerdict accept(NodeId from, const ModelUpdate& update);
  // After `advance_to`, keep further updates although the round to jump to is not yet known: while
  // `catching_up`, the newest early update of each neighbour is kept whatever its round.
  void set_catching_up(bool catching_up) { catching_up_ = catching_up; }

  bool has(NodeId from) const { return current_.contains(from); }
  // Only what came from these, which are in ascending order, is still of use.
  void keep_only(const std::vector<NodeId>& senders);
  // How many updates there are to mix.
  std::size_t usable() const;
  bool has_any() const { return usable() > 0; }
  // The update of a neighbour to mix in this round; nullptr: none yet. A mix may take its
  // parameters away: that it came is still known then, and another one is a duplicate.
  ModelUpdate* find(NodeId from);
  const FlatMap<NodeId, ModelUpdate>& current() const { return current_; }
  std::size_t held() const { return current_.size() + next_.size(); }
  const UpdateCounters& counters() const { return counters_; }

 private:
  UpdateVerdict accept_stale(NodeId from, const ModelUpdate& update);
  bool is_too_old(Round tag) const;

  std::optional<std::uint64_t> max_staleness_;
  Round round_;
  bool catching_up_ = false;
  // Tagged round_; with a staleness, the newest of each neighbour. Without parameters: mixed.
  FlatMap<NodeId, ModelUpdate> current_;
  FlatMap<NodeId, ModelUpdate> next_;  // tagged round_ + 1; later ones while catching up
  UpdateCounters counters_;
};

}  // namespace skiptrain::core
