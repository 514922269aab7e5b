// A testbed as files for docker-compose (1.29 and later, or Compose v2) and for Prometheus.
//
// Two networks: `peers`, where nodes find each other as NAME.peers, and `watch`, where Prometheus
// finds them as NAME. A node that is taken off `peers` is cut off from all others, and can still be
// watched. A node's folder is mounted under the path that it has outside, so that its configuration
// and its control socket have one path on both sides; and so is, read-only, each file that the
// configuration names.
#pragma once

#include <string>
#include <vector>

#include "ctl/testbed/state.h"
#include "daemon/config/config.h"

namespace skiptrain::ctl {

inline constexpr const char* kComposeFile = "compose.yaml";
inline constexpr const char* kPrometheusFile = "prometheus.yml";
// Of every node, each in a network of its own.
inline constexpr std::uint16_t kContainerPeerPort = 7433;
inline constexpr std::uint16_t kContainerMetricsPort = 9464;

// The names that docker knows the testbed's networks by.
std::string peers_network(const TestbedState& state);
std::string watch_network(const TestbedState& state);
// What a node is called on the peers' network, and nowhere else.
std::string peer_alias(const TestbedNode& node);

// Folders and files on this machine that a daemon with this configuration reads, absolute, each
// once.
std::vector<std::string> files_read_by(const daemon::Config& config);

// compose.yaml. `reads`: what each node reads besides its own folder. Containers run as user `user`
// ("UID:GID"), who owns the folders.
std::string compose_file(const TestbedState& state, const std::vector<std::string>& reads,
                         const std::string& user);
// The .env next to it: under what name docker-compose keeps the testbed if it is called by hand.
std::string compose_environment(const TestbedState& state);
// What the service `prometheus` of that file reads.
std::string prometheus_file(const TestbedState& state);

}  // namespace skiptrain::ctl
