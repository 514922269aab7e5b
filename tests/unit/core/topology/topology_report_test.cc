#include "core/topology/topology_report.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/topology/mixing_matrix.h"
#include "tests/unit/core/topology/graphs.h"

namespace skiptrain::core {
namespace {

using testing::build;
using ::testing::ElementsAre;

TEST(TopologyReportTest, CountsWhatAStarHas) {
  const TopologyReport report = report_topology(build("star", 5));
  EXPECT_EQ(report.nodes, 5u);
  EXPECT_EQ(report.edges, 4u);
  EXPECT_EQ(report.min_degree, 1u);
  EXPECT_DOUBLE_EQ(report.mean_degree, 1.6);
  EXPECT_EQ(report.max_degree, 4u);
  EXPECT_TRUE(report.connected());
  EXPECT_EQ(report.diameter, 2u);
  EXPECT_TRUE(report.diameter_is_exact);
  EXPECT_NEAR(report.gap.value, 0.2, 1e-12);    // the leaves keep 1 - 1/5
  EXPECT_EQ(report.rounds_to_consensus, 21.0);  // 0.8^20 = 0.0115, 0.8^21 = 0.0092
}

TEST(TopologyReportTest, ListsThePartsOfADisconnectedGraph) {
  Topology graph(7);
  graph.add_edge(5, 1);
  graph.add_edge(0, 3);
  graph.add_edge(3, 6);
  graph.add_edge(6, 4);
  const TopologyReport report = report_topology(graph);
  EXPECT_FALSE(report.connected());
  EXPECT_THAT(report.parts,
              ElementsAre(ElementsAre(0, 3, 4, 6), ElementsAre(1, 5), ElementsAre(2)));
  EXPECT_EQ(report.diameter, std::nullopt);
  EXPECT_EQ(report.gap.value, 0.0);
  EXPECT_EQ(report.rounds_to_consensus, std::nullopt);
  EXPECT_EQ(report.min_degree, 0u);
}

TEST(TopologyReportTest, OneNodeIsAtConsensus) {
  const TopologyReport report = report_topology(Topology(1));
  EXPECT_TRUE(report.connected());
  EXPECT_EQ(report.diameter, 0u);
  EXPECT_EQ(report.gap.value, 1.0);
  EXPECT_EQ(report.rounds_to_consensus, 0.0);
}

TEST(RoundsToConsensusTest, FollowsFromTheGap) {
  EXPECT_EQ(rounds_to_consensus(0.0), std::nullopt);
  EXPECT_EQ(rounds_to_consensus(1.0), 1.0);
  EXPECT_EQ(rounds_to_consensus(0.995), 1.0);
  EXPECT_EQ(rounds_to_consensus(0.9), 2.0);
  EXPECT_EQ(rounds_to_consensus(0.5), 7.0);  // 2^-7 = 0.0078
  EXPECT_NEAR(*rounds_to_consensus(1e-9), 4.605170e9, 1e4);
}

// The number is what mixing takes, not a formula: from the slowest start, one value that differs
// around the ring as a cosine, the distance falls to 1 % in that round and not before.
TEST(RoundsToConsensusTest, IsWhatMixingTakesFromTheSlowestStart) {
  constexpr std::size_t kNodes = 24;
  const Topology ring = build("ring", kNodes);
  const MixingMatrix w(ring);
  std::vector<double> x(kNodes);
  for (std::size_t i = 0; i < kNodes; ++i) {
    x[i] = std::cos(2.0 * std::numbers::pi * static_cast<double>(i) / kNodes);
  }
  const auto distance = [&x] {
    return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
  };
  const double start = distance();
  double rounds = 0;
  for (; distance() > kConsensusFraction * start; ++rounds) x = w.apply(x);
  EXPECT_EQ(report_topology(ring).rounds_to_consensus, rounds);
}

// Above kExactDiameterNodes it is a lower bound, and on these graphs the bound is the diameter.
TEST(TopologyReportTest, SamplesTheDiameterOfLargeGraphs) {
  const std::size_t nodes = kExactDiameterNodes + 2;
  const TopologyReport ring = report_topology(build("ring", nodes));
  EXPECT_FALSE(ring.diameter_is_exact);
  EXPECT_EQ(ring.diameter, nodes / 2);
  EXPECT_TRUE(ring.connected());
  const TopologyReport star = report_topology(build("star", nodes));
  EXPECT_FALSE(star.diameter_is_exact);
  EXPECT_EQ(star.diameter, 2u);
}

}  // namespace
}  // namespace skiptrain::core
