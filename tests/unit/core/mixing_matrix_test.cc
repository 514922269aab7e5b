#include "core/mixing_matrix.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace skiptrain::core {
namespace {

Topology build(const std::string& spec, std::size_t nodes) {
  return build_topology(parse_topology_spec(spec).value(), nodes, 3).value();
}
// A triangle with a tail: degrees 3, 2, 2, 1 in one graph.
Topology uneven() {
  return parse_adjacency_list("4\n0 1\n0 2\n1 2\n0 3\n", "uneven").value();
}

class MixingMatrixTest : public testing::TestWithParam<const char*> {};

TEST_P(MixingMatrixTest, IsDoublyStochasticAndSymmetric) {
  const MixingMatrix w(build(GetParam(), 16));
  for (Topology::Position i = 0; i < w.node_count(); ++i) {
    double row_sum = 0.0;
    bool has_diagonal = false;
    for (std::size_t k = 0; k < w.row(i).size(); ++k) {
      const auto [j, weight] = w.row(i)[k];
      EXPECT_GE(weight, 0.0);
      EXPECT_DOUBLE_EQ(weight, w.weight(j, i));
      if (k > 0) {
        EXPECT_LT(w.row(i)[k - 1].column, j);
      }
      has_diagonal |= i == j;
      row_sum += weight;
    }
    EXPECT_TRUE(has_diagonal);
    EXPECT_NEAR(row_sum, 1.0, 1e-14);
  }
}
INSTANTIATE_TEST_SUITE_P(Topologies, MixingMatrixTest,
                         testing::Values("ring", "complete", "star", "torus", "regular:3",
                                         "regular:6"));

TEST(MixingMatrixTest, WeightsAreMetropolisHastings) {
  const MixingMatrix w(uneven());
  EXPECT_DOUBLE_EQ(w.weight(0, 1), 1.0 / 4.0);  // degrees 3 and 2
  EXPECT_DOUBLE_EQ(w.weight(1, 2), 1.0 / 3.0);  // degrees 2 and 2
  EXPECT_DOUBLE_EQ(w.weight(0, 3), 1.0 / 4.0);  // degrees 3 and 1
  EXPECT_DOUBLE_EQ(w.weight(3, 3), 3.0 / 4.0);
  EXPECT_DOUBLE_EQ(w.weight(0, 0), 1.0 / 4.0);
  EXPECT_DOUBLE_EQ(w.weight(1, 3), 0.0);
  EXPECT_DOUBLE_EQ(metropolis_hastings_weight(0, 0), 1.0);
}

TEST(MixingMatrixTest, ApplyIsTheDenseProduct) {
  const MixingMatrix w(uneven());
  const std::vector<double> x = {1.0, -2.0, 0.5, 7.0};
  const std::vector<double> y = w.apply(x);
  for (Topology::Position i = 0; i < 4; ++i) {
    double expected = 0.0;
    for (Topology::Position j = 0; j < 4; ++j) expected += w.weight(i, j) * x[j];
    EXPECT_NEAR(y[i], expected, 1e-15);
  }
  EXPECT_NEAR(std::accumulate(y.begin(), y.end(), 0.0), 6.5, 1e-14);
}

// The eigenvalues of a ring's W are 1/3 + 2/3 cos(2 pi k / n).
TEST(SpectralGapTest, OfARingIsItsClosedForm) {
  for (const std::size_t n : {4u, 5u, 8u, 16u, 33u, 64u, 128u}) {
    const double second =
        1.0 - 2.0 / 3.0 * (1.0 - std::cos(2.0 * std::numbers::pi / static_cast<double>(n)));
    const double expected = 1.0 - second;
    EXPECT_NEAR(MixingMatrix(build("ring", n)).spectral_gap(), expected, 1e-5 * expected) << n;
  }
}

TEST(SpectralGapTest, OfACompleteGraphIsOne) {
  for (const std::size_t n : {2u, 3u, 10u}) {
    EXPECT_NEAR(MixingMatrix(build("complete", n)).spectral_gap(), 1.0, 1e-9) << n;
  }
}

// The leaves' differences shrink by w_ll = 1 - 1/n a round, and nothing shrinks slower.
TEST(SpectralGapTest, OfAStarIsOneOverItsSize) {
  for (const std::size_t n : {3u, 8u, 50u}) {
    const double expected = 1.0 / static_cast<double>(n);
    EXPECT_NEAR(MixingMatrix(build("star", n)).spectral_gap(), expected, 1e-5 * expected) << n;
  }
}

// A square torus: 1/5 (1 + 2 cos a + 2 cos b), second largest at a = 2 pi / side, b = 0.
TEST(SpectralGapTest, OfASquareTorusIsItsClosedForm) {
  for (const std::size_t side : {3u, 4u, 8u}) {
    const double expected =
        2.0 / 5.0 * (1.0 - std::cos(2.0 * std::numbers::pi / static_cast<double>(side)));
    EXPECT_NEAR(MixingMatrix(build("torus", side * side)).spectral_gap(), expected,
                1e-5 * expected);
  }
}

TEST(SpectralGapTest, OfADisconnectedGraphIsZero) {
  Topology graph(6);
  graph.add_edge(0, 1);
  graph.add_edge(2, 3);
  graph.add_edge(4, 5);
  EXPECT_NEAR(MixingMatrix(graph).spectral_gap(), 0.0, 1e-9);
}

TEST(SpectralGapTest, OfOneNodeIsOne) {
  EXPECT_DOUBLE_EQ(MixingMatrix(Topology(1)).spectral_gap(), 1.0);
}

TEST(SpectralGapTest, BoundsHowFastMixingContracts) {
  const MixingMatrix w(build("regular:3", 20));
  Rng rng(1);
  std::vector<double> x(20);
  for (double& value : x) value = rng.normal();
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / 20.0;
  const auto spread = [mean](const std::vector<double>& values) {
    double sum = 0.0;
    for (const double value : values) sum += (value - mean) * (value - mean);
    return std::sqrt(sum);
  };
  for (int round = 0; round < 30; ++round) {
    const double before = spread(x);
    x = w.apply(x);
    EXPECT_LE(spread(x), before * (1.0 - w.spectral_gap()) * (1 + 1e-6));
  }
}

}  // namespace
}  // namespace skiptrain::core
