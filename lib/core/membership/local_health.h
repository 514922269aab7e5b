// How much a node trusts its own timing: Lifeguard's local health multiplier (section IV-A).
//
// A node that misses answers which others did get is probably slow itself. Its score rises with
// each sign of that, and falls with each probe that succeeds; probes take (score + 1) times as
// long. Plain value.
#pragma once

#include <algorithm>

#include "base/units.h"

namespace skiptrain::core {

class LocalHealth {
 public:
  static constexpr int kMaxScore = 8;

  // 0: healthy.
  int score() const { return score_; }
  void worsen(int by) { score_ = std::clamp(score_ + by, 0, kMaxScore); }
  void improve() { score_ = std::max(0, score_ - 1); }
  Duration stretch(Duration duration) const { return duration * (score_ + 1); }

 private:
  int score_ = 0;
};

}  // namespace skiptrain::core
