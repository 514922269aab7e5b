// Sentences about a node's state, shared by status, health, peers and watch.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "core/schedule.h"
#include "ctl/render.h"
#include "skiptrain/v1/control.pb.h"

namespace skiptrain::ctl {

// "node-3", or "node 3" for a node without a name.
std::string node_text(std::uint64_t id, const std::string& name);

// "skiptrain 4/4", "dpsgd"; of a policy that this program does not know, its number.
std::string schedule_text(const v1::Schedule& schedule);

// Between the two enums of policies, by the names that they share. kInvalidArgument for one that
// this program does not know.
Result<core::Policy> policy_of(v1::Policy policy);
v1::Policy policy_message(core::Policy policy);

// The phase with what it means now: "exchanging: waits for node-3 (1.2 s), gives up in 0.8 s".
std::string phase_text(const v1::GetStatusResponse& status);
Style phase_style(v1::Phase phase);

// "0.012 Wh of 0.5 Wh (2.4 %)", or without a budget only what is spent.
std::string energy_text(const v1::GetStatusResponse& status);

// True for a link that should be there and is not, so that the round goes on without it. A
// neighbour that has finished or said goodbye is not missed.
bool is_broken(const v1::Neighbour& neighbour);

// A broken link in words: "node-3 at 127.0.0.1:7403 is lost: last heard of 12 s ago in round 41".
std::string broken_text(const v1::Neighbour& neighbour);
// "node-3 is a straggler: missed 12 rounds, which are not held open for it now".
std::string straggler_text(const v1::Neighbour& neighbour);

// What keeps the node from being healthy, in words; empty if nothing does.
std::vector<std::string> complaints(const v1::GetStatusResponse& status,
                                    const v1::ListPeersResponse& peers);

// True before the node can take part in its first round.
bool is_warming_up(v1::Phase phase);
// True if no further round will come.
bool is_over(v1::Phase phase);

}  // namespace skiptrain::ctl
