// The core's effects and state in words. Scenarios are read by people, so one effect is one line,
// and the model is one number.
#pragma once

#include <string>

#include "core/effect.h"
#include "core/node.h"

namespace skiptrain::scenario {

// "12ms", "10.05s"
std::string render(Instant when);
// "1.5 Wh"
std::string render(WattHours energy);
// "send update of round 0, x=2, to 2 3"
std::string render(const core::Effect& effect);
// "= 12ms exchanging round 0, waiting for 2 3 until 10.012s"
std::string render_status(const core::Node& node, Instant now);
// "skiptrain 4/4"
std::string render(const core::Schedule& schedule);

}  // namespace skiptrain::scenario
