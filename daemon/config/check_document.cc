// The checks that take more than one key, and the placeholders.
#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>

#include "core/topology/adjacency_list.h"
#include "core/topology/build_topology.h"
#include "core/topology/living_topology.h"
#include "daemon/config/document.h"
#include "daemon/config/values.h"
#include "energy/profile.h"

namespace skiptrain::daemon {
namespace {

constexpr std::size_t kMaxTopologyFileBytes = 64u << 20;
// Near-random, of degree 6 as in the paper, and few edges move when a node comes or goes.
constexpr const char* kLivingTopology = "rings:3";

std::string node_path(std::size_t index, std::string_view key) {
  return "cluster.nodes[" + std::to_string(index) + "]." + std::string(key);
}

bool can_read_topology(const Document& document) {
  return document.nodes_are_good && document.is_set("cluster.topology");
}

std::filesystem::path absolute_path(const Config& config, const std::filesystem::path& path) {
  if (path.empty() || path.is_absolute()) return path;
  std::error_code ignored;  // without a working directory the path stays as it is
  const std::filesystem::path folder =
      std::filesystem::absolute(config.source, ignored).parent_path();
  return (folder / path).lexically_normal();
}

void check_nodes(Document& document) {
  if (!document.nodes_are_good) return;
  const std::vector<ClusterNode>& nodes = document.config.cluster.nodes;
  std::map<NodeId, std::size_t> by_id;
  std::map<std::string, std::size_t> by_address;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto line = [&](std::size_t other) {
      return document.places[node_path(other, "id")].line;
    };
    if (const auto [it, fresh] = by_id.emplace(nodes[i].id, i); !fresh) {
      document.complain(node_path(i, "id"), "must be unique; the entry on line " +
                                                std::to_string(line(it->second)) + " has the same");
    }
    const bool own = document.is_set("node.id") && nodes[i].id == document.config.node.id;
    if (parse_host_port(nodes[i].address)->port == 0) {
      if (!own) {
        document.complain(node_path(i, "address"),
                          "must have a port from 1 to 65535 (0, any free port, is for this node "
                          "itself)");
      }
      continue;
    }
    if (const auto [it, fresh] = by_address.emplace(nodes[i].address, i); !fresh) {
      document.complain(node_path(i, "address"), "must be unique; the entry on line " +
                                                     std::to_string(line(it->second)) +
                                                     " has the same");
    }
  }
  if (document.is_set("node.id") && !by_id.contains(document.config.node.id)) {
    document.complain("node.id", "must be the id of one of [[cluster.nodes]]");
  }
}

// Where nodes find each other, a node says itself where it is.
void check_membership(Document& document) {
  const Config& config = document.config;
  if (!config.membership.enabled) {
    const std::pair<const char*, bool> needless[] = {
        {"node.address", config.node.address.empty()},
        {"membership.join", config.membership.join.empty()}};
    for (const auto& [key, is_empty] : needless) {
      if (is_empty || !document.is_set(key)) continue;
      document.complain(
          key,
          "needs membership.enabled = true; without it, nodes are listed as [[cluster.nodes]]");
    }
    return;
  }
  if (config.node.address.empty() && document.is_mentioned("node")) {
    document.complain_of_missing("node.address", "HOST:PORT where other nodes reach this one");
  }
  const bool needs_shares = config.data.partition != "all" && config.data.shares == 0;
  if (needs_shares && !document.is_mentioned("data.shares") && document.is_mentioned("data")) {
    document.complain_of_missing(
        "data.shares",
        "with membership.enabled the number of nodes is not known beforehand: how "
        "many shares data.partition deals; or data.partition = \"all\"");
  } else if (needs_shares && document.is_set("data.shares")) {
    document.complain("data.shares", "must be above 0 with membership.enabled");
  }
}

void check_listener(Document& document) {
  if (document.config.security.insecure) return;
  constexpr std::string_view kWhy =
      "must be a loopback address (127.0.0.1, [::1], localhost), since traffic is neither "
      "encrypted "
      "nor authenticated: certificates are not there yet; security.insecure = true allows it on a "
      "network that you trust";
  if (const std::string& metrics = document.config.metrics.listen;
      document.is_set("metrics.listen") && !metrics.empty() &&
      !is_loopback(parse_host_port(metrics)->host)) {
    document.complain("metrics.listen", std::string(kWhy));
  }
  if (document.config.membership.enabled) {
    const auto& node = document.config.node;
    const std::pair<const char*, const std::string*> listeners[] = {
        {node.listen.empty() ? "node.address" : "node.listen",
         node.listen.empty() ? &node.address : &node.listen},
        {"membership.listen", &document.config.membership.listen}};
    for (const auto& [key, address] : listeners) {
      if (!document.is_set(key) || address->empty()) continue;
      if (!is_loopback(parse_host_port(*address)->host)) {
        document.complain(key, std::string(kWhy));
      }
    }
    return;
  }
  const std::string& listen = document.config.node.listen;
  if (document.is_set("node.listen") && !listen.empty()) {
    if (!is_loopback(parse_host_port(listen)->host)) {
      document.complain("node.listen", std::string(kWhy));
    }
    return;
  }
  if (!document.nodes_are_good || !document.is_set("node.id")) return;
  const std::vector<ClusterNode>& nodes = document.config.cluster.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].id != document.config.node.id) continue;
    if (!is_loopback(parse_host_port(nodes[i].address)->host)) {
      document.complain(node_path(i, "address"), std::string(kWhy));
    }
  }
}

