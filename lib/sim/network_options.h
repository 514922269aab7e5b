// How the links between virtual nodes behave: plain values, and presets of them.
//
// A message of B bytes that is sent at time t on a free direction of a link arrives at
// t + B / bandwidth + latency + u, u uniform in [0, jitter]. Messages of one direction queue for
// the bandwidth and arrive in the order in which they were sent, as on one stream of
// lib/transport, unless `reorder` picks one.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace skiptrain::sim {

// What a message costs beside its parameters: header, framing, checksum. An announcement or a
// request is nothing but this.
inline constexpr Bytes kMessageOverheadBytes = 128;
// Updates that wait for a busy direction; one more drops the oldest of them, as in lib/transport.
inline constexpr std::size_t kMaxQueuedUpdates = 3;

// One direction of a link.
struct LinkOptions {
  Duration latency = std::chrono::microseconds(200);
  Duration jitter{};
  double bandwidth_bytes_per_s = std::numeric_limits<double>::infinity();
  // Probabilities, each of one update: it is lost, arrives a second time, or is overtaken by what
  // is sent up to `reorder_delay` after it. All zero: a calm link.
  double loss = 0.0;
  double duplicate = 0.0;
  double reorder = 0.0;
  Duration reorder_delay = std::chrono::milliseconds(50);

  bool operator==(const LinkOptions&) const = default;
};

// Link `from` -> `to`, by position in the topology; in both directions if `both`.
struct LinkOverride {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  bool both = true;
  LinkOptions link;
};

struct NetworkOptions {
  LinkOptions link;                     // of every direction that no override names
  std::vector<LinkOverride> overrides;  // later ones win
  // Before this virtual time links lose, duplicate and reorder, after it they do not.
  Instant unreliable_until = Instant::max();
  // A broken link, or one to a node that restarted, is dialled again after a time uniform in
  // [0, reconnect_delay].
  Duration reconnect_delay = std::chrono::milliseconds(500);
  // A link with a direction that is cut for this long breaks on both sides; shorter cuts lose what
  // is sent meanwhile.
  Duration keepalive = std::chrono::seconds(15);
  // A state fetch whose answer does not come fails after this.
  Duration fetch_timeout = std::chrono::seconds(15);
};

// "ideal" (no delay worth the name: 200 us, unlimited), "lan" (0.2 ms, 1 Gbit/s), "wifi" (3 ms with
// as much jitter, 50 Mbit/s) or "wan" (40 ms, jitter 10 ms, 20 Mbit/s).
// None loses messages: streams run on TCP, where a lost packet is a delay, which is in the jitter.
// kInvalidArgument, naming the presets, for any other word.
Result<NetworkOptions> network_preset(std::string_view name);

// kInvalidArgument, naming the first value out of its range, or an override of a link that is not
// in a cluster of `node_count` nodes.
Status validate(const NetworkOptions& options, std::size_t node_count);

}  // namespace skiptrain::sim
