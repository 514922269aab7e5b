// `--all`: the nodes that the asked node knows, and asking them all at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ctl/client.h"
#include "ctl/commands.h"

namespace skiptrain::ctl {

inline constexpr std::size_t kMaxConcurrentAsks = 32;

struct FleetNode {
  std::uint64_t id = 0;
  std::string name;
  std::string control;  // its endpoint; empty if the asked node does not know it
};

// Reads the nodes from the topology of the node at `globals.endpoint`, in its order. That node's
// own control endpoint is the one it was asked at.
Outcome<std::vector<FleetNode>> discover(const Globals& globals);

// The same of a topology that it has told.
std::vector<FleetNode> fleet_of(const v1::GetTopologyResponse& topology, const Globals& globals);

// The client of `globals.endpoint`.
Outcome<Client> connect(const Globals& globals);
// The client of one node of the fleet, after that node answered as itself: where nodes of several
// devices name one path, another may listen there (kNotFound).
Outcome<Client> connect(const FleetNode& node, const Globals& globals);

// Calls `work(i)` for each i below `count`, at most `at_most` at a time, each on a thread, and
// returns when all are done. Work that does not end by itself needs `at_most` = `count`.
void for_each_concurrently(std::size_t count, const std::function<void(std::size_t)>& work,
                           std::size_t at_most = kMaxConcurrentAsks);

// Asks each node with `ask` and returns the answers in the order of `fleet`.
template <typename Answer>
std::vector<Outcome<Answer>> ask_all(const std::vector<FleetNode>& fleet, const Globals& globals,
                                     const std::function<Outcome<Answer>(Client&)>& ask) {
  std::vector<Outcome<Answer>> answers(fleet.size(), failure(ExitCode::kError, "not asked"));
  for_each_concurrently(fleet.size(), [&](std::size_t i) {
    auto client = connect(fleet[i], globals);
    answers[i] = client ? ask(*client) : Outcome<Answer>(tl::unexpected(client.error()));
  });
  return answers;
}

}  // namespace skiptrain::ctl
