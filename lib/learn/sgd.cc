#include "learn/sgd.h"

#include <algorithm>

#include "base/check.h"

namespace skiptrain::learn {
namespace {

void descend(float* __restrict values, const float* __restrict gradients, std::size_t count,
             float lr, float weight_decay) {
  for (std::size_t k = 0; k < count; ++k) {
    values[k] -= lr * (gradients[k] + weight_decay * values[k]);
  }
}

void descend_with_momentum(float* __restrict values, const float* __restrict gradients,
                           float* __restrict velocity, std::size_t count, float lr,
                           float weight_decay, float momentum) {
  for (std::size_t k = 0; k < count; ++k) {
    velocity[k] = momentum * velocity[k] + (gradients[k] + weight_decay * values[k]);
    values[k] -= lr * velocity[k];
  }
}

}  // namespace

Sgd::Sgd(SgdOptions options, std::size_t parameter_count)
    : options_(options), velocity_(options.momentum != 0 ? parameter_count : 0, 0.0f) {}

// Velocities start at zero, and zero times momentum plus the gradient is the gradient: the first
// step needs no case of its own.
void Sgd::step(std::span<float> values, std::span<const float> gradients, std::size_t offset) {
  SKIPTRAIN_CHECK(values.size() == gradients.size(), "one gradient per parameter");
  const auto lr = static_cast<float>(options_.lr);
  const auto weight_decay = static_cast<float>(options_.weight_decay);
  if (velocity_.empty()) {
    descend(values.data(), gradients.data(), values.size(), lr, weight_decay);
    return;
  }
  SKIPTRAIN_CHECK(offset + values.size() <= velocity_.size(), "the run lies in the flat buffer");
  descend_with_momentum(values.data(), gradients.data(), velocity_.data() + offset, values.size(),
                        lr, weight_decay, static_cast<float>(options_.momentum));
}

void Sgd::reset() {
  std::fill(velocity_.begin(), velocity_.end(), 0.0f);
}

}  // namespace skiptrain::learn
