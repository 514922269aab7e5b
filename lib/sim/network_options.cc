#include "sim/network_options.h"

#include <cmath>

namespace skiptrain::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr double kBytesPerMegabit = 1e6 / 8;

NetworkOptions with_link(Duration latency, Duration jitter, double megabits_per_s) {
  NetworkOptions options;
  options.link.latency = latency;
  options.link.jitter = jitter;
  options.link.bandwidth_bytes_per_s = megabits_per_s * kBytesPerMegabit;
  return options;
}

Status validate_link(const LinkOptions& link, const std::string& where) {
  const auto refuse = [&where](const std::string& what) {
    return fail(ErrorCode::kInvalidArgument, where + what);
  };
  if (link.latency < Duration(0)) return refuse("latency must be 0 or more");
  if (link.jitter < Duration(0)) return refuse("jitter must be 0 or more");
  if (!(link.bandwidth_bytes_per_s > 0)) return refuse("bandwidth must be above 0");
  if (link.reorder_delay < Duration(0)) return refuse("reorder_delay must be 0 or more");
  const std::pair<const char*, double> probabilities[] = {
      {"loss", link.loss}, {"duplicate", link.duplicate}, {"reorder", link.reorder}};
  for (const auto& [name, value] : probabilities) {
    if (!(value >= 0 && value <= 1)) {
      return refuse(std::string(name) + " = " + std::to_string(value) + " must be from 0 to 1");
    }
  }
  return {};
}

}  // namespace

Result<NetworkOptions> network_preset(std::string_view name) {
  if (name == "ideal") return NetworkOptions{};
  if (name == "lan") return with_link(microseconds(200), microseconds(50), 1000);
  if (name == "wifi") return with_link(milliseconds(3), milliseconds(3), 50);
  if (name == "wan") return with_link(milliseconds(40), milliseconds(10), 20);
  return fail(ErrorCode::kInvalidArgument,
              "network " + std::string(name) + ": must be ideal, lan, wifi or wan");
}

Status validate(const NetworkOptions& options, std::size_t node_count) {
  if (auto valid = validate_link(options.link, "network: "); !valid) return valid;
  for (const LinkOverride& entry : options.overrides) {
    const std::string where =
        "network: link " + std::to_string(entry.from) + " to " + std::to_string(entry.to) + ": ";
    if (entry.from >= node_count || entry.to >= node_count) {
      return fail(ErrorCode::kInvalidArgument,
                  where + "nodes are numbered from 0 to " + std::to_string(node_count - 1));
    }
    if (auto valid = validate_link(entry.link, where); !valid) return valid;
  }
  const std::pair<const char*, Duration> times[] = {{"reconnect_delay", options.reconnect_delay},
                                                    {"keepalive", options.keepalive},
                                                    {"fetch_timeout", options.fetch_timeout}};
  for (const auto& [name, value] : times) {
    if (value < Duration(0)) {
      return fail(ErrorCode::kInvalidArgument,
                  "network: " + std::string(name) + " must be 0 or more");
    }
  }
  return {};
}

}  // namespace skiptrain::sim
