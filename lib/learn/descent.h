// What a step does with its gradients: it shortens them if they are too long, and lets an optimizer
// change the model by them, where both lie. Inside lib/learn only.
//
// In the host's memory it is the loops of gradient_clipping.h and optimizer.h; elsewhere the same
// in LibTorch's operators, without waiting for them: equal up to the order of sums. One thread at
// a time. Methods may throw c10::Error.
#pragma once

#include <memory>

#include "learn/device.h"
#include "learn/flat_module.h"
#include "learn/optimizer.h"

namespace skiptrain::learn {

class Descent {
 public:
  virtual ~Descent() = default;

  // By the gradients of `flat`, which may be changed by it; only what is trainable moves.
  virtual void step(FlatModule& flat, double lr) = 0;
  // As when it was made; keeps the memory.
  virtual void forget() = 0;
};

// For modules of `flat`'s size and place. `clip_norm`: the largest 2-norm of all gradients
// together; 0: any. Both must be valid (trainer_options.h).
std::unique_ptr<Descent> make_descent(const OptimizerOptions& options, double clip_norm,
                                      const FlatModule& flat);

// That of tensors, wherever these lie; make_descent takes it for all places but the host's loops.
std::unique_ptr<Descent> make_tensor_descent(const OptimizerOptions& options, double clip_norm,
                                             const FlatModule& flat);

}  // namespace skiptrain::learn
