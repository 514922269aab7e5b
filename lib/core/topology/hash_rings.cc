#include "core/topology/hash_rings.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/rng.h"

namespace skiptrain::core {
namespace {

// Tells these hashes from other streams of the same seed.
constexpr std::uint64_t kStream = 0x72696e6773;  // "rings"

}  // namespace

std::uint64_t ring_coordinate(const HashRings& options, std::uint32_t ring, NodeId node) {
  // derive_seed is a bijection of its last part, so that no two nodes collide.
  return derive_seed({options.seed, kStream, ring, node.value()});
}

Topology build_rings(const HashRings& options, std::span<const NodeId> nodes) {
  const std::size_t n = nodes.size();
  Topology graph(n);
  std::vector<std::uint64_t> coordinates(n);
  std::vector<Topology::Position> order(n);
  for (std::uint32_t ring = 0; n > 1 && ring < options.rings; ++ring) {
    for (std::size_t i = 0; i < n; ++i) coordinates[i] = ring_coordinate(options, ring, nodes[i]);
    std::iota(order.begin(), order.end(), Topology::Position{0});
    std::ranges::sort(order, {}, [&](Topology::Position i) { return coordinates[i]; });
    for (std::size_t i = 0; i < n; ++i) graph.add_edge(order[i], order[(i + 1) % n]);
  }
  return graph;
}

std::vector<NodeId> ring_neighbours(const HashRings& options, std::span<const NodeId> nodes,
                                    NodeId self) {
  std::vector<NodeId> neighbours;
  for (std::uint32_t ring = 0; ring < options.rings; ++ring) {
    const std::uint64_t own = ring_coordinate(options, ring, self);
    // Distances clockwise, modulo 2^64: the smallest is the next node, the largest the one before.
    std::uint64_t smallest = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t largest = 0;
    NodeId next;
    NodeId previous;
    for (const NodeId node : nodes) {
      if (node == self) continue;
      const std::uint64_t distance = ring_coordinate(options, ring, node) - own;
      if (distance <= smallest) {
        smallest = distance;
        next = node;
      }
      if (distance >= largest) {
        largest = distance;
        previous = node;
      }
    }
    if (largest == 0) return {};  // nobody else: another node's distance is never 0
    neighbours.push_back(next);
    neighbours.push_back(previous);
  }
  std::ranges::sort(neighbours);
  const auto repeated = std::ranges::unique(neighbours);
  neighbours.erase(repeated.begin(), repeated.end());
  return neighbours;
}

}  // namespace skiptrain::core
