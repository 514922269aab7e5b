#include "core/topology/epidemic.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::core {
namespace {

using Position = Topology::Position;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(EpidemicTest, DrawsSDistinctOthersInOrder) {
  for (const std::size_t nodes : {2u, 3u, 9u, 64u, 1000u}) {
    for (const std::uint32_t receivers : {1u, 2u, 8u, 63u}) {
      const EpidemicDraw draw{5, Round(7), nodes, receivers};
      for (Position node = 0; node < nodes; ++node) {
        const auto out = epidemic_out_neighbours(draw, node);
        EXPECT_EQ(out.size(), std::min<std::size_t>(receivers, nodes - 1));
        EXPECT_TRUE(std::ranges::is_sorted(out, std::less_equal<>())) << "with repeats";
        EXPECT_FALSE(std::ranges::binary_search(out, node));
        EXPECT_LT(out.back(), nodes);
      }
    }
  }
}

TEST(EpidemicTest, OneNodeHasNobodyAndTwoHaveEachOther) {
  EXPECT_THAT(epidemic_out_neighbours({1, Round(0), 1, 4}, 0), IsEmpty());
  EXPECT_THAT(epidemic_in_neighbours({1, Round(0), 1, 4}, 0), IsEmpty());
  EXPECT_THAT(epidemic_out_neighbours({1, Round(0), 2, 4}, 1), ElementsAre(0));
  EXPECT_THAT(epidemic_in_neighbours({1, Round(0), 2, 4}, 1), ElementsAre(0));
}

TEST(EpidemicTest, SeedRoundAndSenderDecideTheDraw) {
  const EpidemicDraw draw{5, Round(7), 1000, 8};
  const auto out = epidemic_out_neighbours(draw, 3);
  EXPECT_EQ(epidemic_out_neighbours(draw, 3), out);
  EXPECT_NE(epidemic_out_neighbours(draw, 4), out);
  EXPECT_NE(epidemic_out_neighbours({5, Round(8), 1000, 8}, 3), out);
  EXPECT_NE(epidemic_out_neighbours({6, Round(7), 1000, 8}, 3), out);
}

TEST(EpidemicTest, InNeighboursAreThoseWhoSend) {
  const EpidemicDraw draw{2, Round(3), 40, 5};
  std::size_t edges = 0;
  for (Position receiver = 0; receiver < draw.nodes; ++receiver) {
    const auto in = epidemic_in_neighbours(draw, receiver);
    edges += in.size();
    for (Position sender = 0; sender < draw.nodes; ++sender) {
      const auto out = epidemic_out_neighbours(draw, sender);
      EXPECT_EQ(std::ranges::binary_search(in, sender), std::ranges::binary_search(out, receiver));
    }
  }
  EXPECT_EQ(edges, 40u * 5u);
}

// Each other node is drawn with probability S / (n - 1): 2 000 rounds of S = 3 on 13 nodes give
// each of 12 others 500 draws, standard deviation 19.4.
TEST(EpidemicTest, DrawsAreUniform) {
  std::map<Position, int> drawn;
  for (std::uint64_t round = 0; round < 2000; ++round) {
    for (const Position to : epidemic_out_neighbours({9, Round(round), 13, 3}, 4)) ++drawn[to];
  }
  EXPECT_EQ(drawn.size(), 12u);
  for (const auto& [to, count] : drawn) EXPECT_NEAR(count, 500, 5 * 19.4) << to;
}

// A mean over a set of any size: all weights of a row sum to 1, and models that agree stay as they
// are. The nodes come together although each round's matrix is not doubly stochastic.
TEST(EpidemicTest, UniformMixesReachConsensus) {
  constexpr std::size_t kNodes = 32;
  std::vector<double> x(kNodes);
  for (std::size_t i = 0; i < kNodes; ++i) x[i] = static_cast<double>(i);
  for (std::uint64_t round = 0; round < 40; ++round) {
    const EpidemicDraw draw{1, Round(round), kNodes, 3};
    std::vector<double> next(kNodes);
    for (Position node = 0; node < kNodes; ++node) {
      const auto in = epidemic_in_neighbours(draw, node);
      const double weight = epidemic_weight(in.size());
      EXPECT_NEAR(weight * static_cast<double>(in.size() + 1), 1.0, 1e-15);
      next[node] = weight * x[node];
      for (const Position from : in) next[node] += weight * x[from];
    }
    x = next;
  }
  const auto [least, most] = std::ranges::minmax(x);
  EXPECT_LT(most - least, 1e-6);
  EXPECT_GT(least, 0.0);
  EXPECT_LT(most, kNodes - 1.0);
}

}  // namespace
}  // namespace skiptrain::core
