#include "core/membership/timing.h"

#include <algorithm>
#include <cmath>

namespace skiptrain::core {

using namespace std::chrono_literals;

Result<NetworkProfile> parse_network_profile(const std::string& text) {
  for (const auto profile : {NetworkProfile::kLan, NetworkProfile::kWan, NetworkProfile::kLocal}) {
    if (text == to_string(profile)) return profile;
  }
  return fail(ErrorCode::kInvalidArgument,
              "\"" + text + "\" is no network profile: must be lan, wan or local");
}

const char* to_string(NetworkProfile profile) {
  switch (profile) {
    case NetworkProfile::kLan:
      return "lan";
    case NetworkProfile::kWan:
      return "wan";
    case NetworkProfile::kLocal:
      return "local";
  }
  return "unknown";
}

MembershipTiming timing_of(NetworkProfile profile) {
  MembershipTiming lan;
  lan.probe_interval = 1s;
  lan.probe_timeout = 500ms;
  lan.gossip_interval = 200ms;
  lan.gossip_to_failed = 30s;
  lan.push_pull_interval = 30s;
  lan.reconnect_interval = 30s;
  lan.leave_timeout = 5s;
  lan.forget_after = 24h;
  lan.join_backoff = 1s;
  lan.join_backoff_max = 30s;
  if (profile == NetworkProfile::kLan) return lan;

  MembershipTiming timing = lan;
  if (profile == NetworkProfile::kWan) {
    timing.probe_interval = 5s;
    timing.probe_timeout = 3s;
    timing.suspicion_mult = 6;
    timing.gossip_interval = 500ms;
    timing.gossip_nodes = 4;
    timing.gossip_to_failed = 60s;
    timing.push_pull_interval = 60s;
    timing.reconnect_interval = 60s;
    return timing;
  }
  timing.probe_timeout = 200ms;
  timing.indirect_probes = 1;
  timing.retransmit_mult = 3;
  timing.gossip_interval = 100ms;
  timing.gossip_to_failed = 15s;
  timing.push_pull_interval = 15s;
  timing.reconnect_interval = 15s;
  timing.leave_timeout = 3s;
  timing.join_backoff = 500ms;
  timing.join_backoff_max = 10s;
  return timing;
}

unsigned push_pull_scale(std::size_t members) {
  constexpr double kThreshold = 32;
  const auto n = static_cast<double>(members);
  if (n <= kThreshold) return 1;
  return static_cast<unsigned>(std::ceil(std::log2(n) - std::log2(kThreshold))) + 1;
}

unsigned retransmit_limit(unsigned retransmit_mult, std::size_t members) {
  const double magnitude = std::ceil(std::log10(static_cast<double>(members) + 1));
  return retransmit_mult * std::max(1u, static_cast<unsigned>(magnitude));
}

}  // namespace skiptrain::core
