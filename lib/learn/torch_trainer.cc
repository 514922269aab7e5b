#include "learn/torch_trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "base/rng.h"
#include "data/partition.h"
#include "learn/batch.h"
#include "learn/flat_module.h"
#include "learn/minibatch_sampler.h"
#include "learn/models.h"
#include "learn/sgd.h"
#include "learn/threads.h"

namespace skiptrain::learn {
namespace {

// Large enough to keep the cores busy, small enough that the activations of GN-LeNet's first layer
// (100 KB a sample, three of them alive) stay far below the memory limit of a daemon.
constexpr std::size_t kEvaluationBatch = 32;
// x(t) of the core, x(t+1/2) on its way to the neighbours, and the next one being written.
constexpr std::size_t kPooledUpdates = 3;
// Separates the draws of minibatches and of the evaluation subset from all others of a run's seed.
constexpr std::uint64_t kMinibatchStream = 0x6d696e69;
constexpr std::uint64_t kEvaluationStream = 0x6576616c;

constexpr std::uint32_t kMaxThreads = 256;
constexpr std::uint32_t kMaxBatch = 65'536;
constexpr std::uint32_t kMaxSteps = 1'000'000;

using Clock = std::chrono::steady_clock;

Duration since(Clock::time_point begin) {
  return std::chrono::duration_cast<Duration>(Clock::now() - begin);
}

// Runs `body`, which returns a Result, and turns whatever a library throws into an Error.
template <typename Body>
auto guarded(const char* what, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const c10::Error& error) {
    return fail(ErrorCode::kInternal,
                std::string(what) + ": LibTorch: " + error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::kResourceExhausted, std::string(what) + ": out of memory");
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, std::string(what) + ": " + error.what());
  }
}

Status check_options(const TrainerOptions& options) {
  const auto invalid = [](const std::string& message) {
    return fail(ErrorCode::kInvalidArgument, "train." + message);
  };
  if (auto model = validate(options.model); !model) return model;
  if (options.batch_size < 1 || options.batch_size > kMaxBatch) {
    return invalid("batch_size = " + std::to_string(options.batch_size) + ": must be from 1 to " +
                   std::to_string(kMaxBatch));
  }
  if (options.local_steps > kMaxSteps || options.local_epochs > kMaxSteps) {
    return invalid("local_steps and local_epochs: must be at most " + std::to_string(kMaxSteps));
  }
  if (!std::isfinite(options.lr) || options.lr <= 0) {
    return invalid("lr = " + std::to_string(options.lr) + ": must be finite and above 0");
  }
  if (!(options.momentum >= 0 && options.momentum < 1)) {
    return invalid("momentum = " + std::to_string(options.momentum) +
                   ": must be at least 0 and below 1");
  }
  if (!std::isfinite(options.weight_decay) || options.weight_decay < 0) {
    return invalid("weight_decay = " + std::to_string(options.weight_decay) +
                   ": must be finite and not negative");
  }
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return invalid("threads = " + std::to_string(options.threads) + ": must be from 1 to " +
                   std::to_string(kMaxThreads));
  }
  if (!std::isfinite(options.mean) || !std::isfinite(options.std) || options.std <= 0) {
    return fail(ErrorCode::kInvalidArgument,
                "data.mean and data.std must be finite, and std above 0");
  }
  return {};
}

// `which` is "training" or "test".
Status check_data(const TrainerOptions& options, const data::Dataset& dataset, const char* which) {
  if (auto valid = dataset.validate(); !valid) return valid;
  if (dataset.size() == 0) return {};
  if (dataset.shape != options.model.input) {
    return fail(ErrorCode::kMismatch,
                std::string("the ") + which + " images are " + data::to_string(dataset.shape) +
                    ", but the model takes " + data::to_string(options.model.input));
  }
  if (dataset.classes > options.model.classes) {
    return fail(ErrorCode::kMismatch, std::string("the ") + which + " labels name " +
                                          std::to_string(dataset.classes) +
                                          " classes, but the model tells only " +
                                          std::to_string(options.model.classes) + " apart");
  }
  return {};
}

tl::unexpected<Error> cancelled() {
  return fail(ErrorCode::kUnavailable, "cancelled: the node is going down");
}

}  // namespace

