#include "base/rng.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace skiptrain {
namespace {

// The first draws of the published xoshiro256++, seeded by SplitMix64, computed by an independent
// implementation.
TEST(RngTest, DrawsThePublishedSequence) {
  Rng zero(0);
  EXPECT_EQ(zero.next(), 0x53175d61490b23dfu);
  EXPECT_EQ(zero.next(), 0x61da6f3dc380d507u);
  EXPECT_EQ(zero.next(), 0x5c0fdf91ec9a7bfcu);
  EXPECT_EQ(zero.next(), 0x02eebf8c3bbe5e1au);
  Rng other(42);
  EXPECT_EQ(other.next(), 0xd0764d4f4476689fu);
}

TEST(RngTest, DerivedSeedsAreKnownAndDependOnOrder) {
  EXPECT_EQ(derive_seed({1, 2, 3}), 0x76857bd7cd798611u);
  EXPECT_EQ(derive_seed({3, 2, 1}), 0x57c57a7f35cc9031u);
}

TEST(RngTest, DerivedSeedsOfNeighbouringNamesAllDiffer) {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t node = 0; node < 64; ++node) {
    for (std::uint64_t round = 0; round < 64; ++round) seeds.insert(derive_seed({7, node, round}));
  }
  EXPECT_EQ(seeds.size(), 64u * 64u);
}

TEST(RngTest, OneSeedGivesOneSequence) {
  Rng a(99);
  Rng b(99);
  Rng c(100);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t draw = a.next();
    EXPECT_EQ(draw, b.next());
    differs |= draw != c.next();
  }
  EXPECT_TRUE(differs);
}

// Mean and variance of `draws`, to compare with those of a distribution.
struct Moments {
  double mean = 0.0;
  double variance = 0.0;
};
Moments moments(const std::vector<double>& draws) {
  Moments m;
  for (const double x : draws) m.mean += x / static_cast<double>(draws.size());
  for (const double x : draws) {
    m.variance += (x - m.mean) * (x - m.mean) / static_cast<double>(draws.size());
  }
  return m;
}

constexpr std::size_t kDraws = 100'000;

TEST(RngTest, UniformStaysInItsRangeAndHasItsMoments) {
  Rng rng(1);
  std::vector<double> draws(kDraws);
  for (double& x : draws) x = rng.uniform();
  EXPECT_GE(*std::ranges::min_element(draws), 0.0);
  EXPECT_LT(*std::ranges::max_element(draws), 1.0);
  const Moments m = moments(draws);
  EXPECT_NEAR(m.mean, 0.5, 0.005);
  EXPECT_NEAR(m.variance, 1.0 / 12.0, 0.002);
}

TEST(RngTest, BelowIsUniformOverASmallRange) {
  Rng rng(2);
  std::vector<int> counts(7, 0);
  for (std::size_t i = 0; i < 70'000; ++i) ++counts.at(rng.below(7));
  // Chi-squared with 6 degrees of freedom exceeds 22.5 once in a thousand seeds.
  double chi_squared = 0.0;
  for (const int count : counts) chi_squared += (count - 1e4) * (count - 1e4) / 1e4;
  EXPECT_LT(chi_squared, 22.5);
}

// 3 * 2^62 does not divide 2^64: a plain remainder would land in the lowest quarter of the range
// twice as often as in the others.
TEST(RngTest, BelowHasNoModuloBias) {
  constexpr std::uint64_t kBound = 3ull << 62;
  Rng rng(3);
  int low = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::uint64_t draw = rng.below(kBound);
    ASSERT_LT(draw, kBound);
    if (draw < (1ull << 62)) ++low;
  }
  EXPECT_NEAR(low, 10'000, 400);
}

TEST(RngTest, NormalHasMeanZeroAndVarianceOne) {
  Rng rng(4);
  std::vector<double> draws(kDraws);
  for (double& x : draws) x = rng.normal();
  const Moments m = moments(draws);
  EXPECT_NEAR(m.mean, 0.0, 0.015);
  EXPECT_NEAR(m.variance, 1.0, 0.02);
  const auto within_one = std::ranges::count_if(draws, [](double x) { return std::abs(x) < 1.0; });
  EXPECT_NEAR(static_cast<double>(within_one) / kDraws, 0.6827, 0.006);
}

class RngGammaTest : public testing::TestWithParam<double> {};

// A gamma distribution of scale 1 has its shape as mean and as variance.
TEST_P(RngGammaTest, HasItsShapeAsMeanAndVariance) {
  const double shape = GetParam();
  Rng rng(5);
  std::vector<double> draws(kDraws);
  for (double& x : draws) x = rng.gamma(shape);
  EXPECT_GE(*std::ranges::min_element(draws), 0.0);
  const Moments m = moments(draws);
  EXPECT_NEAR(m.mean, shape, 0.02 * std::max(shape, 1.0));
  EXPECT_NEAR(m.variance, shape, 0.05 * std::max(shape, 1.0));
}
INSTANTIATE_TEST_SUITE_P(Shapes, RngGammaTest, testing::Values(0.1, 0.5, 1.0, 2.5, 10.0));

TEST(RngTest, ShuffleKeepsTheItemsAndReachesEveryOrder) {
  Rng rng(6);
  std::set<std::vector<int>> orders;
  for (int i = 0; i < 500; ++i) {
    std::vector<int> items = {1, 2, 3, 4};
    rng.shuffle(items);
    orders.insert(items);
    std::ranges::sort(items);
    EXPECT_EQ(items, (std::vector{1, 2, 3, 4}));
  }
  EXPECT_EQ(orders.size(), 24u);
}

TEST(RngTest, ShuffleOfNothingAndOfOneIsHarmless) {
  Rng rng(7);
  std::vector<int> none;
  rng.shuffle(none);
  EXPECT_TRUE(none.empty());
  std::vector<int> one = {5};
  rng.shuffle(one);
  EXPECT_EQ(one, std::vector{5});
}

TEST(RngDeathTest, RefusesAnEmptyRange) {
  Rng rng(8);
  EXPECT_DEATH(rng.below(0), "empty range");
}

}  // namespace
}  // namespace skiptrain
