// Stochastic gradient descent over flat float32 buffers, as torch.optim.SGD defines it: weight
// decay is added to the gradient, momentum is dampened by nothing, and the first step's momentum is
// the gradient itself. No state of its own, no LibTorch, no threads.
#pragma once

#include <span>

namespace skiptrain::learn {

struct SgdOptions {
  double lr = 0.1;
  double momentum = 0.0;
  double weight_decay = 0.0;
};

// values -= lr * direction. `velocity` is the optimizer's state, one element per parameter, zero
// before the first step; empty goes without momentum. Equal lengths.
void sgd_step(const SgdOptions& options, std::span<float> values, std::span<const float> gradients,
              std::span<float> velocity);

}  // namespace skiptrain::learn
