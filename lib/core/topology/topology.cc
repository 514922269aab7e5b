#include "core/topology/topology.h"

#include <algorithm>

#include "base/check.h"

namespace skiptrain::core {
namespace {

using Position = Topology::Position;

// The nodes that `start` can reach, nearest first, and the distance of the last.
struct Reached {
  std::vector<Position> nodes;
  std::size_t furthest = 0;
};

Reached search_from(const Topology& graph, Position start) {
  const std::size_t n = graph.node_count();
  Reached reached{{start}, 0};
  reached.nodes.reserve(n);
  std::vector<bool> seen(n, false);
  seen[start] = true;
  // Level by level. Stops with the last node found, which in a dense graph is long before the last
  // edge.
  for (std::size_t head = 0; head < reached.nodes.size() && reached.nodes.size() < n;) {
    const std::size_t level_end = reached.nodes.size();
    for (; head < level_end && reached.nodes.size() < n; ++head) {
      for (const Position next : graph.neighbours(reached.nodes[head])) {
        if (seen[next]) continue;
        seen[next] = true;
        reached.nodes.push_back(next);
      }
    }
    if (reached.nodes.size() > level_end) ++reached.furthest;
  }
  return reached;
}

}  // namespace

bool Topology::has_edge(Position a, Position b) const {
  return std::ranges::binary_search(neighbours_[a], b);
}

std::vector<std::pair<Position, Position>> Topology::edges() const {
  std::vector<std::pair<Position, Position>> result;
  for (Position a = 0; a < node_count(); ++a) {
    for (const Position b : neighbours_[a]) {
      if (a < b) result.emplace_back(a, b);
    }
  }
  return result;
}

void Topology::add_edge(Position a, Position b) {
  SKIPTRAIN_CHECK(a != b && a < node_count() && b < node_count(), "an edge joins two nodes");
  const auto insert = [](std::vector<Position>& list, Position node) {
    const auto at = std::ranges::lower_bound(list, node);
    if (at == list.end() || *at != node) list.insert(at, node);
  };
  insert(neighbours_[a], b);
  insert(neighbours_[b], a);
}

void Topology::remove_edge(Position a, Position b) {
  std::erase(neighbours_[a], b);
  std::erase(neighbours_[b], a);
}

bool Topology::is_connected() const {
  return node_count() == 0 || reachable_from(0).size() == node_count();
}

std::vector<Position> Topology::reachable_from(Position start) const {
  return search_from(*this, start).nodes;
}

std::size_t Topology::eccentricity(Position start) const {
  return search_from(*this, start).furthest;
}

std::size_t Topology::diameter() const {
  std::size_t longest = 0;
  for (Position start = 0; start < node_count(); ++start) {
    longest = std::max(longest, eccentricity(start));
  }
  return longest;
}

}  // namespace skiptrain::core
