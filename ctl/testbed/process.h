// Starting and ending the daemons of a testbed.
//
// A process is known by its id and its start time together, so that an id which the kernel has
// given to somebody else in the meantime is never signalled. Not thread-safe: children die with
// the thread that started them (see SpawnOptions::die_with_parent).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace skiptrain::ctl {

// Between SIGTERM and SIGKILL; a daemon promises to be gone within it.
inline constexpr Duration kTerminationGrace = std::chrono::seconds(10);

struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // clock ticks since boot, from /proc/PID/stat
  bool operator==(const ProcessId&) const = default;
};

struct SpawnOptions {
  std::vector<std::string> command;  // the program's path and its arguments
  std::string log_file;              // takes stdout and stderr, appended
  // The kernel kills the child when this process ends in any way. Otherwise it outlives us.
  bool die_with_parent = true;
};

// Starts it in a session of its own, so that Ctrl-C reaches us and not it.
Result<ProcessId> spawn(const SpawnOptions& options);

// False also for a zombie. Reaps it if it was our child.
bool is_alive(const ProcessId& process);

// Ends all of them: SIGTERM to each, after `grace` SIGKILL to those that are left. Returns when all
// are gone; those that were gone before are no error.
void end_processes(const std::vector<ProcessId>& processes, Duration grace = kTerminationGrace);

// SIGKILL, and waits until it is gone.
void kill_process(const ProcessId& process);

// The last lines of a file, for an error message; empty if it cannot be read.
std::string last_lines(const std::string& file, std::size_t count);
// Each line of a text behind two spaces, without the last line's end, as last_lines gives them.
std::string indented(const std::string& text);

// From here to the object's end SIGINT, SIGTERM and SIGHUP only set a flag. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool is_interrupted();
};

}  // namespace skiptrain::ctl
