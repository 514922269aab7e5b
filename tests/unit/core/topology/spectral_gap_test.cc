#include "core/topology/spectral_gap.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "core/topology/mixing_matrix.h"
#include "tests/unit/core/topology/graphs.h"

namespace skiptrain::core {
namespace {

using testing::build;
using testing::random_graph;

using Dense = std::vector<std::vector<double>>;

Dense dense(const MixingMatrix& w) {
  Dense result(w.node_count(), std::vector<double>(w.node_count(), 0.0));
  for (Topology::Position i = 0; i < w.node_count(); ++i) {
    for (const auto& [j, weight] : w.row(i)) result[i][j] = weight;
  }
  return result;
}

// All eigenvalues of a symmetric matrix in ascending order, by Jacobi's rotations: another method
// than the one under test, slow and sure.
std::vector<double> eigenvalues(Dense a) {
  const std::size_t n = a.size();
  for (int sweep = 0; sweep < 30; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (std::abs(a[p][q]) < 1e-18) continue;
        const double theta = 0.5 * std::atan2(2.0 * a[p][q], a[q][q] - a[p][p]);
        const double c = std::cos(theta);
        const double s = std::sin(theta);
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[k][p];
          const double y = a[k][q];
          a[k][p] = c * x - s * y;
          a[k][q] = s * x + c * y;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[p][k];
          const double y = a[q][k];
          a[p][k] = c * x - s * y;
          a[q][k] = s * x + c * y;
        }
      }
    }
  }
  std::vector<double> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = a[i][i];
  std::ranges::sort(values);
  return values;
}

double gap_of_all_eigenvalues(const Topology& graph) {
  const std::vector<double> values = eigenvalues(dense(MixingMatrix(graph)));
  EXPECT_NEAR(values.back(), 1.0, 1e-12);  // of the constant vector
  return 1.0 - std::max(std::abs(values.front()), std::abs(values[values.size() - 2]));
}

// The eigenvalues of a ring's W are 1/3 + 2/3 cos(2 pi k / n).
TEST(SpectralGapTest, OfARingIsItsClosedForm) {
  for (const std::size_t n : {4u, 5u, 8u, 16u, 33u, 64u, 1023u, 4096u}) {
    const double second =
        1.0 - 2.0 / 3.0 * (1.0 - std::cos(2.0 * std::numbers::pi / static_cast<double>(n)));
    const double expected = 1.0 - second;
    EXPECT_NEAR(spectral_gap(build("ring", n)).value, expected, 1e-9 * expected) << n;
  }
}

TEST(SpectralGapTest, OfACompleteGraphIsOne) {
  for (const std::size_t n : {2u, 3u, 10u}) {
    EXPECT_NEAR(spectral_gap(build("complete", n)).value, 1.0, 1e-9) << n;
  }
}

// The leaves' differences shrink by w_ll = 1 - 1/n a round, and nothing shrinks slower.
TEST(SpectralGapTest, OfAStarIsOneOverItsSize) {
  for (const std::size_t n : {3u, 8u, 50u}) {
    const double expected = 1.0 / static_cast<double>(n);
    EXPECT_NEAR(spectral_gap(build("star", n)).value, expected, 1e-9 * expected) << n;
  }
}

// A square torus: 1/5 (1 + 2 cos a + 2 cos b), second largest at a = 2 pi / side, b = 0.
TEST(SpectralGapTest, OfASquareTorusIsItsClosedForm) {
  for (const std::size_t side : {3u, 4u, 8u}) {
    const double expected =
        2.0 / 5.0 * (1.0 - std::cos(2.0 * std::numbers::pi / static_cast<double>(side)));
    EXPECT_NEAR(spectral_gap(build("torus", side * side)).value, expected, 1e-9 * expected);
  }
}

TEST(SpectralGapTest, OfADisconnectedGraphIsZero) {
  Topology graph(6);
  graph.add_edge(0, 1);
  graph.add_edge(2, 3);
  graph.add_edge(4, 5);
  EXPECT_NEAR(spectral_gap(graph).value, 0.0, 1e-9);
}

TEST(SpectralGapTest, OfOneNodeIsOne) {
  EXPECT_DOUBLE_EQ(spectral_gap(Topology(1)).value, 1.0);
}