Result<ParameterLayout> layout_of(const ModelSpec& spec) {
  if (auto valid = validate(spec); !valid) return tl::unexpected<Error>(valid.error());
  return guarded("model", [&]() -> Result<ParameterLayout> {
    return layout_of_module(make_model(spec, 0)->module());
  });
}

class TorchTrainer::Impl {
 public:
  Impl(TrainerOptions options, data::Dataset train, data::Dataset test)
      : options_(std::move(options)),
        train_(std::move(train)),
        test_(std::move(test)),
        model_(make_model(options_.model, options_.seed)),
        flat_(model_->module()),
        sgd_({options_.lr, options_.momentum, options_.weight_decay},
             flat_.layout().parameter_count()),
        pool_(flat_.layout().parameter_count(), kPooledUpdates),
        batch_(options_.model.input, std::max<std::size_t>(options_.batch_size, kEvaluationBatch),
               {options_.mean, options_.std}),
        initial_(copy_parameters(flat_.values())) {}

  const ParameterLayout& layout() const { return flat_.layout(); }
  ParametersPtr initial() const { return initial_; }

  Result<ports::TrainOutcome> train(const ports::TrainRequest& request);
  Result<ports::Evaluation> evaluate(const Parameters& parameters, std::uint64_t max_samples,
                                     const std::stop_token& cancel);

 private:
  Status load(const Parameters& parameters, const char* what);
  // One minibatch of SGD; the loss before the step.
  double step(std::span<const std::uint32_t> samples);
  ParametersPtr snapshot();

  const TrainerOptions options_;
  const data::Dataset train_;
  const data::Dataset test_;
  std::unique_ptr<Model> model_;
  FlatModule flat_;
  Sgd sgd_;
  ParametersPool pool_;
  BatchBuffer batch_;
  ParametersPtr initial_;
};

Status TorchTrainer::Impl::load(const Parameters& parameters, const char* what) {
  if (parameters.size() != layout().parameter_count()) {
    return fail(ErrorCode::kMismatch, std::string(what) + ": " + std::to_string(parameters.size()) +
                                          " parameters given, but " + options_.model.name +
                                          " has " + std::to_string(layout().parameter_count()));
  }
  std::memcpy(flat_.values().data(), parameters.values().data(), parameters.bytes().size());
  return {};
}

ParametersPtr TorchTrainer::Impl::snapshot() {
  MutableParametersPtr copy = pool_.acquire();
  std::memcpy(copy->values().data(), flat_.values().data(), copy->bytes().size());
  return copy;
}

double TorchTrainer::Impl::step(std::span<const std::uint32_t> samples) {
  batch_.fill(train_, samples);
  flat_.zero_gradients();
  const at::Tensor loss =
      torch::cross_entropy_loss(model_->forward(batch_.images()), batch_.labels());
  loss.backward();
  for (const FlatModule::Run& run : flat_.trainable()) {
    sgd_.step(flat_.values().subspan(run.offset, run.count),
              flat_.gradients().subspan(run.offset, run.count), run.offset);
  }
  return static_cast<double>(loss.item<float>());
}

Result<ports::TrainOutcome> TorchTrainer::Impl::train(const ports::TrainRequest& request) {
  const auto begin = Clock::now();
  use_threads(options_.threads);
  if (train_.size() == 0) {
    return fail(ErrorCode::kPreconditionFailed, "this node has no training samples");
  }
  if (auto loaded = load(*request.start, "train"); !loaded) {
    return tl::unexpected<Error>(loaded.error());
  }
  if (!options_.keep_optimizer_state) sgd_.reset();
  model_->module().train();
  MinibatchSampler sampler(
      {.samples = static_cast<std::uint32_t>(train_.size()), .batch = options_.batch_size},
      derive_seed({options_.seed, kMinibatchStream, options_.node.value(), request.round.value()}));
  const std::uint64_t steps =
      options_.local_epochs != 0 ? std::uint64_t{options_.local_epochs} * sampler.batches_per_pass()
                                 : options_.local_steps;
  ports::TrainOutcome outcome;
  double loss_sum = 0;
  for (std::uint64_t i = 0; i < steps; ++i) {
    if (request.cancel.stop_requested()) {
      sgd_.reset();
      return cancelled();
    }
    const auto samples = sampler.next();
    const double loss = step(samples);
    if (!std::isfinite(loss)) {
      sgd_.reset();
      return fail(ErrorCode::kNumeric, "the loss of local step " + std::to_string(i) +
                                           " of round " + to_string(request.round) +
                                           " is not finite: a lower train.lr may help");
    }
    loss_sum += loss;
    outcome.samples += samples.size();
  }
  if (!all_finite(flat_.values())) {
    sgd_.reset();
    return fail(ErrorCode::kNumeric, "a parameter is not finite after the local steps of round " +
                                         to_string(request.round) + ": a lower train.lr may help");
  }
  outcome.mean_loss = steps == 0 ? 0.0 : loss_sum / static_cast<double>(steps);
  outcome.parameters = snapshot();
  outcome.duration = since(begin);
  return outcome;
}

