// The topology of a cluster that nodes join and leave: a graph for each membership view.
//
// A view is the list of members that count, alive and suspect, in ascending order of their ids.
// Nodes with the same spec, seed and view have the same graph; nodes whose views differ for a while
// differ about some edges, which edge_agreement.h settles. All functions are pure and thread-safe.
//
// What one join or leave changes: with rings:K at most 3K edges, so this is the one for large or
// restless clusters. complete and star change the edges of that node (of all, if it is the star's
// centre), ring three. exponential moves everybody behind the node by one position, O(n) edges.
// regular:D draws a fresh graph from (seed, set of ids), nearly all edges.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "core/topology/topology.h"
#include "core/topology/topology_spec.h"

namespace skiptrain::core {

// (smaller, larger)
using Edge = std::pair<NodeId, NodeId>;

// A view and its graph; position i is members[i].
struct MemberGraph {
  std::vector<NodeId> members;
  Topology graph{0};

  // In ascending order.
  std::vector<Edge> edges() const;
};

// What has to change to come from one graph to another, each in ascending order.
struct TopologyChange {
  std::vector<Edge> added;
  std::vector<Edge> removed;
};
TopologyChange difference(const MemberGraph& before, const MemberGraph& after);

class LivingTopology {
 public:
  // `seed`: the run's, or cluster.topology_seed. kInvalidArgument for kinds that are no graph of
  // any number of nodes: file and torus; and for epidemic:S, whose neighbours change by the round
  // and not by the view (epidemic.h).
  static Result<LivingTopology> create(TopologySpec spec, std::uint64_t seed);

  const TopologySpec& spec() const { return spec_; }

  // `members` strictly ascending, at most kMaxTopologyNodes. Connected for any view.
  //
  // regular:D takes the nearest graph that exists and has no smaller degree: D + 1 where members
  // times D is odd, and for D = 1; the complete graph where there are no more than D others.
  MemberGraph graph(std::vector<NodeId> members) const;

  // The neighbours of `self` in that graph, in ascending order; empty if it is not a member. With
  // rings:K one pass over the members, without building the graph.
  std::vector<NodeId> neighbours(std::span<const NodeId> members, NodeId self) const;

 private:
  LivingTopology(TopologySpec spec, std::uint64_t seed) : spec_(std::move(spec)), seed_(seed) {}

  TopologySpec spec_;
  std::uint64_t seed_;
};

}  // namespace skiptrain::core
