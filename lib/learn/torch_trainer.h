// The port `Trainer` on LibTorch: minibatch SGD with cross-entropy on this node's share of the
// data.
//
// The module's parameters are views into one contiguous float32 buffer, so taking a start and
// giving a snapshot are one memcpy each, and the optimizer is one loop over the buffer.
//
// Every round draws its minibatches from (run seed, NodeId, round) and nothing else, so a round can
// be replayed alone and a restarted node goes on exactly as it would have; only the momentum that
// `keep_optimizer_state` keeps is lost by a restart. With one thread, one seed on one machine gives
// the same bits every time. x(0) is PyTorch's default initialisation after torch.manual_seed(seed).
//
// Threading: train() and evaluate() from one thread at a time, any thread; layout() and
// initial_parameters() from any. LibTorch's thread count is the process's: two trainers with
// different `threads` in one process disturb each other. No exception leaves a public method.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "base/ids.h"
#include "data/dataset.h"
#include "learn/model_spec.h"
#include "ports/trainer.h"

namespace skiptrain::learn {

struct TrainerOptions {
  ModelSpec model;                 // its input shape and classes must suit the data
  std::uint32_t local_steps = 10;  // minibatches per train round
  std::uint32_t local_epochs = 0;  // instead: passes over the share; 0 uses local_steps
  std::uint32_t batch_size = 32;   // samples; the last minibatch of a pass may be smaller
  double lr = 0.1;
  double momentum = 0.0;
  double weight_decay = 0.0;
  bool keep_optimizer_state = false;  // keep momentum from round to round
  std::uint32_t threads = 1;          // within an operator
  std::uint64_t seed = 1;             // of the run
  NodeId node;
  double mean = 0.0;  // a pixel becomes (value / 255 - mean) / std
  double std = 1.0;
};

class TorchTrainer final : public ports::Trainer {
 public:
  // Takes the data sets. `test` may be empty; evaluate() then fails with kPreconditionFailed.
  // kInvalidArgument: an option out of range. kMismatch: data that does not suit the model.
  static Result<std::unique_ptr<TorchTrainer>> create(TrainerOptions options, data::Dataset train,
                                                      data::Dataset test);
  ~TorchTrainer() override;

  const ParameterLayout& layout() const override;
  ParametersPtr initial_parameters() const override;
  // kMismatch if `start` has another size than the layout.
  Result<ports::TrainOutcome> train(const ports::TrainRequest& request) override;
  // Mean cross-entropy and top-1 accuracy. The subset depends on the run's seed only: every node
  // and every round measures on the same samples.
  Result<ports::Evaluation> evaluate(const Parameters& parameters, std::uint64_t max_samples,
                                     std::stop_token cancel = {}) override;

 private:
  class Impl;
  explicit TorchTrainer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace skiptrain::learn
