// Who mixes with whom: an undirected, connected, simple graph on positions 0..n-1, the nodes of a
// cluster in the order of their NodeIds.
//
// All builders are pure: the same spec, size and seed give the same graph on every node, which is
// how nodes agree on it without a coordinator. Reading a `file:` is the caller's business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace skiptrain::core {

// What an operator writes: ring, complete, star, torus, regular:D or file:PATH.
struct TopologySpec {
  enum class Kind { kRing, kComplete, kStar, kTorus, kRegular, kFile };
  Kind kind = Kind::kRing;
  std::uint32_t degree = 0;  // kRegular only
  std::string path;          // kFile only

  bool operator==(const TopologySpec&) const = default;
};

Result<TopologySpec> parse_topology_spec(std::string_view text);
std::string to_string(const TopologySpec& spec);

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
  // The longest of all shortest paths, in edges; 0 for one node. Requires a connected graph.
  std::size_t diameter() const;

  bool operator==(const Topology&) const = default;

 private:
  // Distances in edges from `start`; kUnreached for nodes that cannot be reached.
  std::vector<std::uint32_t> distances_from(Position start) const;

  std::vector<std::vector<Position>> neighbours_;
};

// Builds every kind but kFile. kInvalidArgument if no such graph exists: an odd n * d, d >= n, a
// torus on a prime number of nodes.
Result<Topology> build_topology(const TopologySpec& spec, std::size_t node_count,
                                std::uint64_t seed);

// Parses an adjacency list: the number of nodes on the first line, then one `u v` pair a line.
// Either every edge stands there once, or every edge stands in both directions; a mixture is
// refused as asymmetric. Blank lines and lines that start with # are skipped. `source` names the
// text in errors (FILE:LINE: ...).
Result<Topology> parse_adjacency_list(std::string_view text, std::string_view source);

}  // namespace skiptrain::core
