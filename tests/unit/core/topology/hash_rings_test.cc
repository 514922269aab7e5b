#include "core/topology/hash_rings.h"

#include <algorithm>
#include <iterator>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/topology/living_topology.h"
#include "tests/unit/core/topology/graphs.h"

namespace skiptrain::core {
namespace {

using testing::build;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::scattered_ids;

std::set<Edge> edges_of(const HashRings& options, const std::vector<NodeId>& nodes) {
  const std::vector<Edge> edges = MemberGraph{nodes, build_rings(options, nodes)}.edges();
  return {edges.begin(), edges.end()};
}

std::size_t count_missing(const std::set<Edge>& edges, const std::set<Edge>& from) {
  std::vector<Edge> missing;
  std::ranges::set_difference(edges, from, std::back_inserter(missing));
  return missing.size();
}

TEST(HashRingsTest, IsConnectedAndNearlyRegular) {
  const Topology graph = build("rings:4", 1000);
  EXPECT_TRUE(graph.is_connected());
  std::size_t degrees = 0;
  for (Topology::Position node = 0; node < 1000; ++node) {
    EXPECT_LE(graph.degree(node), 8u);
    EXPECT_GE(graph.degree(node), 6u);
    degrees += graph.degree(node);
  }
  EXPECT_GT(degrees, 7900u);
  EXPECT_LE(graph.diameter(), 6u);
}

TEST(HashRingsTest, OneRingIsARing) {
  const Topology graph = build("rings:1", 50);
  EXPECT_TRUE(graph.is_connected());
  EXPECT_EQ(graph.edges().size(), 50u);
  EXPECT_EQ(graph.diameter(), 25u);
  EXPECT_NE(graph, build("ring", 50));  // in an order of its own
}

TEST(HashRingsTest, SeedAndIdsDecideTheGraph) {
  EXPECT_EQ(build("rings:2", 64, 5), build("rings:2", 64, 5));
  EXPECT_NE(build("rings:2", 64, 5), build("rings:2", 64, 6));
  Rng rng(1);
  EXPECT_NE(build_rings({2, 5}, scattered_ids(64, rng)), build("rings:2", 64, 5));
}

TEST(HashRingsTest, SmallClusters) {
  EXPECT_TRUE(build("rings:3", 1).edges().empty());
  EXPECT_EQ(build("rings:3", 2).edges().size(), 1u);
  EXPECT_EQ(build("rings:3", 3).edges().size(), 3u);
  EXPECT_THAT(ring_neighbours({3, 1}, std::vector{NodeId(7)}, NodeId(7)), IsEmpty());
  EXPECT_THAT(ring_neighbours({3, 1}, std::vector{NodeId(7), NodeId(9)}, NodeId(7)),
              ElementsAre(NodeId(9)));
}

TEST(HashRingsTest, OneNodesViewIsItsRowOfTheGraph) {
  Rng rng(4);
  for (const std::size_t count : {2u, 3u, 5u, 33u, 200u}) {
    const auto nodes = scattered_ids(count, rng);
    for (const std::uint32_t rings : {1u, 2u, 5u}) {
      const Topology graph = build_rings({rings, 8}, nodes);
      for (Topology::Position i = 0; i < count; ++i) {
        std::vector<NodeId> row;
        for (const auto j : graph.neighbours(i)) row.push_back(nodes[j]);
        EXPECT_EQ(ring_neighbours({rings, 8}, nodes, nodes[i]), row);
      }
    }
  }
}

// The property that rings:K is for: whoever joins or leaves any cluster, at most K edges between
// others and 2K of its own change, and no edge between nodes that were not beside it.
TEST(HashRingsTest, OneJoinOrLeaveChangesAtMost3KEdges) {
  Rng rng(2024);
  std::size_t most_changes = 0;
  for (int trial = 0; trial < 600; ++trial) {
    const HashRings options{1 + static_cast<std::uint32_t>(rng.below(6)), rng.next()};
    const auto with = scattered_ids(2 + rng.below(trial % 10 == 0 ? 500 : 40), rng);
    auto without = with;
    const auto leaver = without.begin() + static_cast<std::ptrdiff_t>(rng.below(without.size()));
    const NodeId node = *leaver;
    without.erase(leaver);
    const auto before = edges_of(options, without);
    const auto after = edges_of(options, with);
    // A leave is a join backwards, so one difference proves both.
    const std::size_t added = count_missing(after, before);
    const std::size_t removed = count_missing(before, after);
    EXPECT_LE(added, 2 * options.rings) << "trial " << trial;
    EXPECT_LE(removed, options.rings) << "trial " << trial;
    for (const Edge& edge : after) {
      if (!before.contains(edge)) {
        EXPECT_TRUE(edge.first == node || edge.second == node);
      }
    }
    const auto beside = ring_neighbours(options, without, node);
    EXPECT_EQ(beside, ring_neighbours(options, with, node));
    for (const Edge& edge : before) {
      if (after.contains(edge)) continue;
      EXPECT_TRUE(std::ranges::binary_search(beside, edge.first));
      EXPECT_TRUE(std::ranges::binary_search(beside, edge.second));
    }
    most_changes = std::max(most_changes, added + removed);
  }
  EXPECT_EQ(most_changes, 3u * 6u);  // the bound is reached, so the test can see it broken
}

}  // namespace
}  // namespace skiptrain::core
