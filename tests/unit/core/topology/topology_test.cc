#include "core/topology/topology.h"

#include <ostream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/topology/build_topology.h"

namespace skiptrain::core {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Result<Topology> try_build(const std::string& spec, std::size_t nodes, std::uint64_t seed = 1) {
  const auto parsed = parse_topology_spec(spec);
  if (!parsed) return tl::unexpected(parsed.error());
  return build_topology(*parsed, nodes, seed);
}
Topology build(const std::string& spec, std::size_t nodes, std::uint64_t seed = 1) {
  auto graph = try_build(spec, nodes, seed);
  EXPECT_TRUE(graph) << spec << ": " << (graph ? "" : graph.error().message);
  return graph.value_or(Topology(0));
}
std::string build_error(const std::string& spec, std::size_t nodes) {
  const auto graph = try_build(spec, nodes);
  EXPECT_FALSE(graph) << spec << " on " << nodes;
  if (graph) return "";
  EXPECT_EQ(graph.error().code, ErrorCode::kInvalidArgument);
  return graph.error().message;
}

// Simple (ascending neighbours without repeats or self loops), symmetric and connected.
void expect_sound(const Topology& graph) {
  for (Topology::Position node = 0; node < graph.node_count(); ++node) {
    const auto& neighbours = graph.neighbours(node);
    for (std::size_t k = 0; k < neighbours.size(); ++k) {
      EXPECT_NE(neighbours[k], node);
      if (k > 0) {
        EXPECT_LT(neighbours[k - 1], neighbours[k]);
      }
      EXPECT_TRUE(graph.has_edge(neighbours[k], node));
    }
  }
  EXPECT_TRUE(graph.is_connected());
}

void expect_degree(const Topology& graph, std::size_t degree) {
  for (Topology::Position node = 0; node < graph.node_count(); ++node) {
    ASSERT_EQ(graph.degree(node), degree) << "node " << node;
  }
}

TEST(TopologyTest, RingJoinsEachNodeToTwo) {
  const Topology ring = build("ring", 7);
  expect_sound(ring);
  expect_degree(ring, 2);
  EXPECT_EQ(ring.neighbours(0), (std::vector<Topology::Position>{1, 6}));
  EXPECT_EQ(ring.diameter(), 3u);
}

TEST(TopologyTest, SmallRingsAreAnEdgeAndALoneNode) {
  expect_degree(build("ring", 2), 1);
  EXPECT_EQ(build("ring", 1).edges().size(), 0u);
  EXPECT_EQ(build("ring", 1).diameter(), 0u);
}

TEST(TopologyTest, CompleteJoinsAllPairs) {
  const Topology complete = build("complete", 9);
  expect_sound(complete);
  expect_degree(complete, 8);
  EXPECT_EQ(complete.edges().size(), 36u);
  EXPECT_EQ(complete.diameter(), 1u);
}

TEST(TopologyTest, StarHasItsCentreAtPositionZero) {
  const Topology star = build("star", 6);
  expect_sound(star);
  EXPECT_EQ(star.degree(0), 5u);
  for (Topology::Position leaf = 1; leaf < 6; ++leaf) EXPECT_EQ(star.degree(leaf), 1u);
  EXPECT_EQ(star.diameter(), 2u);
}

TEST(TopologyTest, TorusIsTheMostNearlySquareGrid) {
  const Topology square = build("torus", 16);
  expect_sound(square);
  expect_degree(square, 4);
  EXPECT_EQ(square.diameter(), 4u);
  const Topology oblong = build("torus", 12);  // 3 x 4
  expect_sound(oblong);
  expect_degree(oblong, 4);
  // In a 2 x 3 torus both ways around the short side are one edge.
  expect_degree(build("torus", 6), 3);
}

TEST(TopologyTest, TorusNeedsAProductOfTwoSides) {
  EXPECT_THAT(build_error("torus", 13), HasSubstr("13 is not such a product"));
  EXPECT_THAT(build_error("torus", 1), HasSubstr("rows x columns"));
}

TEST(TopologyTest, ExponentialJoinsEachNodeToPowersOfTwo) {
  const Topology graph = build("exponential", 16);
  expect_sound(graph);
  expect_degree(graph, 7);  // 1, 2, 4 to both sides, and 8, which is the same one both ways
  EXPECT_EQ(graph.neighbours(3), (std::vector<Topology::Position>{1, 2, 4, 5, 7, 11, 15}));
  EXPECT_EQ(graph.diameter(), 2u);
  EXPECT_LE(build("exponential", 1024).diameter(), 5u);
}

TEST(TopologyTest, ExponentialExistsForAnyNumberOfNodes) {
  for (std::size_t nodes = 1; nodes <= 40; ++nodes) {
    const Topology graph = build("exponential", nodes);
    expect_sound(graph);
    expect_degree(graph, graph.degree(0));
  }
}

struct RegularCase {
  std::size_t nodes;
  std::size_t degree;
};
// How the case is called in a list of tests.
void PrintTo(const RegularCase& c, std::ostream* out) {
  *out << "regular:" << c.degree << " on " << c.nodes << " nodes";
}
class RegularTopologyTest : public testing::TestWithParam<RegularCase> {};

TEST_P(RegularTopologyTest, IsRegularSimpleAndConnectedForEverySeed) {
  const auto [nodes, degree] = GetParam();
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Topology graph = build("regular:" + std::to_string(degree), nodes, seed);
    expect_sound(graph);
    expect_degree(graph, degree);
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, RegularTopologyTest,
                         testing::Values(RegularCase{2, 1}, RegularCase{3, 2}, RegularCase{4, 3},
                                         RegularCase{8, 3}, RegularCase{9, 4}, RegularCase{16, 4},
                                         RegularCase{20, 2}, RegularCase{10, 8},
                                         RegularCase{32, 31}, RegularCase{256, 6}),
                         [](const auto& info) {
                           return "n" + std::to_string(info.param.nodes) + "_d" +
                                  std::to_string(info.param.degree);
                         });

TEST(RegularTopologyTest, SeedDecidesTheGraph) {
  EXPECT_EQ(build("regular:4", 64, 5), build("regular:4", 64, 5));
  EXPECT_NE(build("regular:4", 64, 5), build("regular:4", 64, 6));
}

// A random regular graph has a short diameter (about log n / log(d - 1)), the circulant that the
// switches start from a long one.
TEST(RegularTopologyTest, IsWellMixed) {
  EXPECT_LE(build("regular:4", 512).diameter(), 10u);
}

TEST(RegularTopologyTest, RefusesWhatDoesNotExist) {
  EXPECT_THAT(build_error("regular:3", 7), HasSubstr("must be even"));
  EXPECT_THAT(build_error("regular:8", 8), HasSubstr("below the number of nodes"));
  EXPECT_THAT(build_error("regular:9", 8), HasSubstr("regular:9 on 8 nodes"));
  EXPECT_THAT(build_error("regular:1", 4), HasSubstr("degree 1"));
}

TEST(RegularTopologyTest, BuildsThousandsOfNodes) {
  const Topology graph = build("regular:8", 4096);
  EXPECT_TRUE(graph.is_connected());
  expect_degree(graph, 8);
}

TEST(TopologyTest, RefusesNoNodesTooManyAndAnUnreadFile) {
  EXPECT_THAT(build_error("ring", 0), HasSubstr("1 to 1000000"));
  EXPECT_THAT(build_error("ring", kMaxTopologyNodes + 1), HasSubstr("not 1000001"));
  EXPECT_THAT(build_error("ring", std::size_t{1} << 60), HasSubstr("not 1152921504606846976"));
  EXPECT_THAT(build_error("file:edges.txt", 4), HasSubstr("file:edges.txt"));
}

TEST(TopologyTest, RefusesANewGraphPerRoundWhereOneIsNeededThatStays) {
  EXPECT_THAT(build_error("epidemic:3", 8),
              AllOf(HasSubstr("epidemic:3: draws its neighbours anew in each round"),
                    HasSubstr("regular:D, rings:K or file:PATH")));
}

TEST(TopologyTest, RefusesNodesOutOfOrderOrTwice) {
  for (const std::vector<NodeId>& nodes :
       {std::vector{NodeId(2), NodeId(1)}, std::vector{NodeId(1), NodeId(1)}}) {
    const auto graph = build_topology({TopologySpec::Kind::kRing, 0, ""}, nodes, 1);
    ASSERT_FALSE(graph);
    EXPECT_THAT(graph.error().message, HasSubstr("ids of their own, in ascending order"));
  }
}

TEST(TopologyTest, EdgesAreListedOnceInOrder) {
  Topology graph(4);
  graph.add_edge(3, 1);
  graph.add_edge(0, 2);
  graph.add_edge(1, 3);
  const std::vector<std::pair<Topology::Position, Topology::Position>> expected = {{0, 2}, {1, 3}};
  EXPECT_EQ(graph.edges(), expected);
  graph.remove_edge(1, 3);
  EXPECT_FALSE(graph.has_edge(3, 1));
  EXPECT_EQ(graph.edges().size(), 1u);
}

TEST(TopologyTest, ConnectednessSeesEveryNode) {
  Topology graph(5);
  EXPECT_FALSE(graph.is_connected());
  graph.add_edge(0, 1);
  graph.add_edge(2, 3);
  graph.add_edge(3, 4);
  EXPECT_FALSE(graph.is_connected());
  graph.add_edge(1, 2);
  EXPECT_TRUE(graph.is_connected());
  EXPECT_EQ(graph.diameter(), 4u);
  EXPECT_EQ(graph.eccentricity(2), 2u);
  EXPECT_EQ(graph.reachable_from(1), (std::vector<Topology::Position>{1, 0, 2, 3, 4}));
  EXPECT_TRUE(Topology(1).is_connected());
  EXPECT_EQ(Topology(1).eccentricity(0), 0u);
}

}  // namespace
}  // namespace skiptrain::core
