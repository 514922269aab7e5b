// How the learning rate falls over a run: a factor of the round alone, by which the base rate is
// multiplied, be that the configured one or one that was ordered on the way. So a round can be
// replayed, and a node that restarts or joins late is at the same factor as all others. Rounds
// count whether or not the node trains in them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace skiptrain::core {

enum class LearningRateDecay {
  kConstant,  // 1
  kStep,      // gamma^floor(t / step_size), as torch.optim.lr_scheduler.StepLR
  // floor + (1 - floor) (1 + cos(pi t / T)) / 2: SGDR without restarts (Loshchilov & Hutter 2017,
  // equation 5), as torch.optim.lr_scheduler.CosineAnnealingLR
  kCosine,
};

// All of them, in the order above.
std::span<const LearningRateDecay> learning_rate_decays();
std::string_view to_string(LearningRateDecay decay);

struct LearningRateSchedule {
  static constexpr std::uint64_t kMaxStepSize = 1'000'000;

  LearningRateDecay decay = LearningRateDecay::kConstant;
  std::uint64_t step_size = 0;     // step: rounds between two falls, 1 to kMaxStepSize
  double gamma = 0.1;              // step: the factor of each, above 0 to 1
  double floor = 0.0;              // cosine: what is left at the end of the run, 0 to 1
  std::uint64_t total_rounds = 0;  // cosine: T

  // kInvalidArgument: one that `decay` goes by is out of its range.
  Status validate() const;
  // Of a valid schedule: in [0, 1]; exactly 1 at round 0, but for a run of no rounds. `floor` from
  // round T on, which nobody trains in. A step far out may be 0 by underflow: a round of training
  // that changes nothing.
  double factor(Round round) const;

  bool operator==(const LearningRateSchedule&) const = default;
};

}  // namespace skiptrain::core