Result<ports::Evaluation> TorchTrainer::Impl::evaluate(const Parameters& parameters,
                                                       std::uint64_t max_samples,
                                                       const std::stop_token& cancel) {
  const auto begin = Clock::now();
  use_threads(options_.threads);
  if (test_.size() == 0) {
    return fail(ErrorCode::kPreconditionFailed, "this node has no test samples");
  }
  if (auto loaded = load(parameters, "evaluate"); !loaded) {
    return tl::unexpected<Error>(loaded.error());
  }
  const c10::InferenceMode inference;
  model_->module().eval();
  const auto population = static_cast<std::uint32_t>(test_.size());
  const std::vector<std::uint32_t> samples = data::seeded_subset(
      population, static_cast<std::uint32_t>(std::min<std::uint64_t>(max_samples, population)),
      derive_seed({options_.seed, kEvaluationStream}));
  double loss_sum = 0;
  std::int64_t correct = 0;
  for (std::size_t begin_at = 0; begin_at < samples.size(); begin_at += kEvaluationBatch) {
    if (cancel.stop_requested()) return cancelled();
    const auto part =
        std::span(samples).subspan(begin_at, std::min(kEvaluationBatch, samples.size() - begin_at));
    batch_.fill(test_, part);
    const at::Tensor logits = model_->forward(batch_.images());
    loss_sum += static_cast<double>(
        torch::cross_entropy_loss(logits, batch_.labels(), {}, at::Reduction::Sum).item<float>());
    correct += logits.argmax(1).eq(batch_.labels()).sum().item<std::int64_t>();
  }
  const auto count = static_cast<double>(samples.size());
  if (!std::isfinite(loss_sum)) {
    return fail(ErrorCode::kNumeric, "the loss on the test set is not finite");
  }
  return ports::Evaluation{loss_sum / count, static_cast<double>(correct) / count, samples.size(),
                           since(begin)};
}

Result<std::unique_ptr<TorchTrainer>> TorchTrainer::create(TrainerOptions options,
                                                           data::Dataset train,
                                                           data::Dataset test) {
  if (auto valid = check_options(options); !valid) return tl::unexpected<Error>(valid.error());
  if (auto valid = check_data(options, train, "training"); !valid) {
    return tl::unexpected<Error>(valid.error());
  }
  if (auto valid = check_data(options, test, "test"); !valid) {
    return tl::unexpected<Error>(valid.error());
  }
  return guarded("trainer", [&]() -> Result<std::unique_ptr<TorchTrainer>> {
    use_threads(options.threads);
    auto impl = std::make_unique<Impl>(std::move(options), std::move(train), std::move(test));
    return std::unique_ptr<TorchTrainer>(new TorchTrainer(std::move(impl)));
  });
}

TorchTrainer::TorchTrainer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TorchTrainer::~TorchTrainer() = default;

const ParameterLayout& TorchTrainer::layout() const {
  return impl_->layout();
}
ParametersPtr TorchTrainer::initial_parameters() const {
  return impl_->initial();
}

Result<ports::TrainOutcome> TorchTrainer::train(const ports::TrainRequest& request) {
  return guarded("train", [&] { return impl_->train(request); });
}

Result<ports::Evaluation> TorchTrainer::evaluate(const Parameters& parameters,
                                                 std::uint64_t max_samples,
                                                 std::stop_token cancel) {
  return guarded("evaluate", [&] { return impl_->evaluate(parameters, max_samples, cancel); });
}

}  // namespace skiptrain::learn
