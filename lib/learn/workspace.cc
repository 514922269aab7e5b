#include "learn/workspace.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>

#include <torch/torch.h>

#include "base/rng.h"
#include "data/partition.h"
#include "learn/guarded.h"
#include "learn/loss.h"
#include "learn/metrics.h"
#include "learn/minibatch_sampler.h"
#include "learn/ops/step_memory.h"
#include "learn/rehearsal.h"
#include "learn/step_losses.h"
#include "learn/threads.h"

namespace skiptrain::learn {
namespace {

// Large enough to keep the cores busy, small enough that the activations of GN-LeNet's first layer
// (100 KB a sample, three of them alive) stay far below the memory limit of a daemon.
constexpr std::size_t kEvaluationBatch = 32;
// Separates the draws of minibatches, of their images and of the evaluation subset from all others
// of a run's seed.
constexpr std::uint64_t kMinibatchStream = 0x6d696e69;
constexpr std::uint64_t kAugmentationStream = 0x6175676d;
constexpr std::uint64_t kEvaluationStream = 0x6576616c;

// And what a model draws itself, in training and in evaluation.
constexpr std::uint64_t kDropoutStream = 0x64726f70;

using Clock = std::chrono::steady_clock;

Duration since(Clock::time_point begin) {
  return std::chrono::duration_cast<Duration>(Clock::now() - begin);
}

std::uint32_t target_width(const TrainerOptions& options) {
  return takes_classes(options.loss) ? 0 : options.model.outputs;
}

// Ours are float32 alone, and of the host.
Paths paths_of(const TrainingSetup& setup) {
  const bool suits = setup.options.precision == Precision::kFloat32 && setup.place == Place::kHost;
  return setup.options.fast_paths && suits ? Paths::kFast : Paths::kPlain;
}

// LibTorch's settings belong to the thread that computes, which need not be the one that came last.
const TrainingSetup& with_threads(const TrainingSetup& setup) {
  use_threads(setup.options.threads);
  return setup;
}

// Black pixels, or zeros where the data are floats, for each channel.
std::vector<float> padding_values(const TrainingSetup& setup) {
  std::vector<float> values(setup.options.model.input.channels);
  if (setup.train->holds_floats()) return values;
  for (std::size_t channel = 0; channel < values.size(); ++channel) {
    values[channel] = normalized({setup.options.mean, setup.options.std}, channel, 0.0);
  }
  return values;
}

}  // namespace

tl::unexpected<Error> cancelled() {
  return fail(ErrorCode::kUnavailable, "cancelled: the node is going down");
}

Workspace::Workspace(const TrainingSetup& setup)
    : setup_(with_threads(setup)),
      model_(make_model(setup.options.model, setup.options.seed, paths_of(setup), setup.place)),
      flat_(flatten(*model_, setup.options.model, setup.place)),
      batch_(setup.options.model.input,
             std::max<std::size_t>(setup.options.batch_size, kEvaluationBatch),
             {setup.options.mean, setup.options.std}, target_width(setup.options)),
      augmentation_(setup.options.augmentation, setup.options.model.input, padding_values(setup)) {
  model_->keep_in_evaluation(flat_.frozen_modules());
  // Here, where no worker computes yet, for LibTorch's allocator is changed the first time.
  const StepMemory memory(setup.options.fast_paths);
}

void Workspace::begin_with(const NamedParameters& initial, const std::string& source) {
  const auto whole = select_parameters(initial, flat_.whole_layout(), source);
  if (!whole) throw Refusal(whole.error());
  flat_.write_whole(std::as_const(**whole).values());
}

void Workspace::rehearse() {
  const data::Dataset& dataset = setup_.train->size() > 0 ? *setup_.train : *setup_.test;
  if (dataset.size() == 0) return;
  // Two, since a batch norm has nothing to learn from a single sample.
  const std::array<std::uint32_t, 2> samples = {0, static_cast<std::uint32_t>(dataset.size() - 1)};
  batch_.fill(dataset, samples);
  learn::rehearse(*model_, flat_, setup_.options.model, setup_.options.loss,
                  carried_to(setup_.place, batch_.images()),
                  carried_to(setup_.place, batch_.targets()));
}

ParametersPtr Workspace::copy() const {
  auto copy = std::make_shared<Parameters>(layout().parameter_count());
  flat_.read(copy->values());
  return copy;
}

Status Workspace::load(const Parameters& parameters, const char* what) {
  if (parameters.size() != layout().parameter_count()) {
    return fail(ErrorCode::kMismatch, std::string(what) + ": " + std::to_string(parameters.size()) +
                                          " parameters given, but " + setup_.options.model.label() +
                                          " has " + std::to_string(layout().parameter_count()));
  }
  flat_.write(parameters.values());
  flat_.restore();
  return {};
}

Descent& Workspace::descent_for(NodeState& state) {
  const TrainerOptions& options = setup_.options;
  std::unique_ptr<Descent>& place = options.keep_optimizer_state ? state.descent : scratch_;
  if (!place) {
    place = make_descent(options.optimizer, options.clip_norm, flat_);
  } else if (!options.keep_optimizer_state) {
    place->forget();
  }
  return *place;
}

at::Tensor Workspace::forward_loss() {
  const at::Tensor images = carried_to(setup_.place, batch_.images());
  const at::Tensor targets = carried_to(setup_.place, batch_.targets());
  const PrecisionScope precision(setup_.options.precision, setup_.place);
  at::Tensor outputs;
  return setup_.options.loss == LossKind::kModel
             ? model_->loss(images, targets, outputs)
             : loss_of(setup_.options.loss, model_->forward(images).to(at::kFloat), targets);
}

at::Tensor Workspace::step(std::span<const std::uint32_t> samples, Descent& descent,
                           double learning_rate) {
  batch_.fill(*setup_.train, samples);
  augmentation_.apply({batch_.images().data_ptr<float>(),
                       samples.size() * setup_.options.model.input.value_count()});
  flat_.zero_gradients();
  const at::Tensor loss = forward_loss();
  loss.backward();
  model_->settle();
  descent.step(flat_, learning_rate);
  return loss.detach();
}

Result<Workspace::Progress> Workspace::run_local_steps(const ports::TrainRequest& request,
                                                       const NodeState& state, Descent& descent) {
  const TrainerOptions& options = setup_.options;
  MinibatchSampler sampler(
      state.samples, options.batch_size,
      derive_seed({options.seed, kMinibatchStream, state.node.value(), request.round.value()}));
  augmentation_.begin_round(
      derive_seed({options.seed, kAugmentationStream, state.node.value(), request.round.value()}));
  const double learning_rate =
      request.learning_rate.value_or(options.lr) * options.lr_schedule.factor(request.round);
  Progress progress;
  progress.steps = options.local_epochs != 0
                       ? std::uint64_t{options.local_epochs} * sampler.batches_per_pass()
                       : options.local_steps;
  StepLosses losses(setup_.place, progress.steps);
  for (std::uint64_t i = 0; i < progress.steps; ++i) {
    if (request.cancel.stop_requested()) return cancelled();
    const auto samples = sampler.next();
    model_->seed(
        derive_seed({options.seed, kDropoutStream, state.node.value(), request.round.value(), i}));
    if (!losses.add(step(samples, descent, learning_rate))) break;
    progress.samples += samples.size();
  }
  if (const auto bad = losses.first_not_finite()) {
    return fail(ErrorCode::kNumeric, "the loss of local step " + std::to_string(*bad) +
                                         " of round " + to_string(request.round) +
                                         " is not finite: a lower train.lr may help");
  }
  progress.loss_sum = losses.sum();
  if (!flat_.all_values_finite()) {
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
  model_->set_training(true);
  auto progress = run_local_steps(request, state, descent_for(state));
  if (!progress) {
    state.descent.reset();
    return tl::unexpected<Error>(std::move(progress.error()));
  }
  const MutableParametersPtr snapshot = pool.acquire();
  flat_.read(snapshot->values());
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
  // Tensors of an inference mode, kept by a module of one's own, could not be trained with later.
  const torch::NoGradGuard no_grad;
  const c10::InferenceMode inference(setup_.options.model.file == nullptr);
  model_->set_training(false);
  const auto population = static_cast<std::uint32_t>(test.size());
  const std::vector<std::uint32_t> samples = data::seeded_subset(
      population, static_cast<std::uint32_t>(std::min<std::uint64_t>(max_samples, population)),
      derive_seed({setup_.options.seed, kEvaluationStream}));
  Metrics metrics(setup_.options, test.output_count());
  for (std::size_t begin_at = 0; begin_at < samples.size(); begin_at += kEvaluationBatch) {
    if (cancel.stop_requested()) return cancelled();
    const auto part =
        std::span(samples).subspan(begin_at, std::min(kEvaluationBatch, samples.size() - begin_at));
    batch_.fill(test, part);
    model_->seed(derive_seed({setup_.options.seed, kDropoutStream, begin_at}));
    const at::Tensor images = carried_to(setup_.place, batch_.images());
    const PrecisionScope precision(setup_.options.precision, setup_.place);
    if (setup_.options.loss == LossKind::kModel) {
      at::Tensor outputs;
      const at::Tensor targets = carried_to(setup_.place, batch_.targets());
      const at::Tensor loss = model_->loss(images, targets, outputs);
      if (outputs.defined()) outputs = outputs.cpu();
      metrics.add_told(loss.item<double>(), outputs, batch_.targets());
    } else {
      metrics.add(model_->forward(images).to(at::kFloat).cpu(), batch_.targets());
    }
    model_->settle();
  }
  auto evaluation = metrics.evaluation();
  if (evaluation) evaluation->duration = since(begin);
  return evaluation;
}

}  // namespace skiptrain::learn
