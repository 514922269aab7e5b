// In which order members are probed: all of them once in random order, then again in another
// (SWIM, section 4.3). So the time until a failed member is probed is bounded, by 2n - 1 intervals,
// and its mean is as if each were drawn at random.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"

namespace skiptrain::core {

class ProbeOrder {
 public:
  // The next of `members`, which is sorted; nullopt if there is none.
  std::optional<NodeId> next(const std::vector<NodeId>& members, Rng& rng);
  // A new member takes a random place among those still to come.
  void add(NodeId node, Rng& rng);
  // Next, out of turn, and once; its turn stays.
  void hasten(NodeId node);

 private:
  static constexpr std::size_t kMaxHastened = 64;  // others wait for their turn

  std::vector<NodeId> to_come_;  // the next one last
  std::vector<NodeId> hastened_;
};

}  // namespace skiptrain::core
