#include "core/membership/suspicion.h"

#include <algorithm>
#include <cmath>

namespace skiptrain::core {

Suspicion::Limits Suspicion::limits(const MembershipTiming& timing, std::size_t members) {
  const double scale = std::max(1.0, std::log10(std::max(1.0, static_cast<double>(members))));
  Limits limits;
  limits.min = from_seconds(timing.suspicion_mult * scale * to_seconds(timing.probe_interval));
  limits.max = limits.min * timing.suspicion_max_mult;
  // Of a small cluster's members neither the suspect nor the first to suspect can confirm; where
  // there are too few others, none is waited for.
  constexpr std::size_t kConfirmations = 2;
  if (members >= kConfirmations + 2) limits.confirmations = kConfirmations;
  return limits;
}

Suspicion::Suspicion(Limits limits, NodeId by, Instant now)
    : limits_(limits), start_(now), suspecting_{by} {}

bool Suspicion::confirm(NodeId by) {
  if (confirmations() >= limits_.confirmations) return false;
  if (std::find(suspecting_.begin(), suspecting_.end(), by) != suspecting_.end()) return false;
  suspecting_.push_back(by);
  return true;
}

Duration Suspicion::timeout() const {
  if (limits_.confirmations == 0) return limits_.min;
  const double progress = std::log(static_cast<double>(confirmations()) + 1) /
                          std::log(static_cast<double>(limits_.confirmations) + 1);
  const double span = to_seconds(limits_.max - limits_.min);
  return std::max(limits_.min, limits_.max - from_seconds(span * progress));
}

}  // namespace skiptrain::core
