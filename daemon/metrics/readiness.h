// Does the node take part in its run? For /readyz, and so for those who roll out a change node by
// node: the next may go when this one is ready again. Pure function.
#pragma once

#include <string>

#include "skiptrain/v1/control.pb.h"

namespace skiptrain::daemon {

struct Readiness {
  bool ready = false;
  std::string reason;  // one line, for people
};

// Ready: the model is loaded and the node is in a round together with at least one neighbour (if
// it has any), or has finished its run. Not: warming up, waiting before round 0, cut off from all
// neighbours, paused, stopped, failed.
Readiness readiness(const v1::GetStatusResponse& status);

}  // namespace skiptrain::daemon
