// Optimizers over flat float32 buffers: SGD with momentum (Nesterov's or the plain one), Adam
// (Kingma & Ba 2015, Algorithm 1) and AdamW (Loshchilov & Hutter 2019, Algorithm 2), each in the
// order of operations of torch.optim. An optimizer owns its state and nothing else: values and
// gradients are the caller's, and the learning rate is given with every step, so that it may change
// from round to round. One thread at a time. No LibTorch: plain loops that the compiler vectorises.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "learn/flat_module.h"

namespace skiptrain::learn {

enum class OptimizerKind { kSgd, kAdam, kAdamW };

// The defaults are those of torch.optim, but for the weight decay of AdamW, which is 0.01 there.
struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kSgd;
  double momentum = 0.0;  // sgd; in [0, 1), dampened by nothing
  bool nesterov = false;  // sgd; with momentum above 0
  double beta1 = 0.9;     // adam, adamw; of the running mean of gradients, in [0, 1)
  double beta2 = 0.999;   // adam, adamw; of that of their squares, in [0, 1)
  double epsilon = 1e-8;  // adam, adamw; added to the root of the latter, above 0
  // adamw shrinks the values by lr * weight_decay; the others add weight_decay * value to the
  // gradient (L2).
  double weight_decay = 0.0;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // Changes `values` within the runs of `trainable` and nowhere else. One gradient for each value,
  // as many as the optimizer was made for.
  virtual void step(std::span<float> values, std::span<const float> gradients,
                    std::span<const FlatModule::Run> trainable, double lr) = 0;
  // As after make_optimizer; keeps the memory.
  virtual void forget() = 0;
};

// `options` must be valid (trainer_options.h). State: none for SGD without momentum, one float a
// parameter with it, two for the others.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                          std::size_t parameter_count);

}  // namespace skiptrain::learn
