#include "core/topology/build_topology.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "core/topology/hash_rings.h"

namespace skiptrain::core {
namespace {

using Position = Topology::Position;

Topology build_ring(std::size_t n) {
  Topology graph(n);
  for (std::size_t i = 0; n > 1 && i < n; ++i) {
    graph.add_edge(static_cast<Position>(i), static_cast<Position>((i + 1) % n));
  }
  return graph;
}

Topology build_complete(std::size_t n) {
  Topology graph(n);
  for (Position a = 0; a < n; ++a) {
    for (Position b = a + 1; b < n; ++b) graph.add_edge(a, b);
  }
  return graph;
}

Topology build_star(std::size_t n) {
  Topology graph(n);
  for (Position leaf = 1; leaf < n; ++leaf) graph.add_edge(0, leaf);
  return graph;
}

Result<Topology> build_torus(std::size_t n) {
  // The most nearly square grid; a side of 1 would be a ring under another name.
  std::size_t rows = 1;
  for (std::size_t r = 2; r * r <= n; ++r) {
    if (n % r == 0) rows = r;
  }
  if (rows == 1) {
    return fail(ErrorCode::kInvalidArgument,
                "topology torus: needs rows x columns nodes with both at least 2, and " +
                    std::to_string(n) + " is not such a product; use ring or regular:4");
  }
  const std::size_t columns = n / rows;
  Topology graph(n);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      const auto here = static_cast<Position>(r * columns + c);
      graph.add_edge(here, static_cast<Position>(r * columns + (c + 1) % columns));
      graph.add_edge(here, static_cast<Position>((r + 1) % rows * columns + c));
    }
  }
  return graph;
}

// The d-regular graph in which each node is joined to those at distance 1..d/2 around a circle
// (and, for odd d, to the opposite one).
Topology build_circulant(std::size_t n, std::uint32_t d) {
  Topology graph(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t offset = 1; offset <= d / 2; ++offset) {
      graph.add_edge(static_cast<Position>(i), static_cast<Position>((i + offset) % n));
    }
    if (d % 2 == 1)
      graph.add_edge(static_cast<Position>(i), static_cast<Position>((i + n / 2) % n));
  }
  return graph;
}

// One sweep of random edge switches (a-b, c-d -> a-d, c-b), which keep all degrees. The chain of
// such switches reaches every simple regular graph (Taylor 1981), and unlike the pairing model it
// needs no rejection, whose cost grows as exp(d^2 / 4).
void switch_edges(Topology& graph, std::vector<std::pair<Position, Position>>& edges, Rng& rng) {
  constexpr std::size_t kSwitchesPerEdge = 10;
  for (std::size_t i = 0; i < edges.size() * kSwitchesPerEdge; ++i) {
    auto& first = edges[rng.below(edges.size())];
    auto& second = edges[rng.below(edges.size())];
    auto [a, b] = first;
    auto [c, d] = second;
    if (rng.below(2) == 1) std::swap(c, d);
    if (a == c || a == d || b == c || b == d) continue;
    if (graph.has_edge(a, d) || graph.has_edge(c, b)) continue;
    graph.remove_edge(a, b);
    graph.remove_edge(c, d);
    graph.add_edge(a, d);
    graph.add_edge(c, b);
    first = {a, d};
    second = {c, b};
  }
}

Result<Topology> build_regular(std::size_t n, std::uint32_t d, std::uint64_t seed) {
  const std::string what =
      "topology regular:" + std::to_string(d) + " on " + std::to_string(n) + " nodes: ";
  if (d >= n) {
    return fail(ErrorCode::kInvalidArgument, what + "the degree must be below the number of nodes");
  }
  if (n * d % 2 != 0) {
    return fail(ErrorCode::kInvalidArgument,
                what + "nodes x degree must be even; take an even number of either");
  }
  if (d == 1 && n > 2) {
    return fail(ErrorCode::kInvalidArgument, what + "with degree 1 only two nodes are connected");
  }
  Topology graph = build_circulant(n, d);
  if (d + 1 == n) return graph;  // complete: there is nothing to switch
  Rng rng(derive_seed({seed, n, d}));
  auto edges = graph.edges();
  // For d >= 3 one sweep is connected almost surely; for d = 2 about one in sqrt(n) is.
  constexpr int kMaxSweeps = 10'000;
  for (int sweep = 0; sweep < kMaxSweeps; ++sweep) {
    switch_edges(graph, edges, rng);
    if (graph.is_connected()) return graph;
  }
  return fail(ErrorCode::kInvalidArgument, what + "found no connected graph; use another seed");
}

// Each node is joined to those at distance 2^k around the circle of positions, up to half of it:
// degree 2 log2(n) - 1 for a power of two, and about half as many hops across.
Topology build_exponential(std::size_t n) {
  Topology graph(n);
  for (std::size_t offset = 1; offset <= n / 2; offset *= 2) {
    for (std::size_t i = 0; i < n; ++i) {
      graph.add_edge(static_cast<Position>(i), static_cast<Position>((i + offset) % n));
    }
  }
  return graph;
}

Status check_size(std::size_t n) {
  if (n >= 1 && n <= kMaxTopologyNodes) return {};
  return fail(ErrorCode::kInvalidArgument, "a topology needs 1 to " +
                                               std::to_string(kMaxTopologyNodes) + " nodes, not " +
                                               std::to_string(n));
}

}  // namespace

Result<Topology> build_topology(const TopologySpec& spec, std::span<const NodeId> nodes,
                                std::uint64_t seed) {
  using Kind = TopologySpec::Kind;
  const std::size_t n = nodes.size();
  if (auto size = check_size(n); !size) return tl::unexpected(size.error());
  if (!std::ranges::is_sorted(nodes, std::less_equal<>())) {
    return fail(ErrorCode::kInvalidArgument,
                "the nodes of a topology must have ids of their own, in ascending order");
  }
  switch (spec.kind) {
    case Kind::kRing:
      return build_ring(n);
    case Kind::kComplete:
      return build_complete(n);
    case Kind::kStar:
      return build_star(n);
    case Kind::kTorus:
      return build_torus(n);
    case Kind::kExponential:
      return build_exponential(n);
    case Kind::kRegular:
      return build_regular(n, spec.parameter, seed);
    case Kind::kRings:
      return build_rings({spec.parameter, seed}, nodes);
    case Kind::kEpidemic:
      return fail(ErrorCode::kInvalidArgument,
                  "topology " + to_string(spec) +
                      ": draws its neighbours anew in each round, and here a graph that stays is "
                      "needed; use " +
                      kStaticTopologySpecs);
    case Kind::kFile:
      break;
  }
  return fail(ErrorCode::kInvalidArgument,
              "topology " + to_string(spec) + ": read the file and parse its adjacency list");
}

Result<Topology> build_topology(const TopologySpec& spec, std::size_t node_count,
                                std::uint64_t seed) {
  if (auto size = check_size(node_count); !size) return tl::unexpected(size.error());
  std::vector<NodeId> nodes(node_count);
  std::ranges::generate(nodes, [next = std::uint64_t{0}]() mutable { return NodeId(next++); });
  return build_topology(spec, nodes, seed);
}

}  // namespace skiptrain::core
