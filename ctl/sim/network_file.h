// The network of a simulation, by the name of a preset or from a TOML file:
//
//   preset = "wifi"           # what the rest changes: ideal, lan (default), wifi, wan
//   latency = "3ms"           # of every message
//   jitter = "3ms"            # and up to this more, at random
//   bandwidth_mbit = 50       # per direction, megabits per second
//   loss = 0.01               # probabilities, of each update
//   duplicate = 0.0
//   reorder = 0.0
//   reorder_delay = "50ms"
//   unreliable_until = "60s"  # no loss, duplicate or reorder after this
//   reconnect_delay = "500ms"
//   keepalive = "15s"
//   fetch_timeout = "15s"
//
//   [[link]]                  # other values for one link; the later entry wins
//   between = [0, 3]          # nodes by position, from 0
//   one_way = false           # true: from the first to the second only
//   latency = "40ms"          # and the other seven keys of a link
#pragma once

#include <string>

#include "base/error.h"
#include "sim/network_options.h"

namespace skiptrain::ctl {

// A name without a dot or slash is a preset. kNotFound: no such file. kInvalidArgument names file,
// line and what is allowed.
Result<sim::NetworkOptions> load_network(const std::string& preset_or_file, std::size_t node_count);

}  // namespace skiptrain::ctl