Result<core::Topology> read_topology_file(const std::filesystem::path& file,
                                          std::size_t node_count) {
  std::ifstream in(file, std::ios::binary);
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (!in || error) return fail(ErrorCode::kNotFound, "cannot read " + file.string());
  if (size > kMaxTopologyFileBytes) {
    return fail(ErrorCode::kInvalidArgument,
                file.string() + " has " + std::to_string(size) + " bytes; at most " +
                    std::to_string(kMaxTopologyFileBytes) + " are allowed");
  }
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  auto graph = core::parse_adjacency_list(text, file.string());
  if (graph && graph->node_count() != node_count) {
    return fail(ErrorCode::kInvalidArgument,
                file.string() + " is a graph of " + std::to_string(graph->node_count()) +
                    " nodes; [[cluster.nodes]] has " + std::to_string(node_count));
  }
  if (graph && !graph->is_connected()) {
    return fail(ErrorCode::kInvalidArgument,
                file.string() + ": the graph must be connected, or its parts learn two models");
  }
  return graph;
}

// Positions follow the order of ids, whatever the order in the file.
std::vector<NodeId> all_ids(const Config& config) {
  std::vector<NodeId> ids;
  for (const ClusterNode& node : config.cluster.nodes) ids.push_back(node.id);
  std::ranges::sort(ids);
  return ids;
}

void check_living_topology(Document& document) {
  Config& config = document.config;
  if (!document.is_mentioned("cluster.topology")) {
    config.cluster.topology = kLivingTopology;
    return;
  }
  if (!document.is_set("cluster.topology")) return;
  auto spec = core::parse_topology_spec(config.cluster.topology);
  if (spec->kind == core::TopologySpec::Kind::kEpidemic) {
    // For a moment two nodes may disagree about who is a member, and so about who sends to whom.
    if (config.round.rules.mode == core::RoundMode::kBarrier) {
      document.complain("round.mode",
                        "would wait for ever for an update that nobody "
                        "sends, as neighbours change by the round and nodes come "
                        "and go; take deadline or async");
    }
    return;
  }
  if (auto topology = core::LivingTopology::create(*spec, 0); !topology) {
    document.complain("cluster.topology", topology.error().message);
  }
}

