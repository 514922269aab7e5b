#include "daemon/config/config.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/fingerprint.h"
#include "daemon/config/document.h"
#include "daemon/config/keys.h"
#include "energy/profile.h"

namespace skiptrain::daemon {
namespace {

constexpr std::array<std::pair<LogLevel, std::string_view>, 6> kLevelNames = {{
    {LogLevel::kTrace, "trace"},
    {LogLevel::kDebug, "debug"},
    {LogLevel::kInfo, "info"},
    {LogLevel::kWarn, "warn"},
    {LogLevel::kError, "error"},
    {LogLevel::kOff, "off"},
}};

template <typename T>
std::string shown(const Key<T>& key, const T& owner) {
  return key.show(owner).value_or("not set");
}

std::string default_of(bool required, const std::optional<std::string>& text) {
  return required ? "required" : text.value_or("not set");
}

Error all_problems(const Document& document) {
  std::vector<Problem> problems = document.problems;
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  std::string message;
  for (const Problem& problem : problems) {
    message += (message.empty() ? "" : "\n") + document.file.string() + ":" +
               std::to_string(problem.line) + ": " + problem.message;
  }
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

// A cell of a Markdown table: a bar would end it.
std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

std::string_view to_string(LogLevel level) {
  for (const auto& [value, name] : kLevelNames) {
    if (value == level) return name;
  }
  return "unknown";
}

Result<LogLevel> parse_log_level(std::string_view text) {
  for (const auto& [value, name] : kLevelNames) {
    if (name == text) return value;
  }
  return fail(ErrorCode::kInvalidArgument,
              "log level \"" + std::string(text) +
                  "\": must be one of trace, debug, info, warn, error, off");
}

std::string_view to_string(LogFormat format) {
  return format == LogFormat::kText ? "text" : "json";
}

std::string_view to_string(Loss loss) {
  switch (loss) {
    case Loss::kCrossEntropy:
      return "cross-entropy";
    case Loss::kBinaryCrossEntropy:
      return "binary-cross-entropy";
    case Loss::kMeanSquaredError:
      return "mean-squared-error";
    case Loss::kModel:
      return "model";
  }
  return "unknown";
}

std::string_view to_string(Optimizer optimizer) {
  switch (optimizer) {
    case Optimizer::kSgd:
      return "sgd";
    case Optimizer::kAdam:
      return "adam";
    case Optimizer::kAdamW:
      return "adamw";
  }
  return "unknown";
}

std::string_view to_string(Device device) {
  switch (device) {
    case Device::kCpu:
      return "cpu";
    case Device::kCuda:
      return "cuda";
    case Device::kAuto:
      return "auto";
  }
  return "unknown";
}

std::string_view to_string(Precision precision) {
  return precision == Precision::kBf16 ? "bf16" : "float32";
}

double TrainSettings::default_lr(Optimizer optimizer) {
  return optimizer == Optimizer::kSgd ? 0.1 : 0.001;
}

double TrainSettings::default_weight_decay(Optimizer optimizer) {
  return optimizer == Optimizer::kAdamW ? 0.01 : 0.0;
}

std::size_t Config::position() const {
  const auto own = std::find_if(cluster.nodes.begin(), cluster.nodes.end(),
                                [this](const ClusterNode& entry) { return entry.id == node.id; });
  SKIPTRAIN_CHECK(own != cluster.nodes.end(), "a loaded config lists its own node");
  return static_cast<std::size_t>(own - cluster.nodes.begin());
}

std::pair<std::uint64_t, std::uint64_t> Config::share() const {
  if (data.shares > 0) return {data.share, data.shares};
  return {position(), cluster.nodes.size()};
}

std::optional<WattHours> Config::training_budget() const {
  if (energy.budget_wh) return WattHours(*energy.budget_wh);
  if (!energy.budget_fraction) return std::nullopt;
  const auto profile = energy::find_profile(node.profile);
  SKIPTRAIN_CHECK(profile.has_value(), "a loaded config names a known profile");
  return profile->battery * *energy.budget_fraction;
}

Result<Config> parse_config(std::string_view toml, const std::filesystem::path& file) {
  Document document;
  document.file = file;
  document.config.source = file;
  read_document(toml, document);
  check_document(document);
  if (!document.problems.empty()) return tl::unexpected<Error>(all_problems(document));
  resolve_placeholders(document.config);
  return std::move(document.config);
}

Result<Config> load_config(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  std::ifstream in(file, std::ios::binary);
  if (error || !in) {
    return fail(ErrorCode::kNotFound,
                file.string() + ": cannot be read" + (error ? ": " + error.message() : ""));
  }
  if (size > kMaxConfigBytes) {
    return fail(ErrorCode::kInvalidArgument, file.string() + ": has " + std::to_string(size) +
                                                 " bytes; a config has at most " +
                                                 std::to_string(kMaxConfigBytes));
  }
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return parse_config(text, file);
}

std::string to_toml(const Config& config) {
  Config defaults;  // as a reader would take them
  defaults.train.lr = TrainSettings::default_lr(config.train.optimizer);
  defaults.train.weight_decay = TrainSettings::default_weight_decay(config.train.optimizer);
  std::string out;
  std::string section;
  const auto nodes = [&] {
    if (config.membership.enabled) return;
    for (const ClusterNode& node : config.cluster.nodes) {
      out += "\n[[cluster.nodes]]\n";
      for (const Key<ClusterNode>& key : cluster_node_keys()) {
        const auto value = key.show(node);
        if (!key.required && value == key.show(ClusterNode{})) continue;
        out += key.path + " = " + *value + "\n";
      }
    }
  };
  for (const Key<Config>& key : config_keys()) {
    const auto value = key.show(config);
    if (!value || (!key.required && value == key.show(defaults))) continue;
    const std::size_t dot = key.path.find('.');
    if (const std::string own = key.path.substr(0, dot); own != section) {
      if (section == "cluster") nodes();
      section = own;
      out += (out.empty() ? "[" : "\n[") + section + "]\n";
    }
    out += key.path.substr(dot + 1) + " = " + *value + "\n";
  }
  return out;
}

Fingerprint run_fingerprint(const Config& config, std::optional<Fingerprint> model_file) {
  Fingerprinter hash;
  if (model_file) hash.add("model.file").add(model_file->value());
  const Config defaults;
  for (const Key<Config>& key : config_keys()) {
    if (!key.shared || (key.silent_default && key.show(config) == key.show(defaults))) continue;
    hash.add(key.path).add(shown(key, config));
  }
  if (config.membership.enabled) {
    hash.add(config.cluster.topology).add(config.cluster.topology_seed);
    return hash.finish();
  }
  hash.add(config.cluster.nodes.size());
  for (const ClusterNode& node : config.cluster.nodes) hash.add(node.id.value());
  for (const auto& [a, b] : config.cluster.graph.edges()) {
    hash.add(std::uint64_t{a}).add(std::uint64_t{b});
  }
  return hash.finish();
}

std::vector<std::string> differences_needing_restart(const Config& running, const Config& next) {
  std::vector<std::string> differences;
  for (const Key<Config>& key : config_keys()) {
    if (key.live) continue;
    const std::string before = shown(key, running);
    const std::string after = shown(key, next);
    if (before == after) continue;
    differences.push_back(key.path + ": " + before + " to " + after + " needs a restart");
  }
  if (running.cluster.nodes != next.cluster.nodes) {
    differences.push_back("cluster.nodes: any change needs a restart");
  }
  if (running.cluster.graph != next.cluster.graph &&
      running.cluster.topology == next.cluster.topology) {
    differences.push_back("cluster.topology: other edges need a restart");
  }
  return differences;
}

std::vector<KeyReference> key_references() {
  std::vector<KeyReference> references;
  const Config defaults;
  const auto append_nodes = [&] {
    for (const Key<ClusterNode>& key : cluster_node_keys()) {
      references.push_back({"cluster.nodes[]." + key.path,
                            default_of(key.required, key.show(ClusterNode{})), key.meaning,
                            key.live});
    }
  };
  for (const Key<Config>& key : config_keys()) {
    const bool after_cluster = !references.empty() &&
                               references.back().path.starts_with("cluster.") &&
                               !key.path.starts_with("cluster.");
    if (after_cluster) append_nodes();
    references.push_back(
        {key.path, default_of(key.required, key.show(defaults)), key.meaning, key.live});
  }
  return references;
}

std::string key_reference_markdown() {
  std::string out = "| key | default | meaning |\n|---|---|---|\n";
  for (const KeyReference& key : key_references()) {
    out += "| `" + key.path + "`" + (key.live ? " (live)" : "") + " | " +
           (key.default_value == "required" || key.default_value == "not set"
                ? key.default_value
                : "`" + key.default_value + "`") +
           " | " + cell(key.meaning) + " |\n";
  }
  return out;
}

}  // namespace skiptrain::daemon
