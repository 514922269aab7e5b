// What a node knows of its neighbours: who is connected, where each is on the logical clock, and
// so whose update a round should be held open for.
//
// Liveness is the transport's word (a stream is up or it is not); this class adds the clock.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/flat_map.h"
#include "base/ids.h"
#include "core/event.h"
#include "core/patience.h"

namespace skiptrain::core {

// With its NodeId one cache line, of a table that every step walks through.
struct Neighbour {
  bool ever_connected = false;
  bool connected = false;
  Activity activity = Activity::kRunning;
  std::uint32_t degree = 0;  // as its last update said; 0 before one
  Incarnation incarnation;
  // The round it was last known to work on: as it announced, or that of its last update.
  Round round;
  // The round whose update we expect next from it: as it announced, or one past its last update.
  Round next_round;
  double last_weight = 0.0;  // in our last mix
  std::uint32_t late = 0;    // its updates that came too late to be of use
  std::uint32_t missed = 0;  // rounds closed without its update though we waited for it
  Patience patience;
};

class Neighbourhood {
 public:
  explicit Neighbourhood(const std::vector<NodeId>& neighbours);

  // In NodeId order.
  const FlatMap<NodeId, Neighbour>& all() const { return neighbours_; }
  FlatMap<NodeId, Neighbour>& all() { return neighbours_; }
  // nullptr if it is none of ours.
  Neighbour* find(NodeId node);
  const Neighbour* find(NodeId node) const;
  std::uint32_t degree() const { return static_cast<std::uint32_t>(neighbours_.size()); }

  std::vector<NodeId> connected() const;
  bool all_ever_connected() const;
  bool any_connected() const;

  // True if a node at `round` should hold its round open for `neighbour`: it is connected, takes
  // part, has not passed this round, and is at most one round behind. (One that is further behind
  // will fetch our state and jump; waiting for it would stop everybody.)
  static bool worth_waiting_for(const Neighbour& neighbour, Round round);

  // A connected neighbour that works on a round more than `allowed_lead` ahead of `round`; the
  // furthest, if several. (An update of the next round is early, and no sign that this node fell
  // behind.)
  std::optional<NodeId> furthest_ahead(Round round, std::uint64_t allowed_lead = 1) const;

 private:
  FlatMap<NodeId, Neighbour> neighbours_;
};

}  // namespace skiptrain::core
