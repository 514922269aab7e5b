#include "learn/gradient_clipping.h"

#include <array>
#include <cmath>
#include <cstddef>

namespace skiptrain::learn {
namespace {

// In doubles, so that neither a large model nor a large gradient costs digits; in lanes of their
// own, so that the compiler may vectorise sums whose order it must keep.
double sum_of_squares(std::span<const float> values) {
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> lanes{};
  std::size_t k = 0;
  for (; k + kLanes <= values.size(); k += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const auto value = static_cast<double>(values[k + lane]);
      lanes[lane] += value * value;
    }
  }
  double sum = 0;
  for (; k < values.size(); ++k) {
    sum += static_cast<double>(values[k]) * static_cast<double>(values[k]);
  }
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace

double clip_gradient_norm(std::span<float> gradients, std::span<const FlatModule::Run> trainable,
                          double max_norm) {
  constexpr double kNotByZero = 1e-6;
  double squares = 0;
  for (const FlatModule::Run& run : trainable) {
    squares += sum_of_squares(gradients.subspan(run.offset, run.count));
  }
  const double norm = std::sqrt(squares);
  const auto factor = static_cast<float>(max_norm / (norm + kNotByZero));
  if (factor >= 1) return norm;
  for (const FlatModule::Run& run : trainable) {
    for (float& gradient : gradients.subspan(run.offset, run.count)) gradient *= factor;
  }
  return norm;
}

}  // namespace skiptrain::learn
