// What a node knows of its neighbours: who is connected, where each is on the logical clock, and
// so whose update a round should be held open for.
//
// Liveness is the transport's word (a stream is up or it is not); this class adds the clock. Where
// nodes come and go, or are drawn anew each round, it also holds nodes that are linked but have no
// edge in the round in progress.
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
  bool out_edge = true;  // in the round in progress our update goes to it
  bool in_edge = true;   // and its update is expected here; the same, but in directed graphs
  Activity activity = Activity::kRunning;
  bool presumed = false;     // its next_round is a guess, and not news of it
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
  // `come_and_go`: others may become neighbours later, so that having none is no reason to run on
  // without them.
  explicit Neighbourhood(const std::vector<NodeId>& neighbours, bool come_and_go = false);

  // In NodeId order.
  const FlatMap<NodeId, Neighbour>& all() const { return neighbours_; }
  FlatMap<NodeId, Neighbour>& all() { return neighbours_; }
  // nullptr if it is none of ours.
  Neighbour* find(NodeId node);
  const Neighbour* find(NodeId node) const;
  // Of the round in progress: to how many our update goes.
  std::uint32_t degree() const;
  // Could there be neighbours, now or later?
  bool may_have_neighbours() const { return come_and_go_ || !neighbours_.empty(); }

  // From now on the linked nodes are these, in ascending order; what is known of those that stay is
  // kept, new ones have no edge yet. True if that changed anything.
  bool link(const std::vector<NodeId>& nodes);
  // The edges of `round`: our update goes to `out`, and those of `in` are expected; both in
  // ascending order. Without an edge there is no news of a neighbour's round, so one that was in
  // step when last heard of, at most kNewsLag rounds ago, is taken to be so when its edge begins.
  static constexpr std::uint64_t kNewsLag = 4;
  void set_edges(const std::vector<NodeId>& out, const std::vector<NodeId>& in, Round round);
  // All whose updates are expected are taken to be at `round` as we are, unless they said otherwise
  // lately: where partners change by the round, a node does not hear of each other one in every
  // round. One that did not keep such a promise is not taken so again until it is heard of.
  void expect_in_step(Round round);

  // In ascending order.
  std::vector<NodeId> linked() const;
  std::vector<NodeId> connected() const;
  // Those of `connected` to which our update goes in this round.
  std::vector<NodeId> receivers() const;
  bool all_ever_connected() const;
  bool any_connected() const;

  // True if a node at `round` should hold its round open for `neighbour`: its update is expected in
  // this round, it is connected, takes part, has not passed this round, and is at most one round
  // behind. (One that is further behind will fetch our state and jump; waiting for it would stop
  // everybody.)
  static bool worth_waiting_for(const Neighbour& neighbour, Round round);

  // A connected neighbour that works on a round more than `allowed_lead` ahead of `round`; the
  // furthest, if several. (An update of the next round is early, and no sign that this node fell
  // behind.)
  std::optional<NodeId> furthest_ahead(Round round, std::uint64_t allowed_lead = 1) const;

 private:
  static void presume_in_step(Neighbour& neighbour, Round round);

  FlatMap<NodeId, Neighbour> neighbours_;
  bool come_and_go_ = false;
};

}  // namespace skiptrain::core
