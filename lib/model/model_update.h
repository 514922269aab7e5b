// An update: a node's flat parameters after the local phase of a round, tagged with that round.
//
// Immutable and cheap to copy (it shares its parameters). The same type carries the committed
// state x(t) that a node hands to one that fell behind; there `round` is the round about to start.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "model/parameters.h"

namespace skiptrain {

struct ModelUpdate {
  Round round;
  // The sender's degree, which the receiver needs for its Metropolis-Hastings weight.
  std::uint32_t degree = 0;
  ParametersPtr parameters;
};

}  // namespace skiptrain