void check_topology(Document& document) {
  if (document.config.membership.enabled) return check_living_topology(document);
  if (!document.is_mentioned("cluster.topology") && document.is_mentioned("cluster")) {
    document.complain_of_missing("cluster.topology", core::kTopologySpecs);
  }
  if (!can_read_topology(document)) return;
  Config& config = document.config;
  auto spec = core::parse_topology_spec(config.cluster.topology);
  const std::size_t node_count = config.cluster.nodes.size();
  const std::uint64_t seed =
      config.cluster.topology_seed != 0 ? config.cluster.topology_seed : config.run.seed;
  Result<core::Topology> graph = fail(ErrorCode::kInternal, "");
  if (spec->kind == core::TopologySpec::Kind::kFile) {
    const std::filesystem::path file = absolute_path(config, spec->path);
    config.cluster.topology = "file:" + file.string();
    graph = read_topology_file(file, node_count);
  } else if (spec->kind == core::TopologySpec::Kind::kEpidemic) {
    // Any two may meet: all of them are linked.
    graph =
        core::build_topology({core::TopologySpec::Kind::kComplete, 0, ""}, all_ids(config), seed);
  } else {
    graph = core::build_topology(*spec, all_ids(config), seed);
  }
  if (!graph) {
    document.complain("cluster.topology", graph.error().message);
    return;
  }
  config.cluster.graph = *std::move(graph);
}

// The keys that name a format's files.
struct DataFileKeys {
  std::vector<std::string_view> keys;
  std::string needed;  // what one of them must be, for a message
  std::string places;  // all of them
};

DataFileKeys data_file_keys(data::Format format, const std::string& name) {
  switch (format) {
    case data::Format::kIdx:
    case data::Format::kNpy:
      return {{"data.train_images", "data.train_labels", "data.test_images", "data.test_labels"},
              format == data::Format::kIdx ? "IDX file, plain or gzip" : "file .npy of NumPy",
              "data.train_images, data.train_labels, data.test_images and data.test_labels"};
    case data::Format::kNpz:
    case data::Format::kCsv:
    case data::Format::kTorch:
      return {{"data.train_file", "data.test_file"},
              format == data::Format::kNpz     ? "file .npz of NumPy"
              : format == data::Format::kTorch ? "file of torch.save"
                                               : "CSV file",
              "data.train_file and data.test_file"};
    case data::Format::kCifar10:
    case data::Format::kCifar100:
    case data::Format::kLeaf:
    case data::Format::kImages:
      break;
  }
  return {{"data.directory"}, "the folder with the files of " + name, "found in data.directory"};
}

// Which keys name the data's files depends on their format.
void check_data_files(Document& document) {
  constexpr std::string_view kAllKeys[] = {
      "data.directory",   "data.train_images", "data.train_labels", "data.test_images",
      "data.test_labels", "data.train_file",   "data.test_file"};
  if (!document.is_mentioned("data")) return;  // not TOML, or no table
  // A format that was refused does not tell which keys it needs.
  if (document.is_mentioned("data.format") && !document.is_set("data.format")) return;
  const data::Format format = document.config.data.format;
  const std::string name = "data.format = " + toml_string(to_string(format));
  const DataFileKeys own = data_file_keys(format, name);
  const bool holds_out = document.config.data.held_out > 0;
  for (const std::string_view key : kAllKeys) {
    const bool is_own = std::ranges::find(own.keys, key) != own.keys.end();
    if (is_own && holds_out && key.starts_with("data.test_")) {
      if (document.is_set(key)) {
        document.complain(key,
                          "must be left out with data.held_out, which takes the test samples from "
                          "the training files");
      }
      continue;
    }
    if (is_own && !document.is_mentioned(key)) {
      document.complain_of_missing(std::string(key), own.needed);
    } else if (!is_own && document.is_set(key)) {
      document.complain(key, "must be left out with " + name + ", whose files are " + own.places);
    }
  }
}

