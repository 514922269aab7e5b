#include "core/topology/living_topology.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "base/rng.h"
#include "core/topology/build_topology.h"
#include "core/topology/hash_rings.h"

namespace skiptrain::core {
namespace {

using Kind = TopologySpec::Kind;
using Position = Topology::Position;

// Another set of ids, another graph.
std::uint64_t seed_of_view(std::uint64_t seed, std::span<const NodeId> members) {
  for (const NodeId member : members) seed = derive_seed({seed, member.value()});
  return seed;
}

// The degree that regular:D has on n nodes, see graph().
std::uint32_t degree_that_exists(std::uint32_t degree, std::size_t n) {
  if (degree == 1 && n > 2) degree = 2;
  if (n * degree % 2 != 0) ++degree;
  return static_cast<std::uint32_t>(std::min<std::size_t>(degree, n - 1));
}

}  // namespace

std::vector<Edge> MemberGraph::edges() const {
  std::vector<Edge> result;
  for (const auto& [a, b] : graph.edges()) result.emplace_back(members[a], members[b]);
  return result;
}

TopologyChange difference(const MemberGraph& before, const MemberGraph& after) {
  const std::vector<Edge> old_edges = before.edges();
  const std::vector<Edge> new_edges = after.edges();
  TopologyChange change;
  std::ranges::set_difference(new_edges, old_edges, std::back_inserter(change.added));
  std::ranges::set_difference(old_edges, new_edges, std::back_inserter(change.removed));
  return change;
}

Result<LivingTopology> LivingTopology::create(TopologySpec spec, std::uint64_t seed) {
  constexpr const char* kUse = "; use ring, complete, star, exponential, regular:D or rings:K";
  const auto refuse = [&spec](const char* why) {
    return fail(ErrorCode::kInvalidArgument, "topology " + to_string(spec) + ": " + why + kUse);
  };
  switch (spec.kind) {
    case Kind::kFile:
      return refuse(
          "a file's graph is of one set of nodes, and this cluster's nodes join and leave");
    case Kind::kTorus:
      return refuse(
          "does not exist for every number of nodes, and this cluster's nodes join and leave");
    case Kind::kEpidemic:
      return refuse("draws its neighbours anew in each round, and here edges that stay are needed");
    default:
      return LivingTopology(std::move(spec), seed);
  }
}

MemberGraph LivingTopology::graph(std::vector<NodeId> members) const {
  if (members.empty()) return {};
  TopologySpec spec = spec_;
  std::uint64_t seed = seed_;
  if (spec.kind == Kind::kRegular) {
    spec.parameter = degree_that_exists(spec.parameter, members.size());
    if (spec.parameter + 1 >= members.size()) spec = {Kind::kComplete, 0, ""};
    seed = seed_of_view(seed, members);
  }
  auto graph = build_topology(spec, members, seed);
  // A sweep of edge switches that disconnects a 2-regular graph may be repeated without luck; the
  // ring is such a graph as well.
  if (!graph && spec.kind == Kind::kRegular) {
    graph = build_topology({Kind::kRing, 0, ""}, members, seed);
  }
  SKIPTRAIN_CHECK(graph, "members are strictly ascending, and the graph exists for any number");
  return {std::move(members), *std::move(graph)};
}

std::vector<NodeId> LivingTopology::neighbours(std::span<const NodeId> members, NodeId self) const {
  const auto at = std::ranges::lower_bound(members, self);
  if (at == members.end() || *at != self) return {};
  if (spec_.kind == Kind::kRings) return ring_neighbours({spec_.parameter, seed_}, members, self);
  const MemberGraph view = graph({members.begin(), members.end()});
  std::vector<NodeId> result;
  for (const Position j : view.graph.neighbours(static_cast<Position>(at - members.begin()))) {
    result.push_back(members[j]);
  }
  return result;
}

}  // namespace skiptrain::core
