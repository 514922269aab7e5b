#include "daemon/metrics/readiness.h"

namespace skiptrain::daemon {
namespace {

Readiness in_a_round(const v1::GetStatusResponse& status) {
  if (status.neighbours() > 0 && status.neighbours_connected() == 0) {
    return {false, "none of its " + std::to_string(status.neighbours()) +
                       " neighbours is connected; skipctl peers says why"};
  }
  return {true, "takes part, in round " + std::to_string(status.round())};
}

}  // namespace

Readiness readiness(const v1::GetStatusResponse& status) {
  switch (status.phase()) {
    case v1::PHASE_WARMING_UP:
      return {false, "warming up: data and model are being loaded"};
    case v1::PHASE_WAITING_FOR_PEERS:
      return {false, "waiting for other nodes before its first round: " +
                         std::to_string(status.neighbours_connected()) + " of " +
                         std::to_string(status.neighbours()) + " neighbours are connected"};
    case v1::PHASE_TRAINING:
    case v1::PHASE_EXCHANGING:
    case v1::PHASE_MIXING:
    case v1::PHASE_CATCHING_UP:
      return in_a_round(status);
    case v1::PHASE_FINISHED:
      return {true, "has done all rounds of its run"};
    case v1::PHASE_PAUSED:
      return {false, "paused in round " + std::to_string(status.round()) +
                         "; skipctl resume or skipctl run resume ends that"};
    case v1::PHASE_STOPPED:
      return {false, "its part in the run was ended in round " + std::to_string(status.round())};
    case v1::PHASE_FAILED:
      return {false, "has failed: " + status.failure()};
    default:
      return {false, "is in no phase that is known"};
  }
}

}  // namespace skiptrain::daemon
