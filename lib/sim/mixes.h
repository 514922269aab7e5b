// Mixes that nodes have asked for and not yet got: computed together when the first of them is
// due. Inside lib/sim only.
//
// Whatever is outstanding at that moment is one batch (model/batch_mixing.h), so that nodes in step
// with each other read each update from memory once. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "core/effect.h"
#include "model/batch_mixing.h"
#include "model/parameters.h"
#include "sim/workers.h"

namespace skiptrain::sim {

using MixIndex = std::uint32_t;

class Mixes {
 public:
  struct Done {
    Round round;
    Duration duration{};
    ParametersPtr parameters;
    double distance = 0.0;
  };

  // `workers` must outlive this object.
  Mixes(ParametersPool pool, Workers& workers);

  // `duration`: virtual, handed back with the result.
  MixIndex add(core::Mix&& mix, Duration duration);
  // The result of one mix, once; computes it, and all that are outstanding, if need be.
  Done take(MixIndex index);
  // The node is gone: instead of `take`.
  void forget(MixIndex index);

  // Hints that the mix will soon be taken: some time before, and shortly before.
  void prefetch_far(MixIndex index) const;
  void prefetch_near(MixIndex index) const;

  std::uint64_t batches() const { return batches_; }

 private:
  struct Slot {
    core::Mix mix;
    Duration duration{};
    MutableParametersPtr out;  // null until computed
    double distance = 0.0;
  };

  void compute_outstanding();
  void free_slot(MixIndex index);

  ParametersPool pool_;
  Workers& workers_;
  std::vector<Slot> slots_;
  std::vector<MixIndex> free_slots_;
  std::vector<MixIndex> outstanding_;  // not computed, in the order in which they were asked for
  // Of compute_outstanding, kept for their memory.
  std::vector<WeightedInput> inputs_;
  std::vector<NodeMix> batch_;
  std::uint64_t batches_ = 0;
};

}  // namespace skiptrain::sim
