// What this process takes of the machine, from /proc (proc(5)): the numbers that Prometheus's
// client libraries call process_*.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/units.h"

namespace skiptrain::daemon {

// What the system does not tell is nullopt.
struct ProcessUsage {
  std::optional<double> cpu_seconds;         // user and system, of all threads
  std::optional<double> start_time_seconds;  // since 1970
  std::optional<Bytes> resident_bytes;
  std::optional<Bytes> virtual_bytes;
  std::optional<std::uint64_t> open_fds;
  std::optional<std::uint64_t> max_fds;  // the soft limit
  std::optional<std::uint64_t> threads;
};

// `proc` is where procfs is mounted.
std::optional<Bytes> resident_bytes(const std::string& proc = "/proc");
ProcessUsage process_usage(const std::string& proc = "/proc");

}  // namespace skiptrain::daemon
