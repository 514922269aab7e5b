// Trainers of many nodes in one process: one copy of the data, one set of working memory per
// worker, and for each node a handle that costs next to nothing.
//
// A handle is a `ports::Trainer` that holds its NodeId, its list of samples and, only with
// `keep_optimizer_state`, its optimizer. A call on it borrows one of the group's idle workspaces
// (module, gradients, minibatch) for as long as it lasts, and waits while there is none, so at most
// `workers` calls compute at once whatever the number of nodes and threads. A node's result does
// not depend on the number of workers, nor on which nodes used the workspace before: it has exactly
// the bits that a TorchTrainer of the same options gives on the node's samples alone.
//
// Every round draws its minibatches, and what the model draws itself (dropout), from (run seed,
// NodeId, round) and nothing else. x(0) is TrainerOptions::initial; or what the model's file holds;
// or else PyTorch's default initialisation after torch.manual_seed(seed); one buffer for all nodes.
// Workers whose model draws take turns in the forward pass, as LibTorch has one generator.
//
// Threading: everything from any thread; calls on different handles overlap. Of one handle, only
// one train() at a time. `threads` of the options is within an operator and for each worker:
// several workers with one thread each is the fast way to fill a machine. No exception leaves a
// public method. Does not start threads: the callers are the workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "data/dataset.h"
#include "learn/trainer_options.h"
#include "model/parameter_layout.h"
#include "model/parameters.h"
#include "ports/trainer.h"

namespace skiptrain::learn {

inline constexpr std::uint32_t kMaxWorkers = 1024;

struct GroupSizes {
  std::uint32_t workers = 1;  // calls that may compute at once; 1 to kMaxWorkers
  // Parameter buffers that stay allocated while nobody holds them. With two buffers per node, as
  // many as there are nodes makes a steady state allocate nothing.
  std::size_t idle_buffers = 3;
};

class TrainerGroup {
 public:
  // The data sets are shared with the caller, never null and never changed. `test` may be empty;
  // evaluate() then fails with kPreconditionFailed. kInvalidArgument: an option or a size out of
  // range; a model's file that this LibTorch cannot run, or whose outputs are not what the loss
  // takes, as a trial shows; a pattern of `frozen` that nothing matches. kMismatch: data that do
  // not suit the model; `initial` of another model. kCorrupt: a damaged file. kPreconditionFailed:
  // a precision or a device that this machine does not have.
  static Result<TrainerGroup> create(TrainerOptions options,
                                     std::shared_ptr<const data::Dataset> train,
                                     std::shared_ptr<const data::Dataset> test,
                                     GroupSizes sizes = {});

  // The trainer of `node`, whose share of the training set is `samples`, in this order. It keeps
  // what it needs of the group alive. Without samples it only evaluates: its train() fails with
  // kPreconditionFailed. kInvalidArgument: a sample that the training set does not have.
  Result<std::unique_ptr<ports::Trainer>> trainer(NodeId node,
                                                  std::vector<std::uint32_t> samples) const;

  const ParameterLayout& layout() const;
  Place place() const;  // that of the options' device
  ParametersPtr initial_parameters() const;
  // Where trained parameters come from; a mix may take its buffers from here too.
  ParametersPool& pool() const;

 private:
  struct Shared;
  class Handle;
  explicit TrainerGroup(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> shared_;
};

}  // namespace skiptrain::learn
