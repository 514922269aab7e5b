#include "daemon/workload/workload.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>

#include "data/partition.h"
#include "data/source.h"
#include "learn/torchscript.h"
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
                            .label_column = config.data.label_column,
                            .target_columns = config.data.target_columns,
                            .held_out = config.data.held_out};
  auto parts = data::load_parts(source, share);
  if (!parts) return tl::unexpected(parts.error());
  data::Dataset* const train = &parts->train;
  data::Dataset* const test = &parts->test;
  if (train->holds_floats() != test->holds_floats()) {
    return fail(ErrorCode::kMismatch,
                std::string("the training set holds ") +
                    (train->holds_floats() ? "floats, but the test set bytes"
                                           : "bytes, but the test set floats") +
                    ": both must have values of the same kind, as bytes are normalized and floats "
                    "are not");
  }
  if (train->target_width != test->target_width) {
    return fail(ErrorCode::kMismatch,
                "a training sample has " + std::to_string(train->target_width) +
                    " targets, but a test sample " + std::to_string(test->target_width) +
                    ": both must have as many");
  }
  // Both files may lack a class; the model needs one output for each that occurs anywhere.
  const std::uint32_t classes = std::max(train->classes, test->classes);
  train->classes = classes;
  test->classes = classes;
  return TrainingData{std::move(*train), std::move(*test)};
}

// The FEMNIST CNN has 62 outputs (digits and letters) also on data with fewer classes, so that it
// is the model of the paper; the others have as many as the data.
std::uint32_t model_outputs(const Config& config, std::uint32_t outputs) {
  constexpr std::uint32_t kFemnistClasses = 62;
  if (config.model.classes > 0) return config.model.classes;
  const bool is_femnist =
      config.model.name == "femnist-cnn" && config.train.loss == Loss::kCrossEntropy;
  return is_femnist ? std::max(kFemnistClasses, outputs) : outputs;
}

learn::LossKind loss_kind(Loss loss) {
  switch (loss) {
    case Loss::kCrossEntropy:
      break;
    case Loss::kBinaryCrossEntropy:
      return learn::LossKind::kBinaryCrossEntropy;
    case Loss::kMeanSquaredError:
      return learn::LossKind::kMeanSquaredError;
    case Loss::kModel:
      return learn::LossKind::kModel;
  }
  return learn::LossKind::kCrossEntropy;
}

data::TargetKind target_kind(Loss loss) {
  switch (loss) {
    case Loss::kCrossEntropy:
    case Loss::kModel:
      break;
    case Loss::kBinaryCrossEntropy:
      return data::TargetKind::kFractions;
    case Loss::kMeanSquaredError:
      return data::TargetKind::kValues;
  }
  return data::TargetKind::kClasses;
}

learn::Device device_of(Device device) {
  switch (device) {
    case Device::kCpu:
      break;
    case Device::kCuda:
      return learn::Device::kCuda;
    case Device::kAuto:
      return learn::Device::kAuto;
  }
  return learn::Device::kCpu;
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
                       .limit = static_cast<std::uint32_t>(config.data.train_limit),
                       .targets = target_kind(config.train.loss)});
}

Result<TrainingData> load_undealt(const Config& config) {
  return load(config, {.partition = data::AllSamples{},
                       .seat = {.seed = config.run.seed},
                       .limit = static_cast<std::uint32_t>(config.data.train_limit),
                       .targets = target_kind(config.train.loss)});
}

learn::TrainerOptions trainer_options(const Config& config, const data::ImageShape& input,
                                      std::uint32_t outputs) {
  learn::TrainerOptions options;
  options.model.name = config.model.name;
  options.model.hidden.assign(config.model.hidden.begin(), config.model.hidden.end());
  options.model.input = input;
  options.model.outputs = model_outputs(config, outputs);
  options.model.exact_outputs = config.model.classes > 0;
  options.model.frozen = config.model.frozen;
  options.loss = loss_kind(config.train.loss);
  options.top_k = static_cast<std::uint32_t>(config.round.evaluate_top_k);
  options.local_steps = static_cast<std::uint32_t>(config.train.local_steps);
  options.local_epochs = static_cast<std::uint32_t>(config.train.local_epochs);
  options.batch_size = static_cast<std::uint32_t>(config.train.batch_size);
  options.lr = config.train.lr;
  options.lr_schedule = config.train.lr_schedule;
  options.lr_schedule.total_rounds = config.run.rounds;
  options.optimizer = optimizer_options(config.train);
  options.clip_norm = config.train.clip_norm;
  options.keep_optimizer_state = config.train.keep_optimizer_state;
  options.device = device_of(config.train.device);
  options.precision = config.train.precision == Precision::kBf16 ? learn::Precision::kBf16
                                                                 : learn::Precision::kFloat32;
  options.threads = static_cast<std::uint32_t>(config.train.threads);
  options.fast_paths = config.train.fast_paths;
  options.seed = config.run.seed;
  options.node = config.node.id;
  options.mean = config.data.mean;
  options.std = config.data.std;
  options.augmentation = {
      .flip = config.data.augment_flip,
      .crop_padding = static_cast<std::uint32_t>(config.data.augment_crop_padding)};
  return options;
}

Result<learn::ScriptFilePtr> load_model_file(const Config& config) {
  if (config.model.file.empty()) return nullptr;
  auto file = learn::read_script_file(config.model.file.string());
  if (!file) return fail(file.error().code, "model.file: " + file.error().message);
  return file;
}

std::optional<Fingerprint> digest_of(const learn::ScriptFilePtr& model_file) {
  return model_file ? std::optional(model_file->digest) : std::nullopt;
}

Result<learn::TrainerOptions> with_model_files(const Config& config, learn::TrainerOptions options,
                                               learn::ScriptFilePtr model_file,
                                               bool needs_initial) {
  options.model.file = std::move(model_file);
  if (!needs_initial || config.model.initial.empty()) return options;
  auto initial = read_model(config.model.initial);
  if (!initial) return tl::unexpected(initial.error());
  options.initial = std::make_shared<const NamedParameters>(*std::move(initial));
  options.initial_source = config.model.initial.string();
  return options;
}

Result<NamedParameters> read_model(const std::filesystem::path& file) {
  std::array<char, 4> first{};
  std::ifstream(file, std::ios::binary).read(first.data(), first.size());
  if (learn::looks_like_script({first.data(), first.size()})) {
    return learn::read_torchscript(file.string());
  }
  auto loaded = store::read_safetensors(file.string());
  if (!loaded) return tl::unexpected(loaded.error());
  return NamedParameters{std::move(loaded->layout), std::move(loaded->parameters)};
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
