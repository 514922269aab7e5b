// Whole clusters without faults: mixing is multiplication by W, and the network's timing does not
// show in the result.
#include <bit>
#include <cmath>
#include <ostream>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "core/mixing_matrix.h"
#include "tests/unit/core/test_cluster.h"

namespace skiptrain::core::testing {
namespace {

constexpr std::size_t kDimensions = 5;

std::vector<float> random_start(std::size_t position) {
  Rng rng(derive_seed({17, position}));
  std::vector<float> x(kDimensions);
  for (float& value : x) value = static_cast<float>(rng.normal());
  return x;
}

Topology build(const std::string& spec, std::size_t nodes) {
  return build_topology(parse_topology_spec(spec).value(), nodes, 11).value();
}
// Two triangles joined by a bridge, a leaf hanging from it: degrees 1 to 4.
Topology from_file() {
  return parse_adjacency_list("8\n0 1\n1 2\n0 2\n3 4\n4 5\n3 5\n2 6\n6 3\n6 7\n6 0\n", "edges.txt")
      .value();
}

ClusterOptions mixing_only(Topology topology, std::uint64_t rounds) {
  ClusterOptions options;
  options.topology = std::move(topology);
  options.total_rounds = rounds;
  options.budget = WattHours(0);  // nobody trains
  options.initial = random_start;
  return options;
}

struct GraphCase {
  std::string spec;
  std::size_t nodes;
};
// How the case is called in a list of tests.
void PrintTo(const GraphCase& c, std::ostream* out) {
  *out << c.spec << " on " << c.nodes << " nodes";
}
std::string graph_name(const ::testing::TestParamInfo<GraphCase>& info) {
  std::string name = info.param.spec + "_" + std::to_string(info.param.nodes);
  for (char& c : name) {
    if (c == ':') c = '_';
  }
  return name;
}
Topology graph_of(const GraphCase& graph) {
  return graph.spec == "file" ? from_file() : build(graph.spec, graph.nodes);
}

class ClusterMixingTest : public ::testing::TestWithParam<GraphCase> {};

// x(k) = W^k x(0), computed densely in double, after every round k.
TEST_P(ClusterMixingTest, EqualsPowersOfTheMixingMatrix) {
  constexpr std::uint64_t kRounds = 25;
  constexpr double kTolerance = 1e-5;
  const Topology topology = graph_of(GetParam());
  TestCluster cluster(mixing_only(topology, kRounds));
  ASSERT_TRUE(cluster.run());
  ASSERT_TRUE(cluster.invariants().violations().empty())
      << cluster.invariants().violations().front();
  EXPECT_EQ(cluster.faults().catch_ups, 0u);
  EXPECT_EQ(cluster.faults().deadline_hits, 0u);
  const MixingMatrix w(topology);
  for (std::size_t k = 0; k < kDimensions; ++k) {
    std::vector<double> x;
    for (std::size_t i = 0; i < cluster.size(); ++i) x.push_back(random_start(i)[k]);
    for (std::uint64_t round = 1; round <= kRounds; ++round) {
      x = w.apply(x);
      for (std::size_t i = 0; i < cluster.size(); ++i) {
        ASSERT_NEAR(cluster.state_after(i, round)[k], x[i], kTolerance)
            << "node " << i << ", round " << round;
      }
    }
  }
}

TEST_P(ClusterMixingTest, KeepsTheMeanOverTheNodes) {
  constexpr std::uint64_t kRounds = 25;
  TestCluster cluster(mixing_only(graph_of(GetParam()), kRounds));
  ASSERT_TRUE(cluster.run());
  for (std::size_t k = 0; k < kDimensions; ++k) {
    double before = 0.0;
    double after = 0.0;
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      before += random_start(i)[k];
      after += cluster.state_after(i, kRounds)[k];
    }
    EXPECT_NEAR(after, before, 2e-6 * static_cast<double>(cluster.size()));
  }
}

INSTANTIATE_TEST_SUITE_P(Topologies, ClusterMixingTest,
                         ::testing::Values(GraphCase{"ring", 2}, GraphCase{"ring", 3},
                                           GraphCase{"ring", 16}, GraphCase{"complete", 5},
                                           GraphCase{"complete", 12}, GraphCase{"star", 3},
                                           GraphCase{"star", 10}, GraphCase{"torus", 9},
                                           GraphCase{"torus", 12}, GraphCase{"regular:3", 8},
                                           GraphCase{"regular:3", 20}, GraphCase{"regular:4", 9},
                                           GraphCase{"regular:4", 32}, GraphCase{"file", 8}),
                         graph_name);

// The bits of all nodes' final parameters.
std::vector<std::uint32_t> final_bits(const TestCluster& cluster, std::uint64_t rounds) {
  std::vector<std::uint32_t> bits;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    for (const float value : cluster.state_after(i, rounds)) {
      bits.push_back(std::bit_cast<std::uint32_t>(value));
    }
  }
  return bits;
}

TEST(ClusterDeterminismTest, TheOrderOfDeliveryDoesNotShowInTheBits) {
  constexpr std::uint64_t kRounds = 20;
  ClusterOptions options;
  options.topology = build("regular:4", 12);
  options.total_rounds = kRounds;
  options.initial = random_start;
  options.schedule = {Policy::kSkipTrainConstrained, 2, 2};
  options.budget = WattHours(5);
  std::vector<std::uint32_t> reference;
  for (std::uint64_t chaos = 0; chaos < 20; ++chaos) {
    options.chaos_seed = chaos;
    // Also with messages slower than training, and with training slower than messages.
    options.max_message_delay = std::chrono::milliseconds(chaos % 2 == 0 ? 1 : 100);
    TestCluster cluster(options);
    ASSERT_TRUE(cluster.run()) << "chaos seed " << chaos;
    const auto bits = final_bits(cluster, kRounds);
    if (chaos == 0) reference = bits;
    ASSERT_EQ(bits, reference) << "chaos seed " << chaos;
  }
}

TEST(ClusterDeterminismTest, TheRunSeedDoesShow) {
  ClusterOptions options;
  options.topology = build("ring", 4);
  options.initial = random_start;
  TestCluster one(options);
  options.run_seed = 2;
  TestCluster two(options);
  ASSERT_TRUE(one.run());
  ASSERT_TRUE(two.run());
  EXPECT_NE(final_bits(one, 10), final_bits(two, 10));
}

}  // namespace
}  // namespace skiptrain::core::testing
