#include "core/topology/mixing_matrix.h"

namespace skiptrain::core {

MixingMatrix::MixingMatrix(const Topology& topology) : rows_(topology.node_count()) {
  for (Topology::Position i = 0; i < topology.node_count(); ++i) {
    const auto degree_i = static_cast<std::uint32_t>(topology.degree(i));
    double self = 1.0;
    bool self_placed = false;
    auto& row = rows_[i];
    std::size_t self_at = 0;
    for (const Topology::Position j : topology.neighbours(i)) {
      if (!self_placed && j > i) {
        self_at = row.size();
        row.push_back({i, 0.0});
        self_placed = true;
      }
      const double weight =
          metropolis_hastings_weight(degree_i, static_cast<std::uint32_t>(topology.degree(j)));
      self -= weight;
      row.push_back({j, weight});
    }
    if (!self_placed) {
      self_at = row.size();
      row.push_back({i, 0.0});
    }
    row[self_at].weight = self;
  }
}

double MixingMatrix::weight(Topology::Position a, Topology::Position b) const {
  for (const Entry& entry : rows_[a]) {
    if (entry.column == b) return entry.weight;
  }
  return 0.0;
}

std::vector<double> MixingMatrix::apply(const std::vector<double>& x) const {
  std::vector<double> result(x.size(), 0.0);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    for (const Entry& entry : rows_[i]) result[i] += entry.weight * x[entry.column];
  }
  return result;
}

}  // namespace skiptrain::core
