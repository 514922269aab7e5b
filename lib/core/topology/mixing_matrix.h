// Metropolis-Hastings weights: how much of each neighbour goes into a mix.
//
// w_ij = 1 / (1 + max(d_i, d_j)) for neighbours, w_ii = 1 - sum over j of w_ij: symmetric and
// doubly stochastic for any graph, computed from two degrees alone (Xiao, Boyd and Lall 2006;
// SkipTrain, arXiv 2407.01283, section 2.1). spectral_gap.h says how fast it mixes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/topology/topology.h"

namespace skiptrain::core {

// The weight of an edge between nodes of these degrees.
constexpr double metropolis_hastings_weight(std::uint32_t degree_a, std::uint32_t degree_b) {
  return 1.0 / (1.0 + static_cast<double>(degree_a > degree_b ? degree_a : degree_b));
}

// The sparse mixing matrix W of a topology.
class MixingMatrix {
 public:
  struct Entry {
    Topology::Position column;
    double weight;
  };

  explicit MixingMatrix(const Topology& topology);

  std::size_t node_count() const { return rows_.size(); }
  // Row i in ascending order of columns, the diagonal included.
  const std::vector<Entry>& row(Topology::Position node) const { return rows_[node]; }
  double weight(Topology::Position a, Topology::Position b) const;

  // W x, for one number per node.
  std::vector<double> apply(const std::vector<double>& x) const;

 private:
  std::vector<std::vector<Entry>> rows_;
};

}  // namespace skiptrain::core