// The eigenvalues of a circulant matrix: here w_ii + sum over offsets of 2 cos(2 pi k offset / n)
// times the weight, half of it for the offset n / 2.
TEST(SpectralGapTest, OfAnExponentialGraphIsItsClosedForm) {
  for (const std::size_t n : {16u, 64u, 1024u, 4096u}) {
    const double degree = 2.0 * std::log2(static_cast<double>(n)) - 1.0;
    double largest = 0.0;
    for (std::size_t k = 1; k < n; ++k) {
      double sum = 1.0;
      for (std::size_t offset = 1; offset <= n / 2; offset *= 2) {
        const double angle =
            2.0 * std::numbers::pi * static_cast<double>(k * offset % n) / static_cast<double>(n);
        sum += (2 * offset == n ? 1.0 : 2.0) * std::cos(angle);
      }
      largest = std::max(largest, std::abs(sum / (degree + 1.0)));
    }
    const SpectralGap gap = spectral_gap(build("exponential", n));
    EXPECT_TRUE(gap.converged);
    EXPECT_NEAR(gap.value, 1.0 - largest, 1e-9) << n;
  }
}

TEST(SpectralGapTest, OfIrregularGraphsIsThatOfAllEigenvalues) {
  Rng rng(11);
  int connected = 0;
  for (int i = 0; i < 60; ++i) {
    const Topology graph = random_graph(2 + rng.below(30), 0.05 + 0.6 * rng.uniform(), rng);
    connected += graph.is_connected() ? 1 : 0;
    EXPECT_NEAR(spectral_gap(graph).value, gap_of_all_eigenvalues(graph), 1e-9) << i;
  }
  EXPECT_GT(connected, 20);
  EXPECT_LT(connected, 60);
}

// A long path hung on a dense part: one small gap that the random start barely sees.
TEST(SpectralGapTest, SeesATailOnADenseGraph) {
  Topology graph(60);
  for (Topology::Position a = 0; a < 40; ++a) {
    for (Topology::Position b = a + 1; b < 40; ++b) graph.add_edge(a, b);
  }
  for (Topology::Position a = 39; a < 59; ++a) graph.add_edge(a, a + 1);
  const double expected = gap_of_all_eigenvalues(graph);
  EXPECT_LT(expected, 0.01);
  EXPECT_NEAR(spectral_gap(graph).value, expected, 1e-9 * expected + 1e-13);
}

// A random regular graph's second eigenvalue is near 2 sqrt(d - 1) / (d + 1) (Friedman's theorem),
// and no regular graph does much better (Alon and Boppana).
TEST(SpectralGapTest, RandomGraphsAreNearlyOptimal) {
  const double best = 1.0 - (1.0 + 2.0 * std::sqrt(7.0)) / 9.0;
  const SpectralGap regular = spectral_gap(build("regular:8", 4096));
  EXPECT_TRUE(regular.converged);
  EXPECT_NEAR(regular.value, best, 0.02);
  // rings:4 has the same degree; each ring is a cycle, whose slow modes differ from ring to ring.
  const SpectralGap rings = spectral_gap(build("rings:4", 4096));
  EXPECT_NEAR(rings.value, best, 0.03);
}

TEST(SpectralGapTest, SaysWhenItWasCutShort) {
  const SpectralGap gap = spectral_gap(build("ring", 60'000));
  EXPECT_FALSE(gap.converged);
  const double least = 2.0 / 3.0 * (1.0 - std::cos(2.0 * std::numbers::pi / 60'000.0));
  EXPECT_GT(gap.value, least);
  EXPECT_LT(gap.value, 0.01);
}

TEST(SpectralGapTest, BoundsHowFastMixingContracts) {
  const Topology graph = build("regular:3", 20);
  const MixingMatrix w(graph);
  const double kept = 1.0 - spectral_gap(graph).value;
  Rng rng(1);
  std::vector<double> x(20);
  for (double& value : x) value = rng.normal();
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / 20.0;
  const auto spread = [mean](const std::vector<double>& values) {
    double sum = 0.0;
    for (const double value : values) sum += (value - mean) * (value - mean);
    return std::sqrt(sum);
  };
  double ratio = 0.0;
  for (int round = 0; round < 60; ++round) {
    const double before = spread(x);
    x = w.apply(x);
    ratio = spread(x) / before;
    EXPECT_LE(ratio, kept * (1 + 1e-6));
  }
  EXPECT_NEAR(ratio, kept, 0.02);  // and in the long run just that
}

}  // namespace
}  // namespace skiptrain::core
