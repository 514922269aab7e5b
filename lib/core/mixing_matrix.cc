#include "core/mixing_matrix.h"

#include <cmath>
#include <numeric>

#include "base/rng.h"

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

double MixingMatrix::spectral_gap() const {
  const std::size_t n = node_count();
  if (n <= 1) return 1.0;
  const auto centre = [n](std::vector<double>& x) {
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(n);
    for (double& value : x) value -= mean;
  };
  const auto norm = [](const std::vector<double>& x) {
    return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
  };
  Rng rng(derive_seed({0x6a9, n}));
  std::vector<double> x(n);
  for (double& value : x) value = rng.normal();
  centre(x);
  double length = norm(x);
  for (double& value : x) value /= length;

  // With x of length 1, the length of W x tends to the second largest modulus from below. W twice
  // a step, so that eigenvalues +a and -a do not make it swing.
  constexpr int kMaxSteps = 50'000;
  constexpr double kTolerance = 1e-12;
  double modulus = 0.0;
  for (int step = 0; step < kMaxSteps; ++step) {
    x = apply(apply(x));
    centre(x);
    length = norm(x);
    if (length < 1e-14) return 1.0;
    for (double& value : x) value /= length;
    const double next = std::sqrt(length);
    const bool settled = std::abs(next - modulus) < kTolerance;
    modulus = next;
    if (settled && step > 10) break;
  }
  return std::max(0.0, 1.0 - modulus);
}

}  // namespace skiptrain::core
