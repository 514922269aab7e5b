// One end of an edge, for the tests of EdgeAgreement.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/topology/edge_agreement.h"

namespace skiptrain::core::testing {

inline constexpr NodeId kA(1);
inline constexpr NodeId kB(2);

// A node of that id, and what it wants of the other.
struct End {
  End(NodeId self, std::uint64_t round) : id(self), agreement(Round(round)) {}
  NodeId other() const { return id == kA ? kB : kA; }
  EdgeMessages want(bool wanted) {
    const std::vector<NodeId> neighbours = {other()};
    return agreement.want(wanted ? std::span(neighbours) : std::span<const NodeId>());
  }
  bool uses(std::uint64_t round) const { return agreement.uses(other(), Round(round)); }

  NodeId id;
  EdgeAgreement agreement;
};

}  // namespace skiptrain::core::testing
