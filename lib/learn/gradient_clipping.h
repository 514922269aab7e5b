// Keeps single steps short: gradients whose norm is too large are scaled down together, which keeps
// their direction (Pascanu, Mikolov & Bengio 2013, Algorithm 1), as torch.nn.utils.clip_grad_norm_
// does. No state, no threads, no LibTorch.
#pragma once

#include <span>

#include "learn/flat_module.h"

namespace skiptrain::learn {

// Scales the gradients in the runs of `trainable` by max_norm / (norm + 1e-6) if that is below 1,
// where `norm` is the 2-norm of all of them together. Returns the norm from before. A
// gradient that is not finite stays so. `max_norm` is above 0.
double clip_gradient_norm(std::span<float> gradients, std::span<const FlatModule::Run> trainable,
                          double max_norm);

}  // namespace skiptrain::learn
