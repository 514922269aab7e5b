// Whole clusters without faults: mixing is multiplication by W, and the network's timing does not
// show in the result.
#include <bit>
#include <cmath>
#include <ostream>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "core/topology/adjacency_list.h"
#include "core/topology/mixing_matrix.h"
#include "tests/sim/test_simulation.h"

namespace skiptrain::sim::testing {
namespace {

using core::MixingMatrix;
using core::Policy;
using core::Topology;

constexpr std::size_t kDimensions = 5;

std::vector<float> random_start(Position position) {
  Rng rng(derive_seed({17, position}));
  std::vector<float> x(kDimensions);
  for (float& value : x) value = static_cast<float>(rng.normal());
  return x;
}
ParametersPtr random_parameters(Position position) {
  return copy_parameters(random_start(position));
}

// Two triangles joined by a bridge, a leaf hanging from it: degrees 1 to 4.
Topology from_file() {
  return core::parse_adjacency_list("8\n0 1\n1 2\n0 2\n3 4\n4 5\n3 5\n2 6\n6 3\n6 7\n6 0\n",
                                    "edges.txt")
      .value();
}

SimulationOptions mixing_only(Topology topology, std::uint64_t rounds) {
  SimulationOptions options;
  options.topology = std::move(topology);
  options.total_rounds = rounds;
  options.schedule = {Policy::kDpsgd, 1, 0};
  options.devices = {Device{.budget = WattHours(0)}};  // nobody trains
  options.network = jittery_network(std::chrono::milliseconds(5));
  options.initial = random_parameters;
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
  return graph.spec == "file" ? from_file() : topology_of(graph.spec, graph.nodes);
}

class SimMixingTest : public ::testing::TestWithParam<GraphCase> {};

// x(k) = W^k x(0), computed densely in double, after every round k.
TEST_P(SimMixingTest, EqualsPowersOfTheMixingMatrix) {
  constexpr std::uint64_t kRounds = 25;
  constexpr double kTolerance = 1e-5;
  const Topology topology = graph_of(GetParam());
  TestSimulation cluster(mixing_only(topology, kRounds), kDimensions, true);
  cluster.keep_history();
  cluster.run_to_end();
  ASSERT_TRUE(cluster.invariants().violations().empty())
      << cluster.invariants().violations().front();
  EXPECT_EQ(cluster.invariants().catch_ups(), 0u);
  EXPECT_EQ(cluster.invariants().deadline_hits(), 0u);
  EXPECT_GT(cluster.invariants().mixes_checked(), 0u);
  const MixingMatrix w(topology);
  for (std::size_t k = 0; k < kDimensions; ++k) {
    std::vector<double> x;
    for (Position i = 0; i < cluster->size(); ++i) x.push_back(random_start(i)[k]);
    for (std::uint64_t round = 1; round <= kRounds; ++round) {
      x = w.apply(x);
      for (Position i = 0; i < cluster->size(); ++i) {
        ASSERT_NEAR(cluster.state_after(i, round)[k], x[i], kTolerance)
            << "node " << i << ", round " << round;
      }
    }
  }
}

TEST_P(SimMixingTest, KeepsTheMeanOverTheNodes) {
  constexpr std::uint64_t kRounds = 25;
  TestSimulation cluster(mixing_only(graph_of(GetParam()), kRounds), kDimensions, true);
  cluster.keep_history();
  cluster.run_to_end();
  for (std::size_t k = 0; k < kDimensions; ++k) {
    double before = 0.0;
    double after = 0.0;
    for (Position i = 0; i < cluster->size(); ++i) {
      before += random_start(i)[k];
      after += cluster.state_after(i, kRounds)[k];
    }
    EXPECT_NEAR(after, before, 2e-6 * static_cast<double>(cluster->size()));
  }
  EXPECT_EQ(cluster.invariants().means_checked(), kRounds);
}

INSTANTIATE_TEST_SUITE_P(Topologies, SimMixingTest,
                         ::testing::Values(GraphCase{"ring", 2}, GraphCase{"ring", 3},
                                           GraphCase{"ring", 16}, GraphCase{"complete", 5},
                                           GraphCase{"complete", 12}, GraphCase{"star", 3},
                                           GraphCase{"star", 10}, GraphCase{"torus", 9},
                                           GraphCase{"torus", 12}, GraphCase{"regular:3", 8},
                                           GraphCase{"regular:3", 20}, GraphCase{"regular:4", 9},
                                           GraphCase{"regular:4", 32}, GraphCase{"exponential", 16},
                                           GraphCase{"exponential", 11}, GraphCase{"rings:2", 16},
                                           GraphCase{"rings:3", 25}, GraphCase{"file", 8}),
                         graph_name);

// The bits of all nodes' final parameters.
std::vector<std::uint32_t> final_bits(TestSimulation& cluster) {
  std::vector<std::uint32_t> bits;
  for (Position i = 0; i < cluster->size(); ++i) {
    const ModelUpdate state = cluster->committed(i);
    for (const float value : state.parameters->values()) {
      bits.push_back(std::bit_cast<std::uint32_t>(value));
    }
  }
  return bits;
}

TEST(SimDeterminismTest, TheOrderOfDeliveryDoesNotShowInTheBits) {
  SimulationOptions options;
  options.topology = topology_of("regular:4", 12);
  options.total_rounds = 20;
  options.initial = random_parameters;
  options.schedule = {Policy::kSkipTrainConstrained, 2, 2};
  options.devices = {Device{.train_time = Duration(0),
                            .train_jitter = std::chrono::milliseconds(30),
                            .budget = WattHours(5)}};
  options.max_boot_time = std::chrono::milliseconds(5);
  std::vector<std::uint32_t> reference;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    options.network_seed = seed;
    // Also with messages slower than training, and with training slower than messages.
    options.network = jittery_network(std::chrono::milliseconds(seed % 2 == 0 ? 1 : 100));
    TestSimulation cluster(options, kDimensions, true);
    cluster.run_to_end();
    ASSERT_TRUE(cluster.invariants().violations().empty())
        << "network seed " << seed << ": " << cluster.invariants().violations().front();
    const auto bits = final_bits(cluster);
    if (seed == 0) reference = bits;
    ASSERT_EQ(bits, reference) << "network seed " << seed;
  }
}

TEST(SimDeterminismTest, TheRunSeedDoesShow) {
  SimulationOptions options;
  options.topology = topology_of("ring", 4);
  options.total_rounds = 10;
  options.initial = random_parameters;
  TestSimulation one(options, kDimensions, true);
  options.run_seed = 2;
  TestSimulation two(options, kDimensions, true);
  one.run_to_end();
  two.run_to_end();
  EXPECT_NE(final_bits(one), final_bits(two));
}

}  // namespace
}  // namespace skiptrain::sim::testing
