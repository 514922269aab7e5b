#include "core/round_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

namespace skiptrain::core {
namespace {

constexpr std::array kModes = {RoundMode::kDeadline, RoundMode::kBarrier, RoundMode::kAsync};

}  // namespace

std::span<const RoundMode> round_modes() {
  return kModes;
}

std::string_view to_string(RoundMode mode) {
  switch (mode) {
    case RoundMode::kDeadline:
      return "deadline";
    case RoundMode::kBarrier:
      return "barrier";
    case RoundMode::kAsync:
      return "async";
  }
  return "unknown";
}

Result<RoundMode> parse_round_mode(std::string_view text) {
  for (const RoundMode mode : kModes) {
    if (to_string(mode) == text) return mode;
  }
  std::string message = "round mode \"" + std::string(text) + "\": must be one of";
  for (const RoundMode mode : kModes) message += " " + std::string(to_string(mode));
  return fail(ErrorCode::kInvalidArgument, message);
}

Status RoundRules::validate() const {
  if (!(quorum > 0.0 && quorum <= 1.0)) {
    return fail(ErrorCode::kInvalidArgument,
                "quorum = " + std::to_string(quorum) + ": must be above 0 and at most 1");
  }
  if (max_staleness < 1 || max_staleness > kMaxStalenessLimit) {
    return fail(ErrorCode::kInvalidArgument, "max_staleness = " + std::to_string(max_staleness) +
                                                 ": must be 1 to " +
                                                 std::to_string(kMaxStalenessLimit) + " rounds");
  }
  return {};
}

std::size_t RoundRules::needed_of(std::size_t live) const {
  // Else 0.7 of 10 would be 8, for 0.7 * 10 is a little above 7.
  constexpr double kRounding = 1e-9;
  const double part = std::ceil(quorum * static_cast<double>(live) - kRounding);
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::max(part, 0.0)),
                                 std::min<std::size_t>(live, 1), live);
}

}  // namespace skiptrain::core
