// How local training goes: model, minibatches, optimizer. The same on all nodes of a run, but for
// `node`.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/ids.h"
#include "core/learning_rate_schedule.h"
#include "data/dataset.h"
#include "learn/model_spec.h"
#include "learn/optimizer.h"

namespace skiptrain::learn {

struct TrainerOptions {
  ModelSpec model;                         // its input shape and classes must suit the data
  std::uint32_t local_steps = 10;          // minibatches per train round
  std::uint32_t local_epochs = 0;          // instead: passes over the share; 0 uses local_steps
  std::uint32_t batch_size = 32;           // samples; the last minibatch of a pass may be smaller
  double lr = 0.1;                         // the base rate, unless a round is given another
  core::LearningRateSchedule lr_schedule;  // multiplied onto the base rate
  OptimizerOptions optimizer;
  double clip_norm = 0.0;             // largest 2-norm of a minibatch's gradients; 0: any
  bool keep_optimizer_state = false;  // keep the optimizer's state from round to round
  std::uint32_t threads = 1;          // within an operator
  bool fast_paths = true;             // own operators and memory; false: LibTorch's alone
  std::uint64_t seed = 1;             // of the run
  NodeId node;                        // of a TorchTrainer; a TrainerGroup is told node by node
  double mean = 0.0;                  // a pixel becomes (value / 255 - mean) / std
  double std = 1.0;
};

// kInvalidArgument, naming the config key and its range.
Status validate(const OptimizerOptions& options);
Status validate(const TrainerOptions& options);

// Whether the model can take these samples; `which` is "training" or "test", for the message. Any
// model takes an empty set. kMismatch: other images, or more classes. kInvalidArgument: the data
// set does not agree with itself.
Status validate(const TrainerOptions& options, const data::Dataset& dataset, const char* which);

}  // namespace skiptrain::learn
