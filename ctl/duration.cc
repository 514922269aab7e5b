#include "ctl/duration.h"

#include <charconv>
#include <cmath>
#include <string>

namespace skiptrain::ctl {
namespace {

// Seconds in one unit; 0 if there is no such unit.
double unit_seconds(std::string_view unit) {
  if (unit == "ms") return 1e-3;
  if (unit == "s" || unit.empty()) return 1.0;
  if (unit == "m") return 60.0;
  if (unit == "h") return 3600.0;
  return 0.0;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto refuse = [&](const std::string& why) {
    return fail(ErrorCode::kInvalidArgument,
                "duration \"" + std::string(text) + "\" " + why +
                    "; give a number and a unit: 500ms, 5s, 2m or 1h (at most a week)");
  };
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || !std::isfinite(value)) return refuse("is not a number");
  const double unit = unit_seconds(std::string_view(end, text.data() + text.size() - end));
  if (unit == 0.0) return refuse("has an unknown unit");
  const double seconds = value * unit;
  if (seconds <= 0.0) return refuse("is not above zero");
  if (seconds > kMaxDurationSeconds) return refuse("is too long");
  return from_seconds(seconds);
}

}  // namespace skiptrain::ctl
