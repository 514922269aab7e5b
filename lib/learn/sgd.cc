#include "learn/sgd.h"

#include <cstddef>

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

// Zero times momentum plus the gradient is the gradient: the first step needs no case of its own.
void sgd_step(const SgdOptions& options, std::span<float> values, std::span<const float> gradients,
              std::span<float> velocity) {
  SKIPTRAIN_CHECK(values.size() == gradients.size(), "one gradient per parameter");
  const auto lr = static_cast<float>(options.lr);
  const auto weight_decay = static_cast<float>(options.weight_decay);
  if (velocity.empty()) {
    descend(values.data(), gradients.data(), values.size(), lr, weight_decay);
    return;
  }
  SKIPTRAIN_CHECK(velocity.size() == values.size(), "one velocity per parameter");
  descend_with_momentum(values.data(), gradients.data(), velocity.data(), values.size(), lr,
                        weight_decay, static_cast<float>(options.momentum));
}

}  // namespace skiptrain::learn
