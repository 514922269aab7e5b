// Stochastic gradient descent over flat float32 buffers, as torch.optim.SGD defines it: weight
// decay is added to the gradient, momentum is dampened by nothing, and the first step's momentum is
// the gradient itself. No LibTorch, no threads.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace skiptrain::learn {

struct SgdOptions {
  double lr = 0.1;
  double momentum = 0.0;
  double weight_decay = 0.0;
};

class Sgd {
 public:
  Sgd(SgdOptions options, std::size_t parameter_count);

  // values -= lr * direction, for the run of the flat buffer that starts at `offset`. Momentum is
  // kept per element, in place `offset` and following.
  void step(std::span<float> values, std::span<const float> gradients, std::size_t offset);
  // Forgets the momentum.
  void reset();

 private:
  SgdOptions options_;
  std::vector<float> velocity_;  // empty without momentum
};

}  // namespace skiptrain::learn
