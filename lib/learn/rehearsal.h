// Whether a model that a user brought can be trained at all, found out before a run begins. Inside
// lib/learn only.
#pragma once

#include "learn/flat_module.h"
#include "learn/loss.h"
#include "learn/models.h"

namespace skiptrain::learn {

// Runs the model once in training, with its gradients, and once in evaluation, on a minibatch as in
// batch.h. The model is left as it was found. Throws Refusal, kInvalidArgument, that says what was
// expected and what came: outputs of another shape or type, a loss from which no gradient flows, or
// whatever forward itself throws.
void rehearse(Model& model, FlatModule& flat, const ModelSpec& spec, LossKind loss,
              const at::Tensor& images, const at::Tensor& targets);

}  // namespace skiptrain::learn
