#include "ctl/fleet.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace skiptrain::ctl {

Outcome<Client> connect(const Globals& globals) {
  const auto endpoint = parse_endpoint(globals.endpoint);
  if (!endpoint) return tl::unexpected(to_failure(endpoint.error()));
  return Client::connect(*endpoint, globals.timeout);
}

Outcome<Client> connect(const FleetNode& node, const Globals& globals) {
  if (node.control.empty()) {
    return failure(ExitCode::kUnreachable, "its control endpoint is not known",
                   "set `control` in [[cluster.nodes]] of the asked node's configuration");
  }
  const auto endpoint = parse_endpoint(node.control);
  if (!endpoint) return tl::unexpected(to_failure(endpoint.error()));
  auto client = Client::connect(*endpoint, globals.timeout);
  if (!client) return client;
  const auto version = client->version();
  if (!version) return tl::unexpected(version.error());
  // One of an older daemon does not say who answers.
  if (version->has_node_id() && version->node_id() != node.id) {
    return failure(ExitCode::kNotFound,
                   "node " + std::to_string(version->node_id()) + " answers at " + node.control,
                   "give each node a path of its own, with control.socket");
  }
  return client;
}

Outcome<std::vector<FleetNode>> discover(const Globals& globals) {
  auto client = connect(globals);
  if (!client) return tl::unexpected(client.error());
  const auto topology = client->topology();
  if (!topology) return tl::unexpected(topology.error());
  return fleet_of(*topology, globals);
}

std::vector<FleetNode> fleet_of(const v1::GetTopologyResponse& topology, const Globals& globals) {
  std::vector<FleetNode> fleet;
  for (const auto& vertex : topology.vertices()) {
    const bool is_asked = vertex.node_id() == topology.self();
    fleet.push_back(
        {vertex.node_id(), vertex.node_name(), is_asked ? globals.endpoint : vertex.control()});
  }
  return fleet;
}

void for_each_concurrently(std::size_t count, const std::function<void(std::size_t)>& work,
                           std::size_t at_most) {
  std::atomic<std::size_t> next{0};
  const auto drain = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> threads;
  for (std::size_t t = 1; t < std::min(count, at_most); ++t) threads.emplace_back(drain);
  drain();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace skiptrain::ctl
