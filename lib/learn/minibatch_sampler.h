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
  // Both at least 1.
  struct Sizes {
    std::uint32_t samples = 1;
    std::uint32_t batch = 1;
  };
  MinibatchSampler(Sizes sizes, std::uint64_t seed);

  // Indices into the share; valid until the next call.
  std::span<const std::uint32_t> next();
  std::uint32_t batches_per_pass() const;

 private:
  Sizes sizes_;
  Rng rng_;
  std::vector<std::uint32_t> order_;
  std::size_t used_;
};

}  // namespace skiptrain::learn
