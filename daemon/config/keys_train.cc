// The keys of [train]: how a node trains on its share.
#include <array>

#include "daemon/config/key_readers.h"
#include "daemon/config/keys.h"

namespace skiptrain::daemon {
namespace {

using namespace keys;

constexpr std::array kLosses = {Loss::kCrossEntropy, Loss::kBinaryCrossEntropy,
                                Loss::kMeanSquaredError, Loss::kModel};
constexpr std::array kOptimizers = {Optimizer::kSgd, Optimizer::kAdam, Optimizer::kAdamW};
constexpr std::array kDevices = {Device::kCpu, Device::kCuda, Device::kAuto};
constexpr std::array kPrecisions = {Precision::kFloat32, Precision::kBf16};
constexpr std::int64_t kMillion = 1'000'000;
constexpr NumberRange kAboveZero = {.min = 0.0, .min_excluded = true, .text = "a number above 0"};
constexpr NumberRange kZeroOrMore = {.min = 0.0, .text = "a number of 0 or more"};
constexpr NumberRange kForgetting = {
    .min = 0.0, .max = 1.0, .max_excluded = true, .text = "a number from 0 to below 1"};

using List = std::vector<Key<Config>>;

void append_work(List& list) {
  list.push_back(shared(choice<Config>(
      "train.loss", [](auto& c) -> auto& { return c.train.loss; }, std::span<const Loss>(kLosses),
      "what training makes small, and whether samples have classes: cross-entropy (of a class); "
      "binary-cross-entropy (of numbers from 0 to 1, each output's own; for several labels at "
      "once) or mean-squared-error (of any numbers; regression), with npy, npz, torch or csv; or "
      "model (of a class: what the model of model.file returns itself when it is called with "
      "targets)")));
  list.push_back(shared(integer<Config>(
      "train.local_steps", [](auto& c) -> auto& { return c.train.local_steps; },
      IntegerRange{0, kMillion}, "minibatches per train round, 0 to 1000000")));
  list.push_back(shared(integer<Config>(
      "train.local_epochs", [](auto& c) -> auto& { return c.train.local_epochs; },
      IntegerRange{0, kMillion},
      "instead: passes over the node's share, 0 to 1000000; 0 uses local_steps")));
  list.push_back(shared(integer<Config>(
      "train.batch_size", [](auto& c) -> auto& { return c.train.batch_size; },
      IntegerRange{1, 65536}, "samples, 1 to 65536")));
}

void append_optimizer(List& list) {
  list.push_back(shared(choice<Config>(
      "train.optimizer", [](auto& c) -> auto& { return c.train.optimizer; },
      std::span<const Optimizer>(kOptimizers), "sgd, adam or adamw, as PyTorch has them")));
  list.push_back(shared(number<Config>(
      "train.lr", [](auto& c) -> auto& { return c.train.lr; }, kAboveZero,
      "learning rate, above 0; with adam and adamw the default is 0.001")));
  list.push_back(shared(number<Config>(
      "train.momentum", [](auto& c) -> auto& { return c.train.momentum; }, kForgetting,
      "sgd: 0 to below 1")));
  list.push_back(shared(boolean<Config>(
      "train.nesterov", [](auto& c) -> auto& { return c.train.nesterov; },
      "sgd: Nesterov's momentum; needs train.momentum above 0")));
  list.push_back(shared(number<Config>(
      "train.beta1", [](auto& c) -> auto& { return c.train.beta1; }, kForgetting,
      "adam, adamw: by which the mean of gradients is kept, 0 to below 1")));
  list.push_back(shared(number<Config>(
      "train.beta2", [](auto& c) -> auto& { return c.train.beta2; }, kForgetting,
      "adam, adamw: by which the mean of their squares is kept, 0 to below 1")));
  list.push_back(shared(number<Config>(
      "train.epsilon", [](auto& c) -> auto& { return c.train.epsilon; }, kAboveZero,
      "adam, adamw: added to the root of that mean, above 0")));
  list.push_back(shared(number<Config>(
      "train.weight_decay", [](auto& c) -> auto& { return c.train.weight_decay; }, kZeroOrMore,
      "0 or more; with adamw, which takes it from the parameters directly, the default is 0.01")));
  list.push_back(shared(number<Config>(
      "train.clip_norm", [](auto& c) -> auto& { return c.train.clip_norm; }, kZeroOrMore,
      "gradients of a minibatch whose 2-norm is larger are scaled down to it; 0: off")));
  list.push_back(shared(boolean<Config>(
      "train.keep_optimizer_state", [](auto& c) -> auto& { return c.train.keep_optimizer_state; },
      "keep momentum, or the means of adam and adamw, from round to round")));
}

void append_lr_schedule(List& list) {
  static_assert(core::LearningRateSchedule::kMaxStepSize == kMillion, "the words below");
  list.push_back(shared(choice<Config>(
      "train.lr_schedule", [](auto& c) -> auto& { return c.train.lr_schedule.decay; },
      core::learning_rate_decays(),
      "the learning rate over the rounds: constant, step, or cosine (falling to lr_floor at the "
      "end of the run); also of a rate set by `skipctl run lr`")));
  list.push_back(shared(integer<Config>(
      "train.lr_step_size", [](auto& c) -> auto& { return c.train.lr_schedule.step_size; },
      IntegerRange{0, kMillion},
      "step, where it must be set: rounds between two falls, 1 to 1000000")));
  list.push_back(shared(number<Config>(
      "train.lr_gamma", [](auto& c) -> auto& { return c.train.lr_schedule.gamma; },
      NumberRange{
          .min = 0.0, .max = 1.0, .min_excluded = true, .text = "a number above 0 and at most 1"},
      "step: what each leaves of the learning rate, above 0 to 1")));
  list.push_back(shared(number<Config>(
      "train.lr_floor", [](auto& c) -> auto& { return c.train.lr_schedule.floor; },
      NumberRange{.min = 0.0, .max = 1.0, .text = "a number from 0 to 1"},
      "cosine: the part of the learning rate that is left at the end, 0 to 1")));
}

}  // namespace

void append_train(std::vector<Key<Config>>& list) {
  append_work(list);
  append_optimizer(list);
  append_lr_schedule(list);
  list.push_back(choice<Config>(
      "train.device", [](auto& c) -> auto& { return c.train.device; },
      std::span<const Device>(kDevices),
      "what trains: cpu, cuda (a GPU, with a LibTorch that has CUDA), or auto, a GPU if there is "
      "one"));
  list.push_back(choice<Config>(
      "train.precision", [](auto& c) -> auto& { return c.train.precision; },
      std::span<const Precision>(kPrecisions),
      "of convolutions and matrix products: float32, or bf16 where the processor or the GPU has "
      "it; the "
      "parameters stay float32"));
  list.push_back(integer<Config>(
      "train.threads", [](auto& c) -> auto& { return c.train.threads; }, IntegerRange{1, 256},
      "LibTorch threads within an operator, 1 to 256"));
  list.push_back(boolean<Config>(
      "train.fast_paths", [](auto& c) -> auto& { return c.train.fast_paths; },
      "own operators and memory for training steps; false: LibTorch's alone, to compare with"));
}

}  // namespace skiptrain::daemon
