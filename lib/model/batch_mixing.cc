#include "model/batch_mixing.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "model/mixing_kernels.h"

namespace skiptrain {
namespace {

using internal::kMixBlock;
using internal::SquareSum;

// The inputs' columns of one step through all mixes take at most this much, half of a common
// second-level cache; but never fewer columns than make a run of memory worth fetching.
constexpr std::size_t kCacheShareBytes = 512 * 1024;
constexpr std::size_t kMinColumns = 256;

// A model of at least this many blocks is shared out by columns alone; the mixes of smaller ones
// are also dealt out in groups.
constexpr std::size_t kManyBlocks = 8;
constexpr std::size_t kMixesPerShard = 256;

std::size_t columns_at_once(std::size_t mixes) {
  const std::size_t fit = kCacheShareBytes / (sizeof(float) * std::max<std::size_t>(mixes, 1));
  // A power of two, so that it divides the block and is a multiple of the eight lanes.
  std::size_t columns = kMixBlock;
  while (columns > fit && columns > kMinColumns) columns /= 2;
  return columns;
}

}  // namespace

BatchMixing::BatchMixing(std::span<NodeMix> mixes) : mixes_(mixes) {
  if (mixes.empty()) return;
  columns_ = mixes.front().out.size();
  for (const NodeMix& mix : mixes) {
    SKIPTRAIN_CHECK(mix.own < mix.inputs.size(), "the node's own parameters are one of the inputs");
    SKIPTRAIN_CHECK(mix.out.size() == columns_, "all mixes of a batch have one length");
    for (const WeightedInput& input : mix.inputs) {
      SKIPTRAIN_CHECK(input.values.size() == columns_, "all inputs of a mix have one length");
    }
  }
  blocks_ = (columns_ + kMixBlock - 1) / kMixBlock;
  column_shards_ = blocks_;
  mix_shards_ = blocks_ >= kManyBlocks ? 1 : (mixes.size() + kMixesPerShard - 1) / kMixesPerShard;
  squares_.resize(mixes.size() * blocks_);
}

void BatchMixing::run_shard(std::size_t shard) {
  const std::size_t block = shard / mix_shards_;
  const std::size_t group = shard % mix_shards_;
  const std::size_t first = mixes_.size() * group / mix_shards_;
  const std::size_t last = mixes_.size() * (group + 1) / mix_shards_;
  run_block(block, mixes_.subspan(first, last - first), first);
}

void BatchMixing::run_block(std::size_t block, std::span<NodeMix> mixes, std::size_t first_mix) {
  const std::size_t block_begin = block * kMixBlock;
  const std::size_t block_end = std::min(block_begin + kMixBlock, columns_);
  const std::size_t step = columns_at_once(mixes.size());
  std::vector<SquareSum> sums(mixes.size());
  for (std::size_t begin = block_begin; begin < block_end; begin += step) {
    const std::size_t count = std::min(step, block_end - begin);
    for (std::size_t m = 0; m < mixes.size(); ++m) {
      const NodeMix& mix = mixes[m];
      internal::combine_columns(mix.inputs, begin, count, mix.out.data() + begin);
      sums[m].add_differences(mix.inputs[mix.own].values.data() + begin, mix.out.data() + begin,
                              count);
    }
  }
  for (std::size_t m = 0; m < mixes.size(); ++m) {
    squares_[(first_mix + m) * blocks_ + block] = sums[m].total();
  }
}

void BatchMixing::finish() {
  for (std::size_t m = 0; m < mixes_.size(); ++m) {
    double sum = 0;
    for (std::size_t block = 0; block < blocks_; ++block) sum += squares_[m * blocks_ + block];
    mixes_[m].distance = std::sqrt(sum);
  }
}

void mix_batch(std::span<NodeMix> mixes) {
  BatchMixing batch(mixes);
  for (std::size_t shard = 0; shard < batch.shard_count(); ++shard) batch.run_shard(shard);
  batch.finish();
}

}  // namespace skiptrain
