#include "learn/minibatch_sampler.h"

#include <set>

#include <gtest/gtest.h>

namespace skiptrain::learn {
namespace {

std::vector<std::uint32_t> draw(MinibatchSampler& sampler, std::size_t batches) {
  std::vector<std::uint32_t> drawn;
  for (std::size_t i = 0; i < batches; ++i) {
    const auto batch = sampler.next();
    drawn.insert(drawn.end(), batch.begin(), batch.end());
  }
  return drawn;
}

TEST(MinibatchSamplerTest, APassDealsEverySampleOnce) {
  MinibatchSampler sampler({.samples = 10, .batch = 4}, 1);
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
  MinibatchSampler sampler({.samples = 100, .batch = 100}, 1);
  EXPECT_NE(draw(sampler, 1), draw(sampler, 1));
}

TEST(MinibatchSamplerTest, FollowsTheSeed) {
  MinibatchSampler a({.samples = 100, .batch = 10}, 1);
  MinibatchSampler b({.samples = 100, .batch = 10}, 1);
  MinibatchSampler c({.samples = 100, .batch = 10}, 2);
  const auto drawn = draw(a, 25);
  EXPECT_EQ(drawn, draw(b, 25));
  EXPECT_NE(drawn, draw(c, 25));
}

TEST(MinibatchSamplerTest, AShareSmallerThanABatchIsOneBatch) {
  MinibatchSampler sampler({.samples = 3, .batch = 32}, 1);
  EXPECT_EQ(sampler.batches_per_pass(), 1u);
  EXPECT_EQ(sampler.next().size(), 3u);
  EXPECT_EQ(sampler.next().size(), 3u);
}

}  // namespace
}  // namespace skiptrain::learn
