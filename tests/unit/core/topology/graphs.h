// Graphs and member lists for the tests of core/topology.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "core/topology/build_topology.h"

namespace skiptrain::core::testing {

// The graph of a spec that exists.
inline Topology build(const std::string& spec, std::size_t nodes, std::uint64_t seed = 3) {
  return build_topology(parse_topology_spec(spec).value(), nodes, seed).value();
}

// Ids scattered over all 64 bits, in ascending order.
inline std::vector<NodeId> scattered_ids(std::size_t count, Rng& rng) {
  std::set<NodeId> ids;
  while (ids.size() < count) ids.emplace(rng.next());
  return {ids.begin(), ids.end()};
}

// Some edges at random; may be in several parts.
inline Topology random_graph(std::size_t nodes, double density, Rng& rng) {
  Topology graph(nodes);
  for (Topology::Position a = 0; a < nodes; ++a) {
    for (Topology::Position b = a + 1; b < nodes; ++b) {
      if (rng.uniform() < density) graph.add_edge(a, b);
    }
  }
  return graph;
}

}  // namespace skiptrain::core::testing
