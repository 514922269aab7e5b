#include "core/learning_rate_schedule.h"

#include <array>
#include <cmath>
#include <numbers>
#include <string>

namespace skiptrain::core {
namespace {

constexpr std::array kDecays = {LearningRateDecay::kConstant, LearningRateDecay::kStep,
                                LearningRateDecay::kCosine};

}  // namespace

std::span<const LearningRateDecay> learning_rate_decays() {
  return kDecays;
}

std::string_view to_string(LearningRateDecay decay) {
  switch (decay) {
    case LearningRateDecay::kConstant:
      return "constant";
    case LearningRateDecay::kStep:
      return "step";
    case LearningRateDecay::kCosine:
      return "cosine";
  }
  return "unknown";
}

Status LearningRateSchedule::validate() const {
  if (decay == LearningRateDecay::kStep && (step_size < 1 || step_size > kMaxStepSize)) {
    return fail(ErrorCode::kInvalidArgument, "step_size = " + std::to_string(step_size) +
                                                 ": must be from 1 to " +
                                                 std::to_string(kMaxStepSize) + " rounds");
  }
  if (decay == LearningRateDecay::kStep && !(gamma > 0 && gamma <= 1)) {
    return fail(ErrorCode::kInvalidArgument,
                "gamma = " + std::to_string(gamma) + ": must be above 0 and at most 1");
  }
  if (decay == LearningRateDecay::kCosine && !(floor >= 0 && floor <= 1)) {
    return fail(ErrorCode::kInvalidArgument,
                "floor = " + std::to_string(floor) + ": must be from 0 to 1");
  }
  return {};
}

double LearningRateSchedule::factor(Round round) const {
  switch (decay) {
    case LearningRateDecay::kConstant:
      return 1.0;
    case LearningRateDecay::kStep:
      return std::pow(gamma, static_cast<double>(round.value() / step_size));
    case LearningRateDecay::kCosine: {
      if (round.value() >= total_rounds) return floor;
      const double part = static_cast<double>(round.value()) / static_cast<double>(total_rounds);
      return floor + (1.0 - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * part));
    }
  }
  return 1.0;
}

}  // namespace skiptrain::core
