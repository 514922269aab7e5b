#include "learn/trainer_options.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace skiptrain::learn {
namespace {

constexpr std::uint32_t kMaxThreads = 256;
constexpr std::uint32_t kMaxBatch = 65'536;
constexpr std::uint32_t kMaxSteps = 1'000'000;

tl::unexpected<Error> invalid(const std::string& message) {
  return fail(ErrorCode::kInvalidArgument, "train." + message);
}

// A factor by which a running mean forgets.
Status validate_decay(const char* key, double value) {
  if (value >= 0 && value < 1) return {};
  return invalid(std::string(key) + " = " + std::to_string(value) +
                 ": must be at least 0 and below 1");
}

Status validate_normalization(const TrainerOptions& options) {
  const auto is_finite = [](double value) { return std::isfinite(value); };
  if (!std::ranges::all_of(options.mean, is_finite) ||
      !std::ranges::all_of(options.std, [&](double std) { return is_finite(std) && std > 0; })) {
    return fail(ErrorCode::kInvalidArgument,
                "data.mean and data.std must be finite, and std above 0");
  }
  const std::size_t channels = options.model.input.channels;
  for (const auto& [key, list] :
       {std::pair("mean", &options.mean), std::pair("std", &options.std)}) {
    if (list->size() == 1 || list->size() == channels) continue;
    return fail(ErrorCode::kInvalidArgument,
                "data." + std::string(key) + " lists " + std::to_string(list->size()) +
                    " numbers, but the images have " + std::to_string(channels) +
                    " channels: must be one number, or one for each");
  }
  return {};
}

}  // namespace

Status validate(const OptimizerOptions& options) {
  for (const auto& [key, value] :
       {std::pair("momentum", options.momentum), std::pair("beta1", options.beta1),
        std::pair("beta2", options.beta2)}) {
    if (auto valid = validate_decay(key, value); !valid) return valid;
  }
  if (options.nesterov && options.momentum == 0) {
    return invalid("nesterov: needs a momentum above 0");
  }
  if (!std::isfinite(options.epsilon) || options.epsilon <= 0) {
    return invalid("epsilon = " + std::to_string(options.epsilon) + ": must be finite and above 0");
  }
  if (!std::isfinite(options.weight_decay) || options.weight_decay < 0) {
    return invalid("weight_decay = " + std::to_string(options.weight_decay) +
                   ": must be finite and not negative");
  }
  return {};
}

Status validate(const TrainerOptions& options) {
  if (auto model = validate(options.model); !model) return model;
  if (options.loss == LossKind::kModel && !options.model.file) {
    return invalid("loss = \"model\": needs model.file, a model with a loss of its own");
  }
  if (options.loss == LossKind::kCrossEntropy && options.model.outputs < 2) {
    return invalid("loss = cross-entropy: tells 2 classes or more apart, but the model has " +
                   std::to_string(options.model.outputs) + " output");
  }
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
  if (auto schedule = options.lr_schedule.validate(); !schedule) {
    return invalid("lr_" + schedule.error().message);
  }
  if (auto optimizer = validate(options.optimizer); !optimizer) return optimizer;
  if (!std::isfinite(options.clip_norm) || options.clip_norm < 0) {
    return invalid("clip_norm = " + std::to_string(options.clip_norm) +
                   ": must be finite and not negative");
  }
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return invalid("threads = " + std::to_string(options.threads) + ": must be from 1 to " +
                   std::to_string(kMaxThreads));
  }
  if (auto normalization = validate_normalization(options); !normalization) return normalization;
  return validate(options.augmentation, options.model.input);
}

namespace {

Status validate_targets(const TrainerOptions& options, const data::Dataset& dataset,
                        const std::string& which) {
  if (dataset.target_width != options.model.outputs) {
    return fail(ErrorCode::kMismatch,
                "a sample of the " + which + " set has " + std::to_string(dataset.target_width) +
                    " targets, but the model has " + std::to_string(options.model.outputs) +
                    " outputs: there must be one for each");
  }
  if (options.loss != LossKind::kBinaryCrossEntropy) return {};
  const auto bad = std::find_if(dataset.targets.begin(), dataset.targets.end(),
                                [](float target) { return target < 0 || target > 1; });
  if (bad == dataset.targets.end()) return {};
  const auto at = static_cast<std::size_t>(bad - dataset.targets.begin());
  return fail(ErrorCode::kInvalidArgument,
              "target " + std::to_string(at % dataset.target_width) + " of sample " +
                  std::to_string(at / dataset.target_width) + " of the " + which + " set is " +
                  std::to_string(*bad) + ": must be from 0 to 1 for binary cross-entropy");
}

}  // namespace

Status validate(const TrainerOptions& options, const data::Dataset& dataset, const char* which) {
  if (auto valid = dataset.validate(); !valid) return valid;
  if (dataset.size() == 0) return {};
  if (dataset.shape != options.model.input) {
    return fail(ErrorCode::kMismatch,
                std::string("the ") + which + " images are " + data::to_string(dataset.shape) +
                    ", but the model takes " + data::to_string(options.model.input));
  }
  const bool takes_targets = !takes_classes(options.loss);
  if (dataset.has_targets() != takes_targets) {
    return fail(ErrorCode::kMismatch,
                std::string("the ") + which + " set has " +
                    (takes_targets ? "classes, but train.loss = " : "targets, but train.loss = ") +
                    std::string(to_string(options.loss)) +
                    (takes_targets ? " takes numbers" : " takes classes"));
  }
  if (takes_targets) return validate_targets(options, dataset, which);
  if (dataset.classes > options.model.outputs) {
    return fail(ErrorCode::kMismatch, std::string("the ") + which + " labels name " +
                                          std::to_string(dataset.classes) +
                                          " classes, but the model tells only " +
                                          std::to_string(options.model.outputs) + " apart");
  }
  return {};
}

}  // namespace skiptrain::learn
