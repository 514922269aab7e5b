#include "ctl/testbed/plan.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <sstream>
#include <system_error>
#include <utility>

#include <toml++/toml.h>

#include "ctl/endpoint.h"
#include "ctl/testbed/compose.h"
#include "ctl/testbed/ports.h"
#include "daemon/config/config.h"
#include "daemon/config/values.h"
#include "data/source.h"

namespace skiptrain::ctl {
namespace {

namespace fs = std::filesystem;

bool is_program(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
}

Result<daemon::DataSettings> data_settings(const TestbedOptions& options) {
  const bool holds_out = std::ranges::any_of(options.settings, [](const std::string& setting) {
    return setting.starts_with("data.held_out=") && setting != "data.held_out=0";
  });
  const auto source = data::find_source(
      options.dataset, holds_out ? data::TestFiles::kIgnored : data::TestFiles::kNeeded);
  if (!source) {
    return fail(source.error().code, "--dataset " + source.error().message);
  }
  daemon::DataSettings settings;
  settings.format = source->format;
  const std::pair<fs::path*, const std::string*> paths[] = {
      {&settings.directory, &source->directory},
      {&settings.train_images, &source->train.images},
      {&settings.train_labels, &source->train.labels},
      {&settings.test_images, &source->test.images},
      {&settings.test_labels, &source->test.labels},
      {&settings.train_file, &source->train_file},
      {&settings.test_file, &source->test_file}};
  for (const auto& [field, path] : paths) {
    if (!path->empty()) *field = fs::absolute(*path);
  }
  const data::PixelStatistics pixels = data::usual_statistics(source->format);
  settings.mean = {pixels.mean};
  settings.std = {pixels.std};
  settings.partition = options.partition;
  return settings;
}

// For a run that opens no data.
Result<daemon::DataSettings> no_data(const TestbedOptions& options) {
  daemon::DataSettings data;
  for (fs::path* file :
       {&data.train_images, &data.train_labels, &data.test_images, &data.test_labels}) {
    *file = "/dev/null";
  }
  data.partition = options.partition;
  return data;
}

std::string topology_spec(const TestbedOptions& options) {
  constexpr std::string_view kFile = "file:";
  if (!options.topology.starts_with(kFile)) return options.topology;
  return std::string(kFile) + fs::absolute(options.topology.substr(kFile.size())).string();
}

// Applies "section.key=value" to the document.
Status apply_setting(toml::table& document, const std::string& setting) {
  const std::size_t equals = setting.find('=');
  const std::size_t dot = setting.find('.');
  if (equals == std::string::npos || dot == std::string::npos || dot > equals) {
    return fail(ErrorCode::kInvalidArgument,
                "--set " + setting + ": must be SECTION.KEY=VALUE, as in round.deadline=2s");
  }
  const std::string section = setting.substr(0, dot);
  std::string key = setting.substr(dot + 1, equals - dot - 1);
  const std::string value = setting.substr(equals + 1);
  toml::table* table = document.insert(section, toml::table{}).first->second.as_table();
  // A table within, as in data.augment.flip=true.
  for (std::size_t inner = key.find('.'); inner != std::string::npos && table != nullptr;
       inner = key.find('.')) {
    table = table->insert(key.substr(0, inner), toml::table{}).first->second.as_table();
    key.erase(0, inner + 1);
  }
  if (table == nullptr) {
    return fail(ErrorCode::kInvalidArgument, "--set " + setting + ": there is no such table");
  }
  try {
    toml::table parsed = toml::parse("value = " + value);
    parsed["value"].visit([&](auto&& node) { table->insert_or_assign(key, node); });
  } catch (const toml::parse_error&) {
    table->insert_or_assign(key, value);
  }
  return {};
}

// The rate is a setting too, so that it is written out even if it is the default of an optimizer
// that a later setting replaces.
Result<std::string> with_settings(const std::string& toml, const TestbedOptions& options) {
  std::vector<std::string> settings;
  if (options.lr) settings.push_back("train.lr=" + daemon::number_text(*options.lr));
  settings.insert(settings.end(), options.settings.begin(), options.settings.end());
  if (settings.empty()) return toml;
  toml::table document = toml::parse(toml);
  for (const std::string& setting : settings) {
    if (auto applied = apply_setting(document, setting); !applied) {
      return tl::unexpected(applied.error());
    }
  }
  std::ostringstream text;
  text << document << '\n';
  return std::move(text).str();
}

daemon::ClusterSettings cluster_settings(const TestbedOptions& options, const TestbedState& plan) {
  daemon::ClusterSettings cluster;
  // Two testbeds at once, or a leftover of one, must not mix: the first port tells them apart, and
  // in containers, where all have the same, the folder.
  const std::string& first = plan.nodes.front().address;
  cluster.id = plan.engine == EngineKind::kDocker ? plan.project()
                                                  : "testbed-" + first.substr(first.rfind(':') + 1);
  cluster.topology = topology_spec(options);
  for (const TestbedNode& node : plan.nodes) {
    cluster.nodes.push_back({NodeId(node.id), node.name, node.address, "unix:" + node.socket});
  }
  return cluster;
}

std::string every_interface(std::uint16_t port) {
  return "0.0.0.0:" + std::to_string(port);
}

Result<std::string> short_socket_dir() {
  std::string pattern = (fs::temp_directory_path() / "skiptrain-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    return fail(ErrorCode::kInternal, "cannot make a folder for sockets: " + pattern);
  }
  return pattern;
}

// Not checked yet: a setting may be out of range.
Result<std::string> write_config(const TestbedOptions& options, const TestbedState& plan,
                                 std::size_t position, bool with_data) {
  const TestbedNode& node = plan.nodes[position];
  auto data = with_data ? data_settings(options) : no_data(options);
  if (!data) return tl::unexpected(data.error());
  daemon::Config config;
  config.node.id = NodeId(node.id);
  config.node.name = node.name;
  config.node.data_dir = node.directory;
  if (!options.profiles.empty()) {
    config.node.profile = options.profiles[position % options.profiles.size()];
  }
  const auto level = daemon::parse_log_level(options.log_level);
  if (!level) return tl::unexpected(level.error());
  config.log.level = *level;
  config.control.socket = node.socket;
  if (plan.engine == EngineKind::kDocker) {
    // The networks are the testbed's own.
    config.node.listen = every_interface(kContainerPeerPort);
    config.metrics.listen = every_interface(kContainerMetricsPort);
    config.security.insecure = true;
  }
  config.cluster = cluster_settings(options, plan);
  config.run = {.id = "testbed", .rounds = options.rounds, .seed = options.seed};
  config.schedule = options.schedule;
  config.energy.budget_wh = options.budget_wh;
  config.energy.budget_fraction = options.budget_fraction;
  // Reference models' names have neither a slash nor an ending.
  if (options.model.find_first_of("/.") == std::string::npos) {
    config.model.name = options.model;
  } else {
    config.model.file = fs::absolute(options.model);
  }
  config.data = *std::move(data);
  config.train.local_steps = options.local_steps;
  config.train.batch_size = options.batch_size;
  config.round.rules = options.rules;
  config.round.evaluate_every = options.evaluate_every;
  config.round.evaluate_samples = options.evaluate_samples;
  config.exchange.compression = options.compression;
  return with_settings(daemon::to_toml(config), options);
}

}  // namespace

Result<std::string> find_skiptraind(const std::string& given) {
  if (!given.empty()) {
    if (is_program(given)) return fs::absolute(given).string();
    return fail(ErrorCode::kNotFound, "--skiptraind " + given + ": is no program");
  }
  std::error_code ignored;
  const fs::path beside = fs::read_symlink("/proc/self/exe", ignored).parent_path() / "skiptraind";
  if (is_program(beside)) return beside.string();
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (is_program(fs::path(folder) / "skiptraind")) {
      return fs::absolute(fs::path(folder) / "skiptraind").string();
    }
  }
  return fail(ErrorCode::kNotFound,
              "skiptraind is neither next to skipctl nor in $PATH; name it with --skiptraind");
}

