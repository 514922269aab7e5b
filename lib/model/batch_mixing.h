// The mixes of many nodes at once, for a process that holds them all: bit for bit what
// mix_with_distance gives for each, at the price of reading each node's parameters once.
//
// A node's update is an input of d + 1 mixes. One mix after the other reads it from memory d + 1
// times; here a block of columns of all mixes is done before the next, small enough for the inputs'
// block to stay in the second-level cache. Shards of columns (of mixes, where models are small) are
// independent, so threads share them out as they like.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model/mixing.h"

namespace skiptrain {

// One node's mix. `inputs[own]` is its own update; `out` overlaps no input of any mix.
struct NodeMix {
  std::span<const WeightedInput> inputs;
  std::size_t own = 0;
  std::span<float> out;
  double distance = 0.0;  // the result, beside `out`: L2 norm of own - out
};

class BatchMixing {
 public:
  // All mixes have outputs and inputs of one length. `mixes` and what it points to must outlive
  // this object.
  explicit BatchMixing(std::span<NodeMix> mixes);

  std::size_t shard_count() const { return column_shards_ * mix_shards_; }
  // Each shard once, in any order, from any thread.
  void run_shard(std::size_t shard);
  // After all shards: adds up the distances.
  void finish();

 private:
  void run_block(std::size_t block, std::span<NodeMix> mixes, std::size_t first_mix);

  std::span<NodeMix> mixes_;
  std::size_t columns_ = 0;
  std::size_t blocks_ = 0;  // of columns
  std::size_t column_shards_ = 0;
  std::size_t mix_shards_ = 0;
  std::vector<double> squares_;  // by mix, then by block
};

// All of it on the calling thread.
void mix_batch(std::span<NodeMix> mixes);

}  // namespace skiptrain
