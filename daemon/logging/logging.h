// The process's log: spdlog's default logger, set up from the config.
//
// One line a message, whatever the message contains: control characters, which may come from a
// peer, are escaped. As text: time (UTC), level, node, message. As JSON: an object with the
// strings time, level, node and message, always valid UTF-8. Each line is flushed when written.
// The newest lines are also kept in memory, as text whatever the format.
//
// Thread-safe. Call `start_logging` before other threads log; anything logged earlier goes to
// standard output in spdlog's own form.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "daemon/config/config.h"

namespace skiptrain::daemon {

// kUnavailable if the file cannot be opened for appending; then nothing has changed.
Status start_logging(const LogSettings& settings, std::string_view node_name);

// Opens the log file anew, so that a rotated one is let go; nothing to do for standard error.
// kUnavailable if it cannot be opened; then the old one stays in use.
Status reopen_log();

// How many lines are kept; the oldest is dropped for a new one.
inline constexpr std::size_t kRecentLogLines = 2000;
// The newest `most` of them (0: all), oldest first, without line ends. None before start_logging.
std::vector<std::string> recent_log_lines(std::size_t most = 0);

// At once, for all threads.
void set_log_level(LogLevel level);
LogLevel log_level();

}  // namespace skiptrain::daemon
