#include "core/topology/spectral_gap.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace skiptrain::core {
namespace {

// Steps times entries of W: about a second.
constexpr double kMaxWork = 6e8;
constexpr double kTolerance = 1e-9;     // relative, between two looks at the gap
constexpr double kAbsolute = 1e-15;     // below this a difference is rounding
constexpr double kInvariant = 1e-12;    // a residual this short: the subspace holds all there is
constexpr std::size_t kFirstLook = 16;  // steps
constexpr double kLookGrowth = 1.25;    // steps to the next look
constexpr int kAgreeingLooks = 2;       // in a row, before the gap is believed

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// The rows of the graph in one piece, and the weights' denominators.
class Laplacian {
 public:
  explicit Laplacian(const Topology& topology) {
    const std::size_t n = topology.node_count();
    begins_.reserve(n + 1);
    weights_.reserve(n);
    begins_.push_back(0);
    for (Topology::Position i = 0; i < n; ++i) {
      const auto& neighbours = topology.neighbours(i);
      columns_.insert(columns_.end(), neighbours.begin(), neighbours.end());
      begins_.push_back(columns_.size());
      weights_.push_back(1.0 / (1.0 + static_cast<double>(neighbours.size())));
    }
  }

  std::size_t entries() const { return columns_.size() + weights_.size(); }

  // y = (I - W) x. As a sum of differences, so that the small gaps of long rings keep their digits.
  void apply(std::span<const double> x, std::span<double> y) const {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      double sum = 0.0;
      for (std::size_t k = begins_[i]; k < begins_[i + 1]; ++k) {
        const std::size_t j = columns_[k];
        sum += std::min(weights_[i], weights_[j]) * (x[i] - x[j]);
      }
      y[i] = sum;
    }
  }

 private:
  std::vector<std::size_t> begins_;
  std::vector<Topology::Position> columns_;
  std::vector<double> weights_;  // 1 / (1 + degree); an edge has the smaller of its two ends'
};

// A symmetric tridiagonal matrix, whose extreme eigenvalues are those of I - W in the end.
struct Tridiagonal {
  std::vector<double> diagonal;
  std::vector<double> beside;  // one shorter

  // How many eigenvalues lie below x (Sturm's sequence).
  std::size_t count_below(double x) const {
    constexpr double kTiny = 1e-300;
    std::size_t count = 0;
    double pivot = 1.0;
    for (std::size_t i = 0; i < diagonal.size(); ++i) {
      const double square = i == 0 ? 0.0 : beside[i - 1] * beside[i - 1];
      pivot = diagonal[i] - x - square / pivot;
      if (std::abs(pivot) < kTiny) pivot = -kTiny;
      count += pivot < 0.0;
    }
    return count;
  }

  // The eigenvalue that has `rank` smaller ones, in [low, high].
  double eigenvalue(std::size_t rank, double low, double high) const {
    constexpr int kBisections = 100;
    for (int i = 0; i < kBisections && high - low > 1e-16 * high; ++i) {
      const double middle = 0.5 * (low + high);
      (count_below(middle) > rank ? high : low) = middle;
    }
    return 0.5 * (low + high);
  }

  double gap() const {
    // The eigenvalues of I - W are in [0, 2).
    const double smallest = eigenvalue(0, 0.0, 2.0);
    const double largest = eigenvalue(diagonal.size() - 1, 0.0, 2.0);
    return 1.0 - std::max(std::abs(1.0 - smallest), std::abs(1.0 - largest));
  }
};

void centre(std::span<double> x) {
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
  for (double& value : x) value -= mean;
}

// The Lanczos vectors are not kept orthogonal to each other: what rounding brings back are copies
// of eigenvalues found already, which does no harm to the extreme ones. The constant vector would
// do harm, so each step removes it.
class Lanczos {
 public:
  explicit Lanczos(const Topology& topology)
      : laplacian_(topology),
        vector_(topology.node_count()),
        previous_(topology.node_count()),
        next_(topology.node_count()) {
    Rng rng(derive_seed({0x6a9, topology.node_count()}));
    for (double& value : vector_) value = rng.normal();
    centre(vector_);
    scale(vector_, 1.0 / std::sqrt(dot(vector_, vector_)));
  }

  SpectralGap run() {
    const double max_steps = kMaxWork / static_cast<double>(laplacian_.entries());
    std::size_t look = kFirstLook;
    double gap = 0.0;
    int agreeing = 0;
    while (static_cast<double>(matrix_.diagonal.size()) < max_steps) {
      if (!step()) return {matrix_.gap(), true};
      if (matrix_.diagonal.size() < look) continue;
      look = static_cast<std::size_t>(static_cast<double>(look) * kLookGrowth);
      const double before = std::exchange(gap, matrix_.gap());
      const bool agrees = std::abs(gap - before) <= kTolerance * gap + kAbsolute;
      agreeing = agrees ? agreeing + 1 : 0;
      if (agreeing == kAgreeingLooks) return {gap, true};
    }
    return {matrix_.gap(), false};
  }

 private:
  static void scale(std::span<double> x, double factor) {
    for (double& value : x) value *= factor;
  }

  // One more row of the tridiagonal matrix; false when there is nothing left to find.
  bool step() {
    laplacian_.apply(vector_, next_);
    const double alpha = dot(next_, vector_);
    for (std::size_t i = 0; i < next_.size(); ++i) {
      next_[i] -= alpha * vector_[i] + beta_ * previous_[i];
    }
    centre(next_);
    if (!matrix_.diagonal.empty()) matrix_.beside.push_back(beta_);
    matrix_.diagonal.push_back(alpha);
    beta_ = std::sqrt(dot(next_, next_));
    if (beta_ < kInvariant) return false;
    scale(next_, 1.0 / beta_);
    std::swap(previous_, vector_);
    std::swap(vector_, next_);
    return true;
  }

  Laplacian laplacian_;
  std::vector<double> vector_;
  std::vector<double> previous_;
  std::vector<double> next_;
  double beta_ = 0.0;
  Tridiagonal matrix_;
};

}  // namespace

SpectralGap spectral_gap(const Topology& topology) {
  if (topology.node_count() <= 1) return {1.0, true};
  if (!topology.is_connected()) return {0.0, true};
  const SpectralGap gap = Lanczos(topology).run();
  return {std::clamp(gap.value, 0.0, 1.0), gap.converged};
}

}  // namespace skiptrain::core
