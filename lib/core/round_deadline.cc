#include "core/round_deadline.h"

#include <algorithm>
#include <chrono>
#include <span>

namespace skiptrain::core {
namespace {

using std::chrono::microseconds;

// Leaves `values` in another order.
std::uint32_t median(std::span<std::uint32_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

Duration RoundDeadline::allowance(bool train_slot) const {
  if (fixed_) return *fixed_;
  const Waits& waits = train_slot ? train_waits_ : sync_waits_;
  return waits.count < kMinSamples ? kInitial : estimate(waits);
}

Duration RoundDeadline::estimate(const Waits& waits) {
  std::array<std::uint32_t, kWindow> values = waits.newest_us;
  const auto known = std::span(values).first(waits.count);
  const std::uint32_t centre = median(known);
  for (std::uint32_t& value : known) value = value > centre ? value - centre : centre - value;
  const Duration allowed = microseconds(centre) + 4 * Duration(microseconds(median(known)));
  return std::clamp(allowed, kFloor, kCeiling);
}

void RoundDeadline::record_wait(bool train_slot, Duration wait) {
  // A longer one would say no more: the estimate ends at the ceiling.
  const auto us = std::chrono::duration_cast<microseconds>(std::clamp(wait, Duration(0), kCeiling));
  Waits& waits = train_slot ? train_waits_ : sync_waits_;
  waits.newest_us[waits.next] = static_cast<std::uint32_t>(us.count());
  waits.next = (waits.next + 1) % kWindow;
  waits.count = std::min<std::uint32_t>(waits.count + 1, kWindow);
}

}  // namespace skiptrain::core
