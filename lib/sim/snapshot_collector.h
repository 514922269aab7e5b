// Puts together the cuts of a run (snapshot.h) while its nodes pass the rounds at different times.
// Inside lib/sim only. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "sim/faults.h"
#include "sim/snapshot.h"

namespace skiptrain::sim {

class SnapshotCollector {
 public:
  // `every` rounds; 0: never.
  SnapshotCollector(std::uint64_t every, std::size_t nodes) : every_(every), nodes_(nodes) {}

  bool is_active() const { return every_ > 0; }

  // A node went on from round `before` to `state.round`: it is added to all cuts between them.
  void node_committed(Position position, Round before, const NodeSnapshot& state) {
    for (std::uint64_t cut = (before.value() / every_ + 1) * every_; cut <= state.round.value();
         cut += every_) {
      if (newest_done_ && cut <= newest_done_) continue;
      auto& pending = pending_[cut];
      if (pending.nodes.empty()) pending.nodes.resize(nodes_);
      auto& place = pending.nodes[position];
      if (place.taken) continue;
      place = {true, state};
      ++pending.taken;
    }
  }

  // Hands over the cuts that every node that is up has passed, oldest first. `fallback(position)`
  // is the newest state of a node that is down; `is_up(position)` tells, and `up` is their number.
  template <typename IsUp, typename Fallback, typename Take>
  void take_complete(std::size_t up, const IsUp& is_up, const Fallback& fallback,
                     const Take& take) {
    while (!pending_.empty()) {
      auto& [cut, pending] = *pending_.begin();
      if (pending.taken < up) return;
      for (Position i = 0; i < nodes_; ++i) {
        if (!pending.nodes[i].taken && is_up(i)) return;
      }
      Snapshot snapshot;
      snapshot.round = Round(cut);
      for (Position i = 0; i < nodes_; ++i) {
        auto& place = pending.nodes[i];
        snapshot.nodes.push_back(place.taken ? std::move(place.state) : fallback(i));
        snapshot.virtual_time = std::max(snapshot.virtual_time, snapshot.nodes.back().committed_at);
      }
      newest_done_ = cut;
      pending_.erase(pending_.begin());
      take(snapshot);
    }
  }

 private:
  struct Place {
    bool taken = false;
    NodeSnapshot state;
  };
  struct Pending {
    std::vector<Place> nodes;
    std::size_t taken = 0;
  };

  std::uint64_t every_;
  std::size_t nodes_;
  std::uint64_t newest_done_ = 0;
  std::map<std::uint64_t, Pending> pending_;
};

}  // namespace skiptrain::sim
