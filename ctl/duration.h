// Durations as people type them: "500ms", "5s", "2m", "1h"; a bare number is seconds.
#pragma once

#include <chrono>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace skiptrain::ctl {

inline constexpr Duration kMaxDuration = std::chrono::hours(7 * 24);

// kInvalidArgument unless `text` is a positive number with an optional unit, at most a week.
Result<Duration> parse_duration(std::string_view text);

}  // namespace skiptrain::ctl