// What is said of a channel must be said of all, or of none by name.
void check_data_values(Document& document) {
  const DataSettings& data = document.config.data;
  if (data.mean.size() > 1 && data.std.size() > 1 && data.mean.size() != data.std.size()) {
    document.complain("data.std",
                      "must be as many as data.mean lists, " + std::to_string(data.mean.size()));
  }
  if (data.partition == "users" && data.format != data::Format::kLeaf &&
      document.is_set("data.partition")) {
    document.complain("data.partition",
                      "must be another with data.format = " + toml_string(to_string(data.format)) +
                          ": only leaf says who made which sample");
  }
}

void check_rest(Document& document) {
  const Config& config = document.config;
  if (document.is_set("data.share") &&
      config.data.share >= std::max<std::uint64_t>(config.data.shares, 1)) {
    document.complain("data.share", "must be less than data.shares, which is " +
                                        std::to_string(config.data.shares));
  }
  if (document.is_set("energy.budget_wh") && document.is_set("energy.budget_fraction")) {
    document.complain("energy.budget_fraction",
                      "must be left out when energy.budget_wh is set; choose one");
  }
  if (config.energy.meter == MeterKind::kConstant && !(config.energy.constant_watts > 0.0)) {
    document.complain("energy.meter", "needs energy.constant_watts, which must be above 0");
  }
  const std::string socket = config.control.socket.empty()
                                 ? (config.node.data_dir / "control.sock").string()
                                 : config.control.socket.string();
  const std::string absolute = absolute_path(config, socket).string();
  if (absolute.size() > kMaxSocketPathBytes) {
    document.complain(config.control.socket.empty() ? "node.data_dir" : "control.socket",
                      "must give a control socket of at most " +
                          std::to_string(kMaxSocketPathBytes) +
                          " bytes, a limit of unix sockets; " + absolute + " has " +
                          std::to_string(absolute.size()));
  }
}

}  // namespace

void check_document(Document& document) {
  check_nodes(document);
  check_membership(document);
  check_listener(document);
  check_topology(document);
  check_data_files(document);
  check_data_values(document);
  check_model(document);
  check_train(document);
  check_exchange(document);
  check_rest(document);
}

void resolve_placeholders(Config& config) {
  if (config.control.socket.empty()) config.control.socket = config.node.data_dir / "control.sock";
  config.control.socket = absolute_path(config, config.control.socket);
  if (config.membership.enabled) {
    config.cluster.nodes = {
        {config.node.id, "", config.node.address, "unix:" + config.control.socket.string()}};
    config.cluster.graph = core::Topology(1);
    if (config.membership.keyring.empty()) {
      config.membership.keyring = config.node.data_dir / "keyring";
    }
  }
  for (ClusterNode& node : config.cluster.nodes) {
    if (node.id == config.node.id && !config.node.name.empty()) node.name = config.node.name;
    if (node.name.empty()) node.name = "node-" + to_string(node.id);
  }
  std::sort(config.cluster.nodes.begin(), config.cluster.nodes.end(),
            [](const ClusterNode& a, const ClusterNode& b) { return a.id < b.id; });
  config.node.name = config.self().name;
  if (config.node.listen.empty()) config.node.listen = config.self().address;
  if (config.node.profile.empty()) {
    const std::uint64_t position =
        config.membership.enabled ? config.node.id.value() : config.position();
    config.node.profile = energy::profile_for_position(position).name;
  }
  if (config.membership.enabled && config.membership.listen.empty()) {
    config.membership.listen = config.node.listen;
  }
  if (config.cluster.topology_seed == 0) config.cluster.topology_seed = config.run.seed;
  for (std::filesystem::path* path :
       {&config.node.data_dir, &config.log.file, &config.control.socket, &config.model.file,
        &config.model.initial, &config.data.directory, &config.data.train_images,
        &config.data.train_labels, &config.data.test_images, &config.data.test_labels,
        &config.data.train_file, &config.data.test_file, &config.energy.meter_root,
        &config.membership.keyring}) {
    *path = absolute_path(config, *path);
  }
}

}  // namespace skiptrain::daemon
