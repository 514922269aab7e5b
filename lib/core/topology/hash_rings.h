// rings:K. Each node has a coordinate on each of K rings, hashed from (seed, ring, NodeId), and is
// joined to the next node in both directions on each ring.
//
// Each ring is a random Hamiltonian cycle, so the graph is connected, nearly 2K-regular (less where
// two rings make the same neighbours) and mixes nearly as well as a random regular graph. Where
// a node stands depends on nobody else: one that joins or leaves only changes the edges of those
// beside it on each ring, at most 3K in all (K between them, 2K of its own). A node finds its
// neighbours in one pass over the members, without building the graph. Law and Siu, "Distributed
// construction of random expander networks", INFOCOM 2003, build such graphs by random walks; a
// hash gives everybody the same one without a message.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "core/topology/topology.h"

namespace skiptrain::core {

struct HashRings {
  std::uint32_t rings = 1;  // K
  std::uint64_t seed = 0;
};

// Where `node` stands on ring 0..K-1. Two nodes never stand in one place of a ring.
std::uint64_t ring_coordinate(const HashRings& options, std::uint32_t ring, NodeId node);

// The whole graph; position i is nodes[i]. `nodes` are unique.
Topology build_rings(const HashRings& options, std::span<const NodeId> nodes);

// The neighbours of `self` in that graph, in ascending order; `self` may be missing in `nodes` and
// has then the neighbours that it would have on joining.
std::vector<NodeId> ring_neighbours(const HashRings& options, std::span<const NodeId> nodes,
                                    NodeId self);

}  // namespace skiptrain::core
