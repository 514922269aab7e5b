// How long a node waits for its neighbours' updates: a fixed time, or learnt from recent waits.
//
// Automatic: median + 4 * MAD (median absolute deviation) of the last waits, within 2 s and 10 min;
// waits are kept to the microsecond. Train and sync rounds are kept apart: a sync round waits
// milliseconds for the network, a train round may wait seconds for a slower device, and one
// estimate for both would cut the slower device off.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/units.h"

namespace skiptrain::core {

class RoundDeadline {
 public:
  static constexpr Duration kFloor = std::chrono::seconds(2);
  // Waits that end at the deadline feed the estimate; without a cap a neighbour that promises and
  // never sends would make it grow for ever.
  static constexpr Duration kCeiling = std::chrono::minutes(10);
  // Until kMinSamples waits are known, when nobody can tell how slow the neighbours are.
  static constexpr Duration kInitial = std::chrono::seconds(60);
  static constexpr std::size_t kMinSamples = 5;
  static constexpr std::size_t kWindow = 32;

  // nullopt: automatic.
  explicit RoundDeadline(std::optional<Duration> fixed) : fixed_(fixed) {}

  void set_fixed(std::optional<Duration> fixed) { fixed_ = fixed; }
  // How long a wait that starts now may last.
  Duration allowance(bool train_slot) const;
  // A wait ended, by the last update or by the deadline.
  void record_wait(bool train_slot, Duration wait);

 private:
  // The newest kWindow waits, in no order of time: the oldest is where the next will be written.
  // Small, for a simulator holds thousands.
  struct Waits {
    std::array<std::uint32_t, kWindow> newest_us{};
    std::uint32_t count = 0;
    std::uint32_t next = 0;
  };

  static Duration estimate(const Waits& waits);

  std::optional<Duration> fixed_;
  Waits train_waits_;
  Waits sync_waits_;
};

}  // namespace skiptrain::core
