// What one worker computes with: a module, its gradients, the optimizer's scratch memory, the
// memory of a minibatch, all of it in one place (device.h). Inside lib/learn only.
//
// A node is a guest in a workspace for the length of one call: its parameters are copied in, and
// what it gets depends on nothing that an earlier guest left behind. The module's parameters are
// views into one contiguous float32 buffer, so taking a start and giving a snapshot are one memcpy
// each, and the optimizer is one loop over the buffer.
//
// One thread at a time, any thread. Methods may throw c10::Error and std::bad_alloc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "data/dataset.h"
#include "learn/augmentation.h"
#include "learn/batch.h"
#include "learn/descent.h"
#include "learn/device.h"
#include "learn/flat_module.h"
#include "learn/models.h"
#include "learn/trainer_options.h"
#include "model/parameters.h"
#include "ports/trainer.h"

namespace skiptrain::learn {

// What all workers and nodes have in common.
struct TrainingSetup {
  TrainerOptions options;  // valid; `node` and `device` are not looked at
  std::shared_ptr<const data::Dataset> train;
  std::shared_ptr<const data::Dataset> test;
  Place place = Place::kHost;
};

// What is a node's own, from one round to the next.
struct NodeState {
  NodeId node;
  std::vector<std::uint32_t> samples;  // its share: indices into the training set
  // With keep_optimizer_state, as its last round left it; null before the first.
  std::unique_ptr<Descent> descent;
};

// kUnavailable: asked to stop.
tl::unexpected<Error> cancelled();

class Workspace {
 public:
  // `setup` must outlive it. The module starts as x(0).
  explicit Workspace(const TrainingSetup& setup);

  const ParameterLayout& layout() const { return flat_.layout(); }
  // What the module holds.
  ParametersPtr copy() const;
  // With what is frozen.
  const FlatModule& whole() const { return flat_; }

  // The module starts as `initial`, which came from `source`. Throws Refusal, kMismatch, if it is
  // of another model.
  void begin_with(const NamedParameters& initial, const std::string& source);
  // Throws Refusal if the model cannot be trained on these data (rehearsal.h).
  void rehearse();

  // One round's local steps of `state`'s node. The outcome's parameters come from `pool`. On
  // failure the node's kept optimizer state is forgotten.
  Result<ports::TrainOutcome> train(const ports::TrainRequest& request, NodeState& state,
                                    ParametersPool& pool);
  Result<ports::Evaluation> evaluate(const Parameters& parameters, std::uint64_t max_samples,
                                     const std::stop_token& cancel);

 private:
  struct Progress {
    double loss_sum = 0.0;
    std::uint64_t steps = 0;
    std::uint64_t samples = 0;
  };

  Status load(const Parameters& parameters, const char* what);
  // As it is at the start of a round of `state`'s node.
  Descent& descent_for(NodeState& state);
  Result<Progress> run_local_steps(const ports::TrainRequest& request, const NodeState& state,
                                   Descent& descent);
  // One minibatch; the loss before the step, a scalar in `place`.
  at::Tensor step(std::span<const std::uint32_t> samples, Descent& descent, double learning_rate);
  // Of the minibatch that batch_ holds.
  at::Tensor forward_loss();

  const TrainingSetup& setup_;
  std::unique_ptr<Model> model_;
  FlatModule flat_;
  BatchBuffer batch_;
  Augmentation augmentation_;
  std::unique_ptr<Descent> scratch_;  // of rounds whose optimizer state nobody keeps
};

}  // namespace skiptrain::learn