Result<TestbedState> plan_testbed(const TestbedOptions& options, const std::string& dir) {
  if (options.nodes < 1 || options.nodes > kMaxTestbedNodes) {
    return fail(ErrorCode::kInvalidArgument, "--nodes " + std::to_string(options.nodes) +
                                                 ": must be from 1 to " +
                                                 std::to_string(kMaxTestbedNodes));
  }
  TestbedState plan;
  plan.engine = options.engine;
  plan.dir = dir;
  const std::string longest = dir + "/node-" + std::to_string(options.nodes - 1) + "/control.sock";
  if (longest.size() > kMaxSocketPath && plan.engine == EngineKind::kDocker) {
    return fail(ErrorCode::kInvalidArgument,
                "--dir " + dir + ": is too long for the nodes' sockets, which have up to " +
                    std::to_string(kMaxSocketPath) + " bytes of path");
  }
  if (longest.size() > kMaxSocketPath) {
    auto folder = short_socket_dir();
    if (!folder) return tl::unexpected(folder.error());
    plan.socket_dir = *std::move(folder);
  }
  if (plan.engine == EngineKind::kDocker) {
    for (std::uint32_t i = 0; i < options.nodes; ++i) {
      TestbedNode& node = plan.add_node(i);
      node.address = peer_alias(node) + ":" + std::to_string(kContainerPeerPort);
    }
    return plan;
  }
  const auto ports = find_free_ports(options.nodes);
  if (!ports) return tl::unexpected(ports.error());
  for (std::uint32_t i = 0; i < options.nodes; ++i) {
    plan.add_node(i).address = "127.0.0.1:" + std::to_string((*ports)[i]);
  }
  return plan;
}

Result<daemon::Config> read_node_config(const TestbedOptions& options, const TestbedState& plan,
                                        std::size_t position, bool with_data) {
  const auto toml = write_config(options, plan, position, with_data);
  if (!toml) return tl::unexpected(toml.error());
  // By its place, which relative paths start at.
  return daemon::parse_config(*toml, plan.nodes[position].config_file);
}

Result<std::string> node_config(const TestbedOptions& options, const TestbedState& plan,
                                std::size_t position) {
  auto toml = write_config(options, plan, position, true);
  if (!toml) return toml;
  const auto accepted = daemon::parse_config(*toml, plan.nodes[position].config_file);
  if (!accepted) return tl::unexpected(accepted.error());
  return toml;
}

}  // namespace skiptrain::ctl
