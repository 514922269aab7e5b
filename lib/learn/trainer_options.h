// How local training goes: model, minibatches, optimizer. The same on all nodes of a run, but for
// `node`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "core/learning_rate_schedule.h"
#include "data/dataset.h"
#include "learn/augmentation.h"
#include "learn/device.h"
#include "learn/loss.h"
#include "learn/model_spec.h"
#include "learn/optimizer.h"
#include "learn/precision.h"
#include "model/named_parameters.h"

namespace skiptrain::learn {

struct TrainerOptions {
  ModelSpec model;                         // its input shape and outputs must suit the data
  std::uint32_t local_steps = 10;          // minibatches per train round
  std::uint32_t local_epochs = 0;          // instead: passes over the share; 0 uses local_steps
  std::uint32_t batch_size = 32;           // samples; the last minibatch of a pass may be smaller
  double lr = 0.1;                         // the base rate, unless a round is given another
  core::LearningRateSchedule lr_schedule;  // multiplied onto the base rate
  OptimizerOptions optimizer;
  double clip_norm = 0.0;             // largest 2-norm of a minibatch's gradients; 0: any
  bool keep_optimizer_state = false;  // keep the optimizer's state from round to round
  Device device = Device::kCpu;
  Precision precision = Precision::kFloat32;
  std::uint32_t threads = 1;  // within an operator
  bool fast_paths = true;     // own operators and memory; false: LibTorch's alone
  std::uint64_t seed = 1;     // of the run
  NodeId node;                // of a TorchTrainer; a TrainerGroup is told node by node
  // A pixel becomes (value / 255 - mean) / std; one number for all channels, or one for each.
  std::vector<double> mean = {0.0};
  std::vector<double> std = {1.0};
  AugmentationOptions augmentation;         // of training minibatches
  LossKind loss = LossKind::kCrossEntropy;  // says also what is learned: classes, or numbers
  std::uint32_t top_k = 5;  // of evaluations of classes, where there are more; 0: none
  // x(0), and what the frozen parameters are, in place of those drawn or in the model's file; its
  // tensors are just the model's, frozen ones included. For messages, where it came from.
  std::shared_ptr<const NamedParameters> initial;
  std::string initial_source;
};

// kInvalidArgument, naming the config key and its range.
Status validate(const OptimizerOptions& options);
Status validate(const TrainerOptions& options);

// Whether the model can take these samples; `which` is "training" or "test", for the message. Any
// model takes an empty set. kMismatch: other images, more classes, another number of targets, or
// targets of the wrong kind for the loss. kInvalidArgument: the data set does not agree with
// itself, or a target of binary cross-entropy is not in [0, 1].
Status validate(const TrainerOptions& options, const data::Dataset& dataset, const char* which);

}  // namespace skiptrain::learn
