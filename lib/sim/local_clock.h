// A node's own clock: what it reads at a virtual time, and when it will read something. Inside
// lib/sim only.
//
// It runs at a rate, may jump forwards, and stands still where it is told to go back, as a
// monotonic clock does. Virtual times handed in never go back.
#pragma once

#include <algorithm>
#include <cmath>

#include "base/units.h"

namespace skiptrain::sim {

class LocalClock {
 public:
  Instant at(Instant virtual_time) const {
    return std::max(floor_, base_local_ + scaled(virtual_time - base_virtual_, rate_));
  }

  // The first virtual time, not before `now`, at which the clock reads `local` or later.
  Instant when(Instant local, Instant now) const {
    if (at(now) >= local) return now;
    Instant found = base_virtual_ + scaled(local - base_local_, 1.0 / rate_);
    // Rounding may leave it a little early.
    while (at(found) < local) found += Duration(1);
    return std::max(found, now);
  }

  void step(Instant now, Duration by) {
    floor_ = at(now);
    base_local_ += scaled(now - base_virtual_, rate_) + by;
    base_virtual_ = now;
  }

  void set_rate(Instant now, double rate) {
    step(now, Duration(0));
    rate_ = rate;
  }

 private:
  static Duration scaled(Duration d, double rate) {
    if (rate == 1.0) return d;
    return Duration(
        static_cast<Duration::rep>(std::llround(static_cast<double>(d.count()) * rate)));
  }

  Instant base_virtual_{};
  Instant base_local_{};
  double rate_ = 1.0;
  Instant floor_ = Instant::min();
};

}  // namespace skiptrain::sim
