// The histories of real nodes, put together to one run for the page of plots.
//
// What a node's history does not hold is unknown (NaN), never 0: no node knows the distance between
// all models or when another one ended a round. Pure: answers in, results out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/failure.h"
#include "ctl/fleet.h"
#include "ctl/report/page.h"
#include "skiptrain/v1/control.pb.h"

namespace skiptrain::ctl {

// What one node answered.
struct NodeHistory {
  v1::GetStatusResponse status;
  v1::GetEnergyResponse energy;
  std::vector<v1::RoundRecord> rounds;          // oldest first; of long runs the newest alone
  std::optional<v1::GetConfigResponse> config;  // a daemon from before there was this has none
};

struct ReportedNode {
  FleetNode node;
  Outcome<NodeHistory> history;
};

// One run of a fleet.
struct FleetRun {
  std::string id;
  RunResults results;
  core::Schedule schedule;
  std::uint64_t rounds_asked = 0;
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<std::string> silent;    // "node-3: " and why it did not answer
  std::vector<std::string> left_out;  // "node-5 is of another run, NAME"
};

// Of run `id`; unset: the run of the node that was asked for the topology, or of the first that
// answers if that one does not. `nodes` are in the topology's order. kNotFound names the runs seen
// if none is `id`; kUnreachable if no node answered.
Outcome<FleetRun> fleet_run(const v1::GetTopologyResponse& topology,
                            const std::vector<ReportedNode>& nodes,
                            const std::optional<std::string>& id);

}  // namespace skiptrain::ctl
