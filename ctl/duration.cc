#include "ctl/duration.h"

#include <string>

#include "daemon/config/values.h"

namespace skiptrain::ctl {

Result<Duration> parse_duration(std::string_view text) {
  // The config's durations, and a bare number besides: a flag is typed more often than a file.
  const bool bare =
      !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
  const auto duration = daemon::parse_duration(std::string(text) + (bare ? "s" : ""));
  if (duration && *duration > Duration::zero() && *duration <= kMaxDuration) return *duration;
  return fail(ErrorCode::kInvalidArgument,
              "duration \"" + std::string(text) +
                  "\": must be a number and a unit, above zero and at most a week: 500ms, 5s, 2m "
                  "or 1h");
}

}  // namespace skiptrain::ctl
