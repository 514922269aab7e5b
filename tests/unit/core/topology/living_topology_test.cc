#include "core/topology/living_topology.h"

#include <algorithm>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/topology/graphs.h"

namespace skiptrain::core {
namespace {

using ::testing::AllOf;
using testing::build;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::scattered_ids;

LivingTopology living(const std::string& spec, std::uint64_t seed = 3) {
  return LivingTopology::create(parse_topology_spec(spec).value(), seed).value();
}

std::vector<NodeId> ids(std::initializer_list<std::uint64_t> values) {
  std::vector<NodeId> result;
  for (const std::uint64_t value : values) result.emplace_back(value);
  return result;
}

std::vector<NodeId> without(std::vector<NodeId> members, NodeId node) {
  std::erase(members, node);
  return members;
}

class LivingTopologyTest : public ::testing::TestWithParam<std::string> {};

TEST_P(LivingTopologyTest, IsConnectedForAnyView) {
  Rng rng(6);
  const LivingTopology topology = living(GetParam());
  for (std::size_t count = 1; count <= 40; ++count) {
    const MemberGraph view = topology.graph(scattered_ids(count, rng));
    EXPECT_TRUE(view.graph.is_connected()) << count;
    EXPECT_EQ(view.graph.node_count(), count);
  }
}

TEST_P(LivingTopologyTest, NodesSeeTheSameEdgesFromBothEnds) {
  Rng rng(7);
  const LivingTopology topology = living(GetParam());
  for (const std::size_t count : {1u, 2u, 3u, 8u, 25u}) {
    const auto members = scattered_ids(count, rng);
    std::set<Edge> seen;
    for (const NodeId self : members) {
      const auto neighbours = topology.neighbours(members, self);
      EXPECT_TRUE(std::ranges::is_sorted(neighbours, std::less_equal<>()));
      for (const NodeId other : neighbours) {
        EXPECT_NE(other, self);
        EXPECT_THAT(topology.neighbours(members, other), ::testing::Contains(self));
        seen.insert(std::minmax(self, other));
      }
    }
    const auto edges = topology.graph(members).edges();
    EXPECT_EQ(seen, std::set<Edge>(edges.begin(), edges.end()));
  }
}

TEST_P(LivingTopologyTest, ANodeThatIsNoMemberHasNoNeighbours) {
  EXPECT_THAT(living(GetParam()).neighbours(ids({1, 2, 4}), NodeId(3)), IsEmpty());
  EXPECT_THAT(living(GetParam()).neighbours({}, NodeId(3)), IsEmpty());
  EXPECT_EQ(living(GetParam()).graph({}).graph.node_count(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Specs, LivingTopologyTest,
                         ::testing::Values("ring", "complete", "star", "exponential", "regular:1",
                                           "regular:2", "regular:3", "regular:4", "regular:50",
                                           "rings:1", "rings:3"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, ':');
                           return name;
                         });

TEST(LivingTopologyTest, RegularTakesTheNextDegreeThatExists) {
  const auto degree = [](const std::string& spec, std::size_t count) {
    Rng rng(count);
    const Topology graph = living(spec).graph(scattered_ids(count, rng)).graph;
    for (Topology::Position i = 0; i < count; ++i) EXPECT_EQ(graph.degree(i), graph.degree(0));
    return graph.degree(0);
  };
  EXPECT_EQ(degree("regular:3", 10), 3u);
  EXPECT_EQ(degree("regular:3", 9), 4u);  // 3 x 9 is odd
  EXPECT_EQ(degree("regular:3", 5), 4u);  // which is the complete graph
  EXPECT_EQ(degree("regular:3", 3), 2u);  // no more than 3 others
  EXPECT_EQ(degree("regular:3", 1), 0u);
  EXPECT_EQ(degree("regular:1", 2), 1u);
  EXPECT_EQ(degree("regular:1", 6), 2u);  // pairs would not be connected
}

TEST(LivingTopologyTest, RegularIsDrawnFromSeedAndSetOfIds) {
  Rng rng(3);
  const auto members = scattered_ids(30, rng);
  const Topology graph = living("regular:4", 1).graph(members).graph;
  EXPECT_EQ(living("regular:4", 1).graph(members).graph, graph);
  EXPECT_NE(living("regular:4", 2).graph(members).graph, graph);
  auto others = members;
  others.back() = NodeId(others.back().value() + 1);
  EXPECT_NE(living("regular:4", 1).graph(others).graph, graph);
}

TEST(LivingTopologyTest, AgreesWithTheGraphOfAConfigWhileNobodyMoves) {
  Rng rng(5);
  const auto members = scattered_ids(20, rng);
  for (const std::string spec : {"ring", "exponential", "rings:3"}) {
    EXPECT_EQ(living(spec, 9).graph(members).graph,
              build_topology(parse_topology_spec(spec).value(), members, 9).value());
  }
}

TEST(LivingTopologyTest, RefusesWhatIsNoGraphOfAnyView) {
  const auto refusal = [](const std::string& spec) {
    const auto topology = LivingTopology::create(parse_topology_spec(spec).value(), 1);
    EXPECT_FALSE(topology) << spec;
    return topology ? "" : topology.error().message;
  };
  EXPECT_THAT(refusal("torus"), AllOf(HasSubstr("topology torus: does not exist for every number"),
                                      HasSubstr("use ring, complete")));
  EXPECT_THAT(refusal("file:e.txt"), HasSubstr("topology file:e.txt: a file's graph"));
  EXPECT_THAT(refusal("epidemic:3"), HasSubstr("topology epidemic:3: draws its neighbours anew"));
}

TEST(TopologyChangeTest, ListsEdgesAddedAndRemoved) {
  const LivingTopology ring = living("ring");
  const auto change = difference(ring.graph(ids({1, 2, 4})), ring.graph(ids({1, 2, 3, 4})));
  EXPECT_THAT(change.added, ElementsAre(Edge(NodeId(2), NodeId(3)), Edge(NodeId(3), NodeId(4))));
  EXPECT_THAT(change.removed, ElementsAre(Edge(NodeId(2), NodeId(4))));
  EXPECT_THAT(difference(ring.graph(ids({1, 2})), ring.graph(ids({1, 2}))).added, IsEmpty());
}

// What a user of each kind pays for churn; the order of magnitude decides which to choose.
TEST(TopologyChangeTest, RingsChangeFewEdgesAndRegularNearlyAll) {
  Rng rng(8);
  const auto members = scattered_ids(256, rng);
  const auto fewer = without(members, members[100]);
  const auto changes = [&](const std::string& spec) {
    const auto change = difference(living(spec).graph(members), living(spec).graph(fewer));
    return change.added.size() + change.removed.size();
  };
  EXPECT_EQ(changes("ring"), 3u);
  EXPECT_LE(changes("rings:4"), 12u);
  EXPECT_GE(changes("rings:4"), 8u);
  EXPECT_GT(changes("regular:8"), 1500u);  // of 1024
  EXPECT_GT(changes("exponential"), 255u);
}

}  // namespace
}  // namespace skiptrain::core
