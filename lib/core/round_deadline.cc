#include "core/round_deadline.h"

#include <algorithm>
#include <vector>

namespace skiptrain::core {
namespace {

Duration median(std::vector<Duration> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

Duration RoundDeadline::allowance(bool train_slot) const {
  if (fixed_) return *fixed_;
  const auto& waits = (train_slot ? train_waits_ : sync_waits_).newest;
  if (waits.size() < kMinSamples) return kInitial;
  const Duration centre = median(waits);
  std::vector<Duration> deviations;
  deviations.reserve(waits.size());
  for (const Duration wait : waits) deviations.push_back(std::chrono::abs(wait - centre));
  return std::clamp(centre + 4 * median(std::move(deviations)), kFloor, kCeiling);
}

void RoundDeadline::record_wait(bool train_slot, Duration wait) {
  Waits& waits = train_slot ? train_waits_ : sync_waits_;
  if (waits.newest.size() < kWindow) {
    waits.newest.push_back(wait);
  } else {
    waits.newest[waits.next] = wait;
    waits.next = (waits.next + 1) % kWindow;
  }
}

}  // namespace skiptrain::core
