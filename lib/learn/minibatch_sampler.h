// Which samples make up the minibatches of one round: endless shuffled passes over a node's share.
//
// A pass deals every sample once, in minibatches of `batch_size`; its last one may be smaller. Then
// the share is shuffled anew (as PyTorch's DataLoader does). The whole sequence follows from the
// seed. No LibTorch, no threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"

namespace skiptrain::learn {

class MinibatchSampler {
 public:
  // `share`: the samples to deal, by whatever numbers the caller knows them; their order is part of
  // what the sequence follows from. Neither empty nor 0.
  MinibatchSampler(std::span<const std::uint32_t> share, std::uint32_t batch_size,
                   std::uint64_t seed);

  // Samples of the share; valid until the next call.
  std::span<const std::uint32_t> next();
  std::uint32_t batches_per_pass() const;

 private:
  std::uint32_t batch_size_;
  Rng rng_;
  std::vector<std::uint32_t> order_;
  std::size_t used_;
};

}  // namespace skiptrain::learn
