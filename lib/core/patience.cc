#include "core/patience.h"

#include <algorithm>

namespace skiptrain::core {

void Patience::came_in_time() {
  misses_ = 0;
  constexpr unsigned kEnough = (kFirstProof << kMostDoublings) * kForgivenAfter;
  in_time_ = static_cast<std::uint16_t>(std::min<unsigned>(in_time_ + 1u, kEnough));
  if (straggler_ && in_time_ >= proof()) {
    straggler_ = false;
    rounds_to_probe_ = 0;
    doublings_ = static_cast<std::uint8_t>(std::min<unsigned>(doublings_ + 1u, kMostDoublings));
  }
  if (!straggler_ && in_time_ >= kForgivenAfter * proof()) doublings_ = 0;
}

void Patience::missed() {
  in_time_ = 0;
  if (straggler_) {  // that was the probe
    doublings_ = static_cast<std::uint8_t>(std::min<unsigned>(doublings_ + 1u, kMostDoublings));
  } else if (++misses_ < kMisses) {
    return;
  }
  straggler_ = true;
  misses_ = 0;
  // One more, for `round_closed` counts the round of this miss.
  rounds_to_probe_ = static_cast<std::uint16_t>(kRoundsPerProof * proof() + 1);
}

void Patience::round_closed() {
  if (rounds_to_probe_ > 0) --rounds_to_probe_;
}

}  // namespace skiptrain::core
