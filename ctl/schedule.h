// Helpers of `schedule set` that others need too.
#pragma once

#include <cstdint>
#include <vector>

#include "ctl/failure.h"
#include "skiptrain/v1/control.pb.h"

namespace skiptrain::ctl {

// A change for all nodes is announced this far ahead, and at least so many rounds.
inline constexpr double kCommonRoundLeadSeconds = 2.0;
inline constexpr std::uint64_t kMinCommonRoundLead = 2;

// A round that no node has reached yet and that all will have heard of in time: the newest round
// plus max(2, ceil(2 s / shortest median round time)). kPrecondition if the run ends before it.
Outcome<std::uint64_t> common_round(const std::vector<v1::GetStatusResponse>& statuses);

}  // namespace skiptrain::ctl
