// A table of nodes that is redrawn as they move: `watch`, and the progress of a testbed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/fleet.h"
#include "ctl/render.h"
#include "skiptrain/v1/control.pb.h"

namespace skiptrain::ctl {

struct WatchedNode {
  std::string name;
  std::optional<v1::GetStatusResponse> status;  // unset: no answer
};

// Asks each node for its status.
std::vector<WatchedNode> look_at(const std::vector<FleetNode>& fleet, const Globals& globals);

// One row per node, as in `status --all`.
Table watch_table(const std::vector<WatchedNode>& nodes);

// The nodes in one line: "round 34/80  trained 17  accuracy 62.10 %  energy 1.2345 Wh".
// Round is the slowest node's, trained its mean, accuracy the mean of the newest evaluations; the
// mean of their losses in its place, if there are some and none has an accuracy.
std::string watch_line(const std::vector<WatchedNode>& nodes);

}  // namespace skiptrain::ctl
