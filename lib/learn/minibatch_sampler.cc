#include "learn/minibatch_sampler.h"

#include <algorithm>

#include "base/check.h"

namespace skiptrain::learn {

MinibatchSampler::MinibatchSampler(std::span<const std::uint32_t> share, std::uint32_t batch_size,
                                   std::uint64_t seed)
    : batch_size_(batch_size), rng_(seed), order_(share.begin(), share.end()), used_(share.size()) {
  SKIPTRAIN_CHECK(!share.empty() && batch_size > 0, "a pass deals samples");
}

std::span<const std::uint32_t> MinibatchSampler::next() {
  if (used_ == order_.size()) {
    rng_.shuffle(order_);
    used_ = 0;
  }
  const std::size_t count = std::min<std::size_t>(batch_size_, order_.size() - used_);
  const std::span<const std::uint32_t> batch(order_.data() + used_, count);
  used_ += count;
  return batch;
}

std::uint32_t MinibatchSampler::batches_per_pass() const {
  return static_cast<std::uint32_t>((order_.size() + batch_size_ - 1) / batch_size_);
}

}  // namespace skiptrain::learn
