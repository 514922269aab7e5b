// epidemic:S. In each round each node sends its update to S others, drawn anew from (run seed,
// round, position): EL-Local of Epidemic Learning (de Vos et al., arXiv 2310.01972).
//
// A directed graph that lasts one round. A node that got the updates of a set R of others mixes
// x(t+1) = (x(t+1/2) + sum over R of x_j(t+1/2)) / (|R| + 1). That is row-stochastic for any R, so
// it needs no degree of the sender and no agreement: a lost update, or one of a node that saw other
// members and so drew other receivers, leaves a proper mean. It is column-stochastic only in
// expectation, so a round may move the mean of all models; the mixes of the static topologies never
// do. The mean number of updates received is S, that of a node in a round varies: with probability
// about exp(-S) it is none.
//
// The draw is of the shared seed where the paper's is private, so that every node can tell whose
// updates to expect, and a run can be repeated.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "core/topology/topology.h"

namespace skiptrain::core {

// What decides all draws of one round.
struct EpidemicDraw {
  std::uint64_t seed = 0;  // the run's
  Round round;
  std::size_t nodes = 0;        // n: the members that count, in the order of their NodeIds
  std::uint32_t receivers = 1;  // S; if there are fewer others, all of them
};

// The S nodes that the node at `position` sends to, uniform without repeats, never itself; in
// ascending order. position < nodes.
std::vector<Topology::Position> epidemic_out_neighbours(const EpidemicDraw& draw,
                                                        Topology::Position position);

// The nodes that send to the one at `position`, in ascending order. Repeats the draws of all n
// nodes: O(n S). (Whoever wants it of every node turns the out-neighbours around instead.)
std::vector<Topology::Position> epidemic_in_neighbours(const EpidemicDraw& draw,
                                                       Topology::Position position);

// The weight of each of `received` updates in the mix, and of the node's own.
constexpr double epidemic_weight(std::size_t received) {
  return 1.0 / (1.0 + static_cast<double>(received));
}

}  // namespace skiptrain::core
