#include "core/topology/mixing_matrix.h"

#include <numeric>

#include <gtest/gtest.h>

#include "core/topology/adjacency_list.h"
#include "tests/unit/core/topology/graphs.h"

namespace skiptrain::core {
namespace {

using testing::build;

// A triangle with a tail: degrees 3, 2, 2, 1 in one graph.
Topology uneven() {
  return parse_adjacency_list("4\n0 1\n0 2\n1 2\n0 3\n", "uneven").value();
}

class MixingMatrixTest : public ::testing::TestWithParam<const char*> {};

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
                         ::testing::Values("ring", "complete", "star", "torus", "exponential",
                                           "regular:3", "regular:6", "rings:2"));

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

}  // namespace
}  // namespace skiptrain::core
