#include "learn/workspace.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <string>

#include <torch/torch.h>

#include "base/rng.h"
#include "data/partition.h"
#include "learn/gradient_clipping.h"
#include "learn/loss.h"
#include "learn/minibatch_sampler.h"
#include "learn/ops/step_memory.h"
#include "learn/threads.h"

namespace skiptrain::learn {
namespace {

// Large enough to keep the cores busy, small enough that the activations of GN-LeNet's first layer
// (100 KB a sample, three of them alive) stay far below the memory limit of a daemon.
constexpr std::size_t kEvaluationBatch = 32;
// Separates the draws of minibatches and of the evaluation subset from all others of a run's seed.
constexpr std::uint64_t kMinibatchStream = 0x6d696e69;
constexpr std::uint64_t kEvaluationStream = 0x6576616c;

// Data sets carry classes; the other kinds need targets of another form.
constexpr LossKind kLoss = LossKind::kCrossEntropy;

using Clock = std::chrono::steady_clock;

Duration since(Clock::time_point begin) {
  return std::chrono::duration_cast<Duration>(Clock::now() - begin);
}

// LibTorch's settings belong to the thread that computes, which need not be the one that came last.
const TrainingSetup& with_threads(const TrainingSetup& setup) {
  use_threads(setup.options.threads);
  return setup;
}

}  // namespace

tl::unexpected<Error> cancelled() {
  return fail(ErrorCode::kUnavailable, "cancelled: the node is going down");
}

Workspace::Workspace(const TrainingSetup& setup)
    : setup_(with_threads(setup)),
      model_(make_model(setup.options.model, setup.options.seed,
                        setup.options.fast_paths ? Paths::kFast : Paths::kPlain)),
      flat_(model_->module()),
      batch_(setup.options.model.input,
             std::max<std::size_t>(setup.options.batch_size, kEvaluationBatch),
             {setup.options.mean, setup.options.std}) {
  // Here, where no worker computes yet, for LibTorch's allocator is changed the first time.
  const StepMemory memory(setup.options.fast_paths);
}

Status Workspace::load(const Parameters& parameters, const char* what) {
  if (parameters.size() != layout().parameter_count()) {
    return fail(ErrorCode::kMismatch, std::string(what) + ": " + std::to_string(parameters.size()) +
                                          " parameters given, but " + setup_.options.model.name +
                                          " has " + std::to_string(layout().parameter_count()));
  }
  std::memcpy(flat_.values().data(), parameters.values().data(), parameters.bytes().size());
  return {};
}

Optimizer& Workspace::optimizer_for(NodeState& state) {
  const bool keeps = setup_.options.keep_optimizer_state;
  std::unique_ptr<Optimizer>& place = keeps ? state.optimizer : scratch_;
  if (!place) {
    place = make_optimizer(setup_.options.optimizer, layout().parameter_count());
  } else if (!keeps) {
    place->forget();
  }
  return *place;
}

double Workspace::step(std::span<const std::uint32_t> samples, Optimizer& optimizer,
                       double learning_rate) {
  batch_.fill(*setup_.train, samples);
  flat_.zero_gradients();
  const at::Tensor loss = loss_of(kLoss, model_->forward(batch_.images()), batch_.labels());
  loss.backward();
  if (setup_.options.clip_norm > 0) {
    clip_gradient_norm(flat_.gradients(), flat_.trainable(), setup_.options.clip_norm);
  }
  optimizer.step(flat_.values(), flat_.gradients(), flat_.trainable(), learning_rate);
  return static_cast<double>(loss.item<float>());
}

Result<Workspace::Progress> Workspace::run_local_steps(const ports::TrainRequest& request,
                                                       const NodeState& state,
                                                       Optimizer& optimizer) {
  const TrainerOptions& options = setup_.options;
  MinibatchSampler sampler(
      state.samples, options.batch_size,
      derive_seed({options.seed, kMinibatchStream, state.node.value(), request.round.value()}));
  const double learning_rate =
      request.learning_rate.value_or(options.lr) * options.lr_schedule.factor(request.round);
  Progress progress;
  progress.steps = options.local_epochs != 0
                       ? std::uint64_t{options.local_epochs} * sampler.batches_per_pass()
                       : options.local_steps;
  for (std::uint64_t i = 0; i < progress.steps; ++i) {
    if (request.cancel.stop_requested()) return cancelled();
    const auto samples = sampler.next();
    const double loss = step(samples, optimizer, learning_rate);
    if (!std::isfinite(loss)) {
      return fail(ErrorCode::kNumeric, "the loss of local step " + std::to_string(i) +
                                           " of round " + to_string(request.round) +
                                           " is not finite: a lower train.lr may help");
    }
    progress.loss_sum += loss;
    progress.samples += samples.size();
  }
  if (!all_finite(flat_.values())) {
    return fail(ErrorCode::kNumeric, "a parameter is not finite after the local steps of round " +
                                         to_string(request.round) + ": a lower train.lr may help");
  }
  return progress;
}

Result<ports::TrainOutcome> Workspace::train(const ports::TrainRequest& request, NodeState& state,
                                             ParametersPool& pool) {
  const auto begin = Clock::now();
  use_threads(setup_.options.threads);
  const StepMemory memory(setup_.options.fast_paths);
  if (state.samples.empty()) {
    return fail(ErrorCode::kPreconditionFailed, "this node has no training samples");
  }
  if (auto loaded = load(*request.start, "train"); !loaded) {
    return tl::unexpected<Error>(loaded.error());
  }
  model_->module().train();
  auto progress = run_local_steps(request, state, optimizer_for(state));
  if (!progress) {
    state.optimizer.reset();
    return tl::unexpected<Error>(std::move(progress.error()));
  }
  const MutableParametersPtr snapshot = pool.acquire();
  std::memcpy(snapshot->values().data(), flat_.values().data(), snapshot->bytes().size());
  ports::TrainOutcome outcome;
  outcome.parameters = snapshot;
  outcome.samples = progress->samples;
  outcome.mean_loss =
      progress->steps == 0 ? 0.0 : progress->loss_sum / static_cast<double>(progress->steps);
  outcome.duration = since(begin);
  return outcome;
}

Result<ports::Evaluation> Workspace::evaluate(const Parameters& parameters,
                                              std::uint64_t max_samples,
                                              const std::stop_token& cancel) {
  const auto begin = Clock::now();
  use_threads(setup_.options.threads);
  const StepMemory memory(setup_.options.fast_paths);
  const data::Dataset& test = *setup_.test;
  if (test.size() == 0) {
    return fail(ErrorCode::kPreconditionFailed, "this node has no test samples");
  }
  if (auto loaded = load(parameters, "evaluate"); !loaded) {
    return tl::unexpected<Error>(loaded.error());
  }
  const c10::InferenceMode inference;
  model_->module().eval();
  const auto population = static_cast<std::uint32_t>(test.size());
  const std::vector<std::uint32_t> samples = data::seeded_subset(
      population, static_cast<std::uint32_t>(std::min<std::uint64_t>(max_samples, population)),
      derive_seed({setup_.options.seed, kEvaluationStream}));
  double loss_sum = 0;
  std::int64_t correct = 0;
  for (std::size_t begin_at = 0; begin_at < samples.size(); begin_at += kEvaluationBatch) {
    if (cancel.stop_requested()) return cancelled();
    const auto part =
        std::span(samples).subspan(begin_at, std::min(kEvaluationBatch, samples.size() - begin_at));
    batch_.fill(test, part);
    const at::Tensor logits = model_->forward(batch_.images());
    loss_sum += static_cast<double>(
        loss_of(kLoss, logits, batch_.labels(), OverSamples::kSum).item<float>());
    correct += logits.argmax(1).eq(batch_.labels()).sum().item<std::int64_t>();
  }
  const auto count = static_cast<double>(samples.size());
  if (!std::isfinite(loss_sum)) {
    return fail(ErrorCode::kNumeric, "the loss on the test set is not finite");
  }
  return ports::Evaluation{loss_sum / count, static_cast<double>(correct) / count, samples.size(),
                           since(begin)};
}

}  // namespace skiptrain::learn
