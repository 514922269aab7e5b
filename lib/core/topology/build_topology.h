// Graphs from specs. All builders are pure: the same spec, nodes and seed give the same graph on
// every node, which is how nodes agree on it without a coordinator.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/ids.h"
#include "core/topology/topology.h"
#include "core/topology/topology_spec.h"

namespace skiptrain::core {

// The graph on these nodes, in strictly ascending order: position i is nodes[i]. Only rings:K looks
// at the ids, the others at their number alone. kInvalidArgument if no such graph exists: an odd
// n * d, d >= n, a torus on a prime number of nodes; for a file, which is read elsewhere
// (adjacency_list.h); and for epidemic:S, which has no graph (epidemic.h).
Result<Topology> build_topology(const TopologySpec& spec, std::span<const NodeId> nodes,
                                std::uint64_t seed);

// The same on nodes with the ids 0..node_count-1.
Result<Topology> build_topology(const TopologySpec& spec, std::size_t node_count,
                                std::uint64_t seed);

}  // namespace skiptrain::core
