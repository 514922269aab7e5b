#include "learn/minibatch_sampler.h"

#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace skiptrain::learn {
namespace {

std::vector<std::uint32_t> share_of(std::uint32_t count) {
  std::vector<std::uint32_t> share(count);
  std::iota(share.begin(), share.end(), 0u);
  return share;
}

std::vector<std::uint32_t> draw(MinibatchSampler& sampler, std::size_t batches) {
  std::vector<std::uint32_t> drawn;
  for (std::size_t i = 0; i < batches; ++i) {
    const auto batch = sampler.next();
    drawn.insert(drawn.end(), batch.begin(), batch.end());
  }
  return drawn;
}

TEST(MinibatchSamplerTest, APassDealsEverySampleOnce) {
  MinibatchSampler sampler(share_of(10), 4, 1);
  EXPECT_EQ(sampler.batches_per_pass(), 3u);
  for (int pass = 0; pass < 3; ++pass) {
    EXPECT_EQ(sampler.next().size(), 4u);
    std::vector<std::uint32_t> drawn = draw(sampler, 2);
    EXPECT_EQ(drawn.size(), 6u);
  }
  const auto pass = draw(sampler, 3);
  EXPECT_EQ(std::set<std::uint32_t>(pass.begin(), pass.end()).size(), 10u);
}

TEST(MinibatchSamplerTest, EveryPassIsShuffledAnew) {
  MinibatchSampler sampler(share_of(100), 100, 1);
  EXPECT_NE(draw(sampler, 1), draw(sampler, 1));
}

TEST(MinibatchSamplerTest, FollowsTheSeed) {
  MinibatchSampler a(share_of(100), 10, 1);
  MinibatchSampler b(share_of(100), 10, 1);
  MinibatchSampler c(share_of(100), 10, 2);
  const auto drawn = draw(a, 25);
  EXPECT_EQ(drawn, draw(b, 25));
  EXPECT_NE(drawn, draw(c, 25));
}

TEST(MinibatchSamplerTest, DealsTheSamplesOfTheShareByPosition) {
  const std::vector<std::uint32_t> share{70, 3, 900, 41, 8};
  MinibatchSampler positions(share_of(5), 2, 1);
  MinibatchSampler samples(share, 2, 1);
  std::vector<std::uint32_t> expected;
  for (const std::uint32_t position : draw(positions, 9)) expected.push_back(share[position]);
  EXPECT_EQ(draw(samples, 9), expected);
}

TEST(MinibatchSamplerTest, AShareSmallerThanABatchIsOneBatch) {
  MinibatchSampler sampler(share_of(3), 32, 1);
  EXPECT_EQ(sampler.batches_per_pass(), 1u);
  EXPECT_EQ(sampler.next().size(), 3u);
  EXPECT_EQ(sampler.next().size(), 3u);
}

}  // namespace
}  // namespace skiptrain::learn
