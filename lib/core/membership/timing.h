// How fast a cluster watches itself: one profile for each kind of network, in the spirit of
// memberlist's DefaultLANConfig, DefaultWANConfig and DefaultLocalConfig. All nodes of a cluster
// should have the same.
#pragma once

#include <string>

#include "base/error.h"
#include "base/units.h"

namespace skiptrain::core {

enum class NetworkProfile {
  kLan,    // one site: round trips of some milliseconds
  kWan,    // sites over the Internet, phones
  kLocal,  // one machine
};
// "lan", "wan" or "local"; kInvalidArgument for anything else.
Result<NetworkProfile> parse_network_profile(const std::string& text);
const char* to_string(NetworkProfile profile);

struct MembershipTiming {
  // One member is probed per interval. Its ack is waited for until the timeout, then the indirect
  // probes' until the interval ends. Both are stretched by the local health score.
  Duration probe_interval{};
  Duration probe_timeout{};
  unsigned indirect_probes = 3;  // k of SWIM

  // Time to refute: from suspicion_mult * max(1, log10 n) * probe_interval, when enough others
  // suspect the member as well, up to suspicion_max_mult times that, when nobody does.
  unsigned suspicion_mult = 3;
  unsigned suspicion_max_mult = 6;

  Duration gossip_interval{};    // of packets that carry nothing but claims
  unsigned gossip_nodes = 3;     // how many get one each time
  Duration gossip_to_failed{};   // so long a failed member still gets them
  unsigned retransmit_mult = 4;  // lambda: a claim is sent lambda * ceil(log10(n + 1)) times

  Duration push_pull_interval{};  // up to 32 members; with more by push_pull_scale()
  Duration reconnect_interval{};  // of attempts to reach a failed member

  Duration leave_timeout{};     // at most so long a leaving node stays to say so
  Duration forget_after{};      // how long failed and left members are remembered
  Duration join_backoff{};      // before the second attempt; doubles
  Duration join_backoff_max{};  // up to this
};
MembershipTiming timing_of(NetworkProfile profile);

// The factor on push_pull_interval with n members: 1 up to 32, one more with each doubling.
unsigned push_pull_scale(std::size_t members);
// How often a claim is sent.
unsigned retransmit_limit(unsigned retransmit_mult, std::size_t members);

}  // namespace skiptrain::core
