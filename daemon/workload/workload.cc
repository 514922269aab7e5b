#include "daemon/workload/workload.h"

#include <algorithm>
#include <utility>

#include "data/partition.h"
#include "data/source.h"
#include "store/safetensors.h"

namespace skiptrain::daemon {
namespace {

data::ArrayKeys array_keys(const std::vector<std::string>& names) {
  return {names.front(), names.back()};
}

Result<TrainingData> load(const Config& config, const data::LoadOptions& share) {
  const data::Source source{.format = config.data.format,
                            .train = {config.data.train_images, config.data.train_labels},
                            .test = {config.data.test_images, config.data.test_labels},
                            .directory = config.data.directory,
                            .train_file = config.data.train_file,
                            .test_file = config.data.test_file,
                            .train_arrays = array_keys(config.data.train_arrays),
                            .test_arrays = array_keys(config.data.test_arrays),
                            .label_column = config.data.label_column};
  auto train = data::load(source, data::Part::kTrain, share);
  if (!train) return tl::unexpected(train.error());
  auto test = data::load(source, data::Part::kTest);
  if (!test) return tl::unexpected(test.error());
  if (train->holds_floats() != test->holds_floats()) {
    return fail(ErrorCode::kMismatch,
                std::string("the training set holds ") +
                    (train->holds_floats() ? "floats, but the test set bytes"
                                           : "bytes, but the test set floats") +
                    ": both must have values of the same kind, as bytes are normalized and floats "
                    "are not");
  }
  // Both files may lack a class; the model needs one output for each that occurs anywhere.
  const std::uint32_t classes = std::max(train->classes, test->classes);
  train->classes = classes;
  test->classes = classes;
  return TrainingData{std::move(*train), std::move(*test)};
}

// The FEMNIST CNN has 62 outputs (digits and letters) also on data with fewer classes, so that it
// is the model of the paper; the others have as many as the data.
std::uint32_t model_outputs(const Config& config, std::uint32_t classes) {
  constexpr std::uint32_t kFemnistClasses = 62;
  if (config.model.classes > 0) return config.model.classes;
  return config.model.name == "femnist-cnn" ? std::max(kFemnistClasses, classes) : classes;
}

learn::OptimizerOptions optimizer_options(const TrainSettings& train) {
  learn::OptimizerOptions options{.momentum = train.momentum,
                                  .nesterov = train.nesterov,
                                  .beta1 = train.beta1,
                                  .beta2 = train.beta2,
                                  .epsilon = train.epsilon,
                                  .weight_decay = train.weight_decay};
  switch (train.optimizer) {
    case Optimizer::kSgd:
      options.kind = learn::OptimizerKind::kSgd;
      break;
    case Optimizer::kAdam:
      options.kind = learn::OptimizerKind::kAdam;
      break;
    case Optimizer::kAdamW:
      options.kind = learn::OptimizerKind::kAdamW;
      break;
  }
  return options;
}

}  // namespace

Result<TrainingData> load_share(const Config& config) {
  auto partition = data::parse_partition(config.data.partition);
  if (!partition) return tl::unexpected(partition.error());
  const auto [share, shares] = config.share();
  return load(config, {.partition = *partition,
                       .seat = {.position = static_cast<std::uint32_t>(share),
                                .node_count = static_cast<std::uint32_t>(shares),
                                .seed = config.run.seed},
                       .limit = static_cast<std::uint32_t>(config.data.train_limit)});
}

Result<TrainingData> load_undealt(const Config& config) {
  return load(config, {.partition = data::AllSamples{},
                       .seat = {},
                       .limit = static_cast<std::uint32_t>(config.data.train_limit)});
}

learn::TrainerOptions trainer_options(const Config& config, const data::ImageShape& input,
                                      std::uint32_t classes) {
  learn::TrainerOptions options;
  options.model.name = config.model.name;
  options.model.hidden.assign(config.model.hidden.begin(), config.model.hidden.end());
  options.model.input = input;
  options.model.classes = model_outputs(config, classes);
  options.local_steps = static_cast<std::uint32_t>(config.train.local_steps);
  options.local_epochs = static_cast<std::uint32_t>(config.train.local_epochs);
  options.batch_size = static_cast<std::uint32_t>(config.train.batch_size);
  options.lr = config.train.lr;
  options.lr_schedule = config.train.lr_schedule;
  options.lr_schedule.total_rounds = config.run.rounds;
  options.optimizer = optimizer_options(config.train);
  options.clip_norm = config.train.clip_norm;
  options.keep_optimizer_state = config.train.keep_optimizer_state;
  options.threads = static_cast<std::uint32_t>(config.train.threads);
  options.fast_paths = config.train.fast_paths;
  options.seed = config.run.seed;
  options.node = config.node.id;
  options.mean = config.data.mean;
  options.std = config.data.std;
  return options;
}

Result<ParametersPtr> initial_parameters(const Config& config, const ParameterLayout& layout,
                                         ParametersPtr drawn) {
  if (config.model.initial.empty()) return drawn;
  auto loaded = store::read_safetensors(config.model.initial, &layout);
  if (!loaded) return tl::unexpected(loaded.error());
  return loaded->parameters;
}

energy::TrainRoundWork train_round_work(const Config& config, std::size_t parameter_count,
                                        std::size_t samples) {
  // local_epochs passes over the share cost as much as the minibatches they consist of.
  const std::uint64_t steps_per_epoch =
      (samples + config.train.batch_size - 1) / config.train.batch_size;
  const std::uint64_t steps = config.train.local_epochs > 0
                                  ? config.train.local_epochs * steps_per_epoch
                                  : config.train.local_steps;
  return {parameter_count, steps, config.train.batch_size};
}

}  // namespace skiptrain::daemon
