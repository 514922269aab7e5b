// The port `Trainer` on LibTorch for one node: minibatches of this node's share of the data, and a
// loss. A TrainerGroup of one worker and one node.
//
// Every round draws its minibatches from (run seed, NodeId, round) and nothing else, so a round can
// be replayed alone and a restarted node goes on exactly as it would have; only the optimizer's
// state that `keep_optimizer_state` keeps is lost by a restart. With one thread, one seed on one
// machine gives the same bits every time. x(0) is TrainerOptions::initial; or what the model's file
// holds; or else PyTorch's default initialisation after torch.manual_seed(seed).
//
// Threading: one train() at a time; all else from any thread. LibTorch's thread count is the
// process's: two trainers with different `threads` in one process disturb each other. No exception
// leaves a public method.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "base/error.h"
#include "data/dataset.h"
#include "learn/trainer_options.h"
#include "ports/trainer.h"

namespace skiptrain::learn {

class TorchTrainer final : public ports::Trainer {
 public:
  // Takes the data sets. `test` may be empty; evaluate() then fails with kPreconditionFailed.
  // kInvalidArgument: an option out of range. kMismatch: data that does not suit the model. Further
  // errors as TrainerGroup::create.
  static Result<std::unique_ptr<TorchTrainer>> create(TrainerOptions options, data::Dataset train,
                                                      data::Dataset test);

  Place place() const { return place_; }  // where it trains
  const ParameterLayout& layout() const override { return trainer_->layout(); }
  ParametersPtr initial_parameters() const override { return trainer_->initial_parameters(); }
  // kMismatch if `start` has another size than the layout.
  Result<ports::TrainOutcome> train(const ports::TrainRequest& request) override {
    return trainer_->train(request);
  }
  // The mean loss and the metrics of the task (metrics.h). The subset depends on the run's seed
  // only: every node and every round measures on the same samples.
  Result<ports::Evaluation> evaluate(const Parameters& parameters, std::uint64_t max_samples,
                                     std::stop_token cancel = {}) override {
    return trainer_->evaluate(parameters, max_samples, std::move(cancel));
  }
  NamedParameters whole_model(ParametersPtr parameters) const override {
    return trainer_->whole_model(std::move(parameters));
  }
  Result<std::string> torchscript(ParametersPtr parameters) const override {
    return trainer_->torchscript(std::move(parameters));
  }

 private:
  TorchTrainer(std::unique_ptr<ports::Trainer> trainer, Place place)
      : trainer_(std::move(trainer)), place_(place) {}

  std::unique_ptr<ports::Trainer> trainer_;  // of a group that nothing else refers to
  Place place_;
};

}  // namespace skiptrain::learn
