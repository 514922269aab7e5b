// Who mixes with whom: an undirected simple graph on positions 0..n-1, the nodes of a cluster in
// the order of their NodeIds.
//
// A value: not thread-safe while it changes, freely shared afterwards. build_topology.h makes one
// from a spec, adjacency_list.h from a file's text, living_topology.h from a membership view.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace skiptrain::core {

inline constexpr std::size_t kMaxTopologyNodes = 1'000'000;

class Topology {
 public:
  using Position = std::uint32_t;

  explicit Topology(std::size_t node_count) : neighbours_(node_count) {}

  std::size_t node_count() const { return neighbours_.size(); }
  // In ascending order.
  const std::vector<Position>& neighbours(Position node) const { return neighbours_[node]; }
  std::size_t degree(Position node) const { return neighbours_[node].size(); }
  bool has_edge(Position a, Position b) const;
  // Each edge once, as (smaller, larger), in ascending order.
  std::vector<std::pair<Position, Position>> edges() const;

  // No effect if the edge is there already. a != b, both in range.
  void add_edge(Position a, Position b);
  void remove_edge(Position a, Position b);

  // Every node can reach every other. True for one node, and for none.
  bool is_connected() const;
  // The nodes that `start` can reach, itself the first, nearest first.
  std::vector<Position> reachable_from(Position start) const;
  // The longest of the shortest paths that begin at `start`, in edges; of those it can reach.
  std::size_t eccentricity(Position start) const;
  // The longest of all shortest paths, in edges; 0 for one node. Requires a connected graph. A
  // breadth-first search from each node: a third of a second on 4096 nodes of degree 8.
  std::size_t diameter() const;

  bool operator==(const Topology&) const = default;

 private:
  std::vector<std::vector<Position>> neighbours_;
};

}  // namespace skiptrain::core
