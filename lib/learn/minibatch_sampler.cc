#include "learn/minibatch_sampler.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace skiptrain::learn {

MinibatchSampler::MinibatchSampler(Sizes sizes, std::uint64_t seed)
    : sizes_(sizes), rng_(seed), order_(sizes.samples), used_(sizes.samples) {
  SKIPTRAIN_CHECK(sizes.samples > 0 && sizes.batch > 0, "a pass deals samples");
  std::iota(order_.begin(), order_.end(), 0u);
}

std::span<const std::uint32_t> MinibatchSampler::next() {
  if (used_ == order_.size()) {
    rng_.shuffle(order_);
    used_ = 0;
  }
  const std::size_t count = std::min<std::size_t>(sizes_.batch, order_.size() - used_);
  const std::span<const std::uint32_t> batch(order_.data() + used_, count);
  used_ += count;
  return batch;
}

std::uint32_t MinibatchSampler::batches_per_pass() const {
  return sizes_.samples / sizes_.batch + (sizes_.samples % sizes_.batch != 0 ? 1 : 0);
}

}  // namespace skiptrain::learn
