// Units and instants as types, so that a watt-hour is never added to a byte.
//
// Time has no clock here: an Instant is a number handed in by whoever drives the core, the
// daemon's steady clock or the simulator's virtual one.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace skiptrain {

using Duration = std::chrono::nanoseconds;

// The epoch is the driver's business; only differences between Instants have a meaning.
struct InstantClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<InstantClock, Duration>;
  static constexpr bool is_steady = true;
};
using Instant = InstantClock::time_point;

constexpr double to_seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}
constexpr double to_milliseconds(Duration d) {
  return to_seconds(d) * 1e3;
}
constexpr Duration from_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

// Energy in watt-hours.
class WattHours {
 public:
  constexpr WattHours() = default;
  constexpr explicit WattHours(double value) : value_(value) {}
  constexpr double value() const { return value_; }
  constexpr auto operator<=>(const WattHours&) const = default;
  constexpr WattHours operator+(WattHours other) const { return WattHours(value_ + other.value_); }
  constexpr WattHours operator-(WattHours other) const { return WattHours(value_ - other.value_); }
  constexpr WattHours operator*(double factor) const { return WattHours(value_ * factor); }
  constexpr double operator/(WattHours other) const { return value_ / other.value_; }
  constexpr WattHours& operator+=(WattHours other) { return *this = *this + other; }
  constexpr WattHours& operator-=(WattHours other) { return *this = *this - other; }

 private:
  double value_ = 0.0;
};

using Bytes = std::uint64_t;

}  // namespace skiptrain
