#include "model/batch_mixing.h"

#include <bit>
#include <numeric>
#include <ostream>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace skiptrain {
namespace {

struct BatchCase {
  std::size_t nodes;
  std::size_t inputs;  // of each mix
  std::size_t length;
};
// How the case is called in a list of tests.
void PrintTo(const BatchCase& c, std::ostream* out) {
  *out << c.nodes << " mixes of " << c.inputs << " inputs of length " << c.length;
}

class BatchMixingTest : public testing::TestWithParam<BatchCase> {
 protected:
  // Node m mixes itself and those behind it.
  void SetUp() override {
    const auto [nodes, inputs, length] = GetParam();
    Rng rng(3);
    updates_.assign(nodes, std::vector<float>(length));
    for (auto& update : updates_) {
      for (float& value : update) value = static_cast<float>(rng.normal());
    }
    outs_.assign(nodes, std::vector<float>(length));
    inputs_.resize(nodes);
    for (std::size_t m = 0; m < nodes; ++m) {
      for (std::size_t j = 0; j < inputs; ++j) {
        inputs_[m].push_back({rng.uniform(), updates_[(m + j) % nodes]});
      }
      mixes_.push_back({inputs_[m], m % inputs, outs_[m]});
    }
  }

  // Bit for bit what mixing one after the other gives.
  void expect_like_single_mixes() {
    std::vector<float> expected(GetParam().length);
    for (std::size_t m = 0; m < mixes_.size(); ++m) {
      const double distance = mix_with_distance(inputs_[m], mixes_[m].own, expected);
      ASSERT_EQ(std::bit_cast<std::uint64_t>(mixes_[m].distance),
                std::bit_cast<std::uint64_t>(distance))
          << "mix " << m;
      for (std::size_t k = 0; k < expected.size(); ++k) {
        ASSERT_EQ(std::bit_cast<std::uint32_t>(outs_[m][k]),
                  std::bit_cast<std::uint32_t>(expected[k]))
            << "mix " << m << ", element " << k;
      }
    }
  }

  std::vector<std::vector<float>> updates_;
  std::vector<std::vector<float>> outs_;
  std::vector<std::vector<WeightedInput>> inputs_;
  std::vector<NodeMix> mixes_;
};

TEST_P(BatchMixingTest, GivesTheBitsOfSingleMixes) {
  mix_batch(mixes_);
  expect_like_single_mixes();
}

TEST_P(BatchMixingTest, TheOrderOfShardsDoesNotShow) {
  BatchMixing batch(mixes_);
  std::vector<std::size_t> shards(batch.shard_count());
  std::iota(shards.begin(), shards.end(), 0u);
  Rng rng(5);
  rng.shuffle(shards);
  for (const std::size_t shard : shards) batch.run_shard(shard);
  batch.finish();
  expect_like_single_mixes();
}

INSTANTIATE_TEST_SUITE_P(Sizes, BatchMixingTest,
                         testing::Values(BatchCase{1, 1, 1}, BatchCase{5, 3, 7},
                                         BatchCase{300, 2, 65}, BatchCase{700, 7, 17},
                                         BatchCase{40, 9, 2049}, BatchCase{300, 5, 4100},
                                         BatchCase{7, 4, 20'003}, BatchCase{64, 7, 18'000}),
                         [](const auto& info) {
                           return "n" + std::to_string(info.param.nodes) + "_in" +
                                  std::to_string(info.param.inputs) + "_len" +
                                  std::to_string(info.param.length);
                         });

TEST(EmptyBatchMixingTest, NothingToMixIsNoShard) {
  BatchMixing batch({});
  EXPECT_EQ(batch.shard_count(), 0u);
  batch.finish();
}

}  // namespace
}  // namespace skiptrain
