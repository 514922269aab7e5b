#include "ctl/testbed/compose.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace skiptrain::ctl {
namespace {

namespace fs = std::filesystem;

// A YAML string, which is also a JSON one. Compose takes a dollar for the start of a variable.
std::string yaml_string(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '$' ? "$$" : std::string(1, c);
  return nlohmann::json(escaped).dump();
}

// The long form, which knows no separator that a path could have in it.
std::string mount(const std::string& path, bool read_only) {
  return "{type: bind, source: " + yaml_string(path) + ", target: " + yaml_string(path) +
         (read_only ? ", read_only: true}" : "}");
}

// `reads`: how many mounts all nodes share.
void write_node(std::ostream& out, const TestbedNode& node, std::size_t reads) {
  out << "  " << node.name << ":\n"
      << "    <<: *node\n"
      << "    container_name: " << node.container << "\n"
      << "    command: [\"--config\", " << yaml_string(node.config_file) << "]\n"
      << "    environment:\n"
      << "      SKIPTRAIN_ENDPOINT: " << yaml_string(node.socket) << "\n"
      << "    volumes:\n"
      << "      - " << mount(node.directory, false) << "\n";
  for (std::size_t i = 0; i < reads; ++i) out << "      - *read-" << i << "\n";
  out << "    networks:\n"
      << "      peers: {aliases: [" << peer_alias(node) << "]}\n"
      << "      watch: {}\n";
}

}  // namespace

std::string peers_network(const TestbedState& state) {
  return state.project() + "-peers";
}

std::string watch_network(const TestbedState& state) {
  return state.project() + "-watch";
}

std::string peer_alias(const TestbedNode& node) {
  return node.name + ".peers";
}

std::vector<std::string> files_read_by(const daemon::Config& config) {
  std::vector<std::string> paths;
  const fs::path* named[] = {
      &config.data.directory,   &config.data.train_images, &config.data.train_labels,
      &config.data.test_images, &config.data.test_labels,  &config.data.train_file,
      &config.data.test_file,   &config.model.file,        &config.model.initial};
  for (const fs::path* path : named) {
    if (!path->empty()) paths.push_back(path->string());
  }
  // A container has a /sys as it is.
  const fs::path& meters = config.energy.meter_root;
  if (meters != daemon::EnergySettings().meter_root) paths.push_back(meters.string());
  constexpr std::string_view kFile = "file:";
  if (config.cluster.topology.starts_with(kFile)) {
    paths.push_back(config.cluster.topology.substr(kFile.size()));
  }
  std::ranges::sort(paths);
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

std::string compose_file(const TestbedState& state, const std::vector<std::string>& reads,
                         const std::string& user) {
  std::ostringstream out;
  out << "# A testbed of " << state.nodes.size() << " nodes, written by skipctl. By hand:\n"
      << "#\n"
      << "#   docker-compose up -d                            the nodes\n"
      << "#   docker-compose --profile prometheus up -d       and a Prometheus that watches them\n"
      << "#   docker-compose --profile prometheus down        the end of all\n"
      << "#\n"
      << "# `skipctl testbed status`, `kill`, `cut` and `heal` go by these names; "
         "--dir is this folder.\n"
      << "\n"
      << "x-node: &node\n"
      << "  image: " << yaml_string(state.program) << "\n"
      << "  user: " << yaml_string(user) << "\n"
      << "  restart: \"no\"  # a killed node stays down until it is started\n"
      << "  stop_grace_period: 20s\n"
      << "  cap_drop: [ALL]\n"
      << "  security_opt: [\"no-new-privileges:true\"]\n"
      << "\n";
  if (!reads.empty()) out << "x-reads:\n";
  for (std::size_t i = 0; i < reads.size(); ++i) {
    out << "  - &read-" << i << " " << mount(reads[i], true) << "\n";
  }
  out << (reads.empty() ? "" : "\n") << "services:\n";
  for (const TestbedNode& node : state.nodes) write_node(out, node, reads.size());
  out << "  prometheus:\n"
      << "    image: ${SKIPTRAIN_PROMETHEUS_IMAGE:-prom/prometheus}\n"
      << "    container_name: " << state.project() << "-prometheus\n"
      << "    profiles: [prometheus]\n"
      << "    user: " << yaml_string(user) << "\n"
      << "    command:\n"
      << "      - --config.file=/etc/prometheus/prometheus.yml\n"
      << "      - --storage.tsdb.path=/prometheus\n"
      << "    ports: [\"127.0.0.1:${SKIPTRAIN_PROMETHEUS_PORT:-9090}:9090\"]\n"
      << "    tmpfs: [\"/prometheus:mode=1777\"]\n"
      << "    volumes:\n"
      << "      - type: bind\n"
      << "        source: " << yaml_string(state.dir + "/" + kPrometheusFile) << "\n"
      << "        target: /etc/prometheus/prometheus.yml\n"
      << "        read_only: true\n"
      << "    networks:\n"
      << "      watch: {}\n"
      << "\n"
      << "networks:\n"
      << "  peers: {name: " << peers_network(state) << "}\n"
      << "  watch: {name: " << watch_network(state) << "}\n";
  return std::move(out).str();
}

std::string compose_environment(const TestbedState& state) {
  return "COMPOSE_PROJECT_NAME=" + state.project() + "\n";
}

std::string prometheus_file(const TestbedState& state) {
  std::ostringstream out;
  out << "# The nodes of a testbed, for the service `prometheus` of " << kComposeFile << ".\n"
      << "global:\n"
      << "  scrape_interval: 2s\n"
      << "\n"
      << "scrape_configs:\n"
      << "  - job_name: skiptrain\n"
      << "    static_configs:\n"
      << "      - targets:\n";
  for (const TestbedNode& node : state.nodes) {
    out << "          - " << node.name << ":" << kContainerMetricsPort << "\n";
  }
  return std::move(out).str();
}

}  // namespace skiptrain::ctl
