#include "daemon/config/keys.h"

#include <array>
#include <chrono>
#include <iterator>
#include <limits>
#include <utility>

#include "core/topology/topology_spec.h"
#include "daemon/config/key_readers.h"
#include "energy/profile.h"

namespace skiptrain::daemon {
namespace {

using namespace std::chrono_literals;
using keys::an_address;
using keys::an_address_or_empty;
using keys::boolean;
using keys::choice;
using keys::duration;
using keys::integer;
using keys::integer_list;
using keys::IntegerRange;
using keys::live;
using keys::not_empty;
using keys::number;
using keys::NumberRange;
using keys::optional_text;
using keys::required;
using keys::shared;
using keys::text;
using keys::text_list;

constexpr std::array kLogLevels = {LogLevel::kTrace, LogLevel::kDebug, LogLevel::kInfo,
                                   LogLevel::kWarn,  LogLevel::kError, LogLevel::kOff};
constexpr std::array kLogFormats = {LogFormat::kText, LogFormat::kJson};
constexpr std::array kMeterKinds = {MeterKind::kModel, MeterKind::kRapl, MeterKind::kBattery,
                                    MeterKind::kHwmon, MeterKind::kConstant};
constexpr std::array<std::string_view, 4> kModelNames = {"gn-lenet", "femnist-cnn", "lenet5",
                                                         "mlp"};
constexpr std::size_t kMaxHiddenLayers = 16;
constexpr std::size_t kMaxFrozenPatterns = 256;
constexpr std::int64_t kMaxConstantWatts = 100'000;
constexpr std::int64_t kMillion = 1'000'000;

Complaint anything(const std::string&) {
  return std::nullopt;
}

Complaint a_name(const std::string& text) {
  if (is_name(text)) return std::nullopt;
  return "1 to " + std::to_string(kMaxNameBytes) + " characters of A-Z a-z 0-9 . _ -";
}

Complaint a_name_or_empty(const std::string& text) {
  return text.empty() ? std::nullopt : a_name(text);
}

Complaint a_control_endpoint(const std::string& text) {
  constexpr std::string_view kScheme = "unix:";
  if (text.empty()) return std::nullopt;
  if (text.starts_with(kScheme) && text.size() > kScheme.size() &&
      text.size() - kScheme.size() <= kMaxSocketPathBytes) {
    return std::nullopt;
  }
  return "\"unix:PATH\" with at most " + std::to_string(kMaxSocketPathBytes) + " bytes of path";
}

Complaint a_profile(const std::string& text) {
  std::string allowed;
  for (const energy::Profile& profile : energy::profiles()) {
    if (profile.name == text) return std::nullopt;
    allowed += (allowed.empty() ? "" : ", ") + toml_string(profile.name);
  }
  return text.empty() ? std::nullopt : Complaint("one of " + allowed + ", or \"\"");
}

Complaint a_model(const std::string& text) {
  std::string allowed;
  for (const std::string_view name : kModelNames) {
    if (name == text) return std::nullopt;
    allowed += (allowed.empty() ? "" : ", ") + toml_string(name);
  }
  return "one of " + allowed;
}

Complaint a_glob(const std::string& text) {
  return text.empty() ? Complaint("a pattern, not empty") : std::nullopt;
}

Complaint a_topology(const std::string& text) {
  if (core::parse_topology_spec(text)) return std::nullopt;
  return core::kTopologySpecs;
}

std::string as_toml_names(std::span<const std::string_view> names) {
  std::string result;
  for (const std::string_view name : names) {
    result += (result.empty() ? "" : ", ") + std::string(name);
  }
  return result;
}

using List = std::vector<Key<Config>>;

void append_node_and_process(List& list) {
  list.push_back(required(integer<Config>(
      "node.id", [](auto& c) -> auto& { return c.node.id; }, IntegerRange{},
      "this node's number in the cluster; one of `[[cluster.nodes]]`, if there are any")));
  list.push_back(text<Config>(
      "node.name", [](auto& c) -> auto& { return c.node.name; }, a_name_or_empty,
      "for people; \"\" takes the name in `[[cluster.nodes]]`, or else node-ID"));
  list.push_back(text<Config>(
      "node.data_dir", [](auto& c) -> auto& { return c.node.data_dir; }, not_empty,
      "sockets and files of this node; made if missing (mode 0700)"));
  list.push_back(text<Config>(
      "node.address", [](auto& c) -> auto& { return c.node.address; }, an_address_or_empty,
      "with membership.enabled, required: HOST:PORT where other nodes reach this one (port 0: any "
      "free one)"));
  list.push_back(text<Config>(
      "node.listen", [](auto& c) -> auto& { return c.node.listen; }, an_address_or_empty,
      "HOST:PORT to listen on if it is not the address that peers use (NAT, containers); \"\" is "
      "that address"));
  list.push_back(text<Config>(
      "node.profile", [](auto& c) -> auto& { return c.node.profile; }, a_profile,
      "energy profile: xiaomi-12-pro, galaxy-s22-ultra, oneplus-nord-2-5g, poco-x3; \"\" takes "
      "(position in the cluster) mod 4, as the paper does; with membership.enabled "
      "node.id mod 4"));
  list.push_back(live(choice<Config>(
      "log.level", [](auto& c) -> auto& { return c.log.level; },
      std::span<const LogLevel>(kLogLevels), "trace, debug, info, warn, error, off")));
  list.push_back(choice<Config>(
      "log.format", [](auto& c) -> auto& { return c.log.format; },
      std::span<const LogFormat>(kLogFormats), "text or json (one object a line)"));
  list.push_back(text<Config>(
      "log.file", [](auto& c) -> auto& { return c.log.file; }, anything,
      "\"\" is standard error; opened anew on SIGHUP"));
  list.push_back(text<Config>(
      "control.socket", [](auto& c) -> auto& { return c.control.socket; }, anything,
      "unix socket of skipctl (mode 0600); \"\" is DATA_DIR/control.sock"));
  list.push_back(boolean<Config>(
      "security.insecure", [](auto& c) -> auto& { return c.security.insecure; },
      "true allows a listener that is not on loopback, without TLS"));
}

void append_run(List& list) {
  list.push_back(required(shared(text<Config>(
      "cluster.id", [](auto& c) -> auto& { return c.cluster.id; }, a_name,
      "nodes of another cluster are refused"))));
  list.push_back(optional_text<Config>(
      "cluster.topology", [](auto& c) -> auto& { return c.cluster.topology; }, a_topology,
      std::string("required, but with membership.enabled rings:3 if left out: ") +
          core::kTopologySpecs));
  list.push_back(integer<Config>(
      "cluster.topology_seed", [](auto& c) -> auto& { return c.cluster.topology_seed; },
      IntegerRange{}, "for regular:D, rings:K and epidemic:S; 0 takes run.seed"));
  list.push_back(required(shared(text<Config>(
      "run.id", [](auto& c) -> auto& { return c.run.id; }, a_name,
      "nodes of another run are refused"))));
  list.push_back(required(shared(integer<Config>(
      "run.rounds", [](auto& c) -> auto& { return c.run.rounds; }, IntegerRange{},
      "T, 0 or more; 0 only serves the initial model"))));
  list.push_back(shared(integer<Config>(
      "run.seed", [](auto& c) -> auto& { return c.run.seed; }, IntegerRange{}, "0 to 2^63 - 1")));
  list.push_back(choice<Config>(
      "schedule.policy", [](auto& c) -> auto& { return c.schedule.policy; }, core::policies(),
      "dpsgd, skiptrain, skiptrain-constrained, greedy, skiptrain-adaptive"));
  list.push_back(integer<Config>(
      "schedule.gamma_train", [](auto& c) -> auto& { return c.schedule.gamma_train; },
      IntegerRange{1, core::kMaxGamma}, "rounds, 1 to 1000000"));
  list.push_back(integer<Config>(
      "schedule.gamma_sync", [](auto& c) -> auto& { return c.schedule.gamma_sync; },
      IntegerRange{0, core::kMaxGamma}, "rounds, 0 to 1000000"));
}

void append_energy(List& list) {
  list.push_back(number<Config>(
      "energy.budget_wh", [](auto& c) -> auto& { return c.energy.budget_wh; },
      NumberRange{.min = 0.0, .text = "a number of Wh, 0 or more"},
      "Wh this node may spend on training; not set: no limit"));
  list.push_back(number<Config>(
      "energy.budget_fraction", [](auto& c) -> auto& { return c.energy.budget_fraction; },
      NumberRange{.min = 0.0, .max = 1.0, .text = "a number from 0 to 1"},
      "instead: this part of the profile's battery, 0 to 1"));
  list.push_back(choice<Config>(
      "energy.meter", [](auto& c) -> auto& { return c.energy.meter; },
      std::span<const MeterKind>(kMeterKinds),
      "what a train round cost: model (estimated from the profile), or measured: rapl, battery, "
      "hwmon, constant"));
  list.push_back(text<Config>(
      "energy.meter_root", [](auto& c) -> auto& { return c.energy.meter_root; }, not_empty,
      "where the meters' files are: rapl in class/powercap under it, battery in "
      "class/power_supply, hwmon in class/hwmon"));
  list.push_back(number<Config>(
      "energy.constant_watts", [](auto& c) -> auto& { return c.energy.constant_watts; },
      NumberRange{.min = 0.0,
                  .max = static_cast<double>(kMaxConstantWatts),
                  .text = "a number of W from 0 to 100000"},
      "W drawn while training, for meter = \"constant\"; 0 to 100000"));
}

void append_model(List& list) {
  list.push_back(shared(optional_text<Config>(
      "model.name", [](auto& c) -> auto& { return c.model.name; }, a_model,
      as_toml_names(kModelNames) + "; required, unless model.file is set")));
  list.push_back(optional_text<Config>(
      "model.file", [](auto& c) -> auto& { return c.model.file; }, not_empty,
      "instead: TorchScript file of a model of one's own, with the weights to start from; the "
      "same on all nodes"));
  list.push_back(text<Config>(
      "model.initial", [](auto& c) -> auto& { return c.model.initial; }, anything,
      "safetensors or TorchScript file to start from; \"\" takes the weights in model.file, or "
      "draws from run.seed"));
  list.push_back(shared(text_list<Config>(
      "model.frozen", [](auto& c) -> auto& { return c.model.frozen; }, kMaxFrozenPatterns, a_glob,
      "patterns of parameters' names, such as \"conv1.*\", that are neither trained nor "
      "exchanged")));
  list.push_back(shared(integer<Config>(
      "model.classes", [](auto& c) -> auto& { return c.model.classes; }, IntegerRange{0, 65536},
      "outputs, 0 to 65536; 0: as many as the data has classes, or a sample has targets; 62 for "
      "femnist-cnn with classes")));
  list.push_back(shared(integer_list<Config>(
      "model.hidden", [](auto& c) -> auto& { return c.model.hidden; }, kMaxHiddenLayers,
      IntegerRange{1, 65536}, "mlp only: widths of its hidden layers")));
}

void append_rules(List& list) {
  static_assert(core::RoundRules::kMaxStalenessLimit == kMillion, "the words below");
  list.push_back(shared(choice<Config>(
      "round.mode", [](auto& c) -> auto& { return c.round.rules.mode; }, core::round_modes(),
      "what ends a round: deadline (all live neighbours' updates, or round.deadline), barrier "
      "(all, without a deadline), async (whatever has come after the local phase)")));
  list.push_back(live(number<Config>(
      "round.quorum", [](auto& c) -> auto& { return c.round.rules.quorum; },
      NumberRange{
          .min = 0.0, .max = 1.0, .min_excluded = true, .text = "a number above 0 and at most 1"},
      "the part of the live neighbours whose updates close a round, above 0 to 1; not in async")));
  list.push_back(shared(integer<Config>(
      "round.max_staleness", [](auto& c) -> auto& { return c.round.rules.max_staleness; },
      IntegerRange{1, kMillion},
      "async: how many rounds behind the node's own an update may be, 1 to 1000000")));
}

void append_round(List& list) {
  append_rules(list);
  list.push_back(live(duration<Config>(
      "round.deadline", [](auto& c) -> auto& { return c.round.deadline; },
      std::pair<Duration, Duration>(1ms, 24h),
      "longest wait for neighbours' updates: auto, or a time: \"5s\", \"500ms\"; 1ms to 24h")));
  list.push_back(duration<Config>(
      "round.start_timeout", [](auto& c) -> auto& { return c.round.start_timeout; },
      std::pair<Duration, Duration>(0ms, 24h * 7),
      "longest wait for neighbours before round 0; 0s to 168h"));
  list.push_back(live(integer<Config>(
      "round.evaluate_every", [](auto& c) -> auto& { return c.round.evaluate_every; },
      IntegerRange{}, "rounds between evaluations; 0: only when the run ends")));
  list.push_back(live(integer<Config>(
      "round.evaluate_samples", [](auto& c) -> auto& { return c.round.evaluate_samples; },
      IntegerRange{}, "of the test set, a seeded subset for evaluate_every; 0: all")));
  list.push_back(integer<Config>(
      "round.evaluate_top_k", [](auto& c) -> auto& { return c.round.evaluate_top_k; },
      IntegerRange{0, 65536},
      "of classes, where there are more: how often the right one is among so many largest outputs, "
      "0 to 65536; 0: off"));
  list.push_back(integer<Config>(
      "round.history", [](auto& c) -> auto& { return c.round.history; },
      IntegerRange{1, 10 * kMillion}, "newest rounds kept, 1 to 10000000"));
}

void append_transport(List& list) {
  list.push_back(integer<Config>(
      "transport.chunk_bytes", [](auto& c) -> auto& { return c.transport.chunk_bytes; },
      IntegerRange{1 << 18, 1 << 20}, "of an update on the wire, 262144 to 1048576"));
  list.push_back(duration<Config>(
      "transport.keepalive", [](auto& c) -> auto& { return c.transport.keepalive; },
      std::pair<Duration, Duration>(1s, 1h), "ping an idle stream after this long, 1s to 1h"));
  list.push_back(duration<Config>(
      "transport.reconnect_max", [](auto& c) -> auto& { return c.transport.reconnect_max; },
      std::pair<Duration, Duration>(100ms, 10min), "cap of the reconnect back-off, 100ms to 10m"));
}

void append_store(List& list) {
  list.push_back(duration<Config>(
      "store.checkpoint_interval", [](auto& c) -> auto& { return c.store.checkpoint_interval; },
      std::pair<Duration, Duration>(0ms, 24h),
      "least time between checkpoints of rounds without training, 0s to 24h"));
}

void append_metrics(List& list) {
  list.push_back(text<Config>(
      "metrics.listen", [](auto& c) -> auto& { return c.metrics.listen; }, an_address_or_empty,
      "HOST:PORT where Prometheus finds /metrics, and others /livez and /readyz (port 0: any free "
      "one, named in the log and by skipctl status); \"\": off"));
}

}  // namespace

const std::vector<Key<Config>>& config_keys() {
  static const List kKeys = [] {
    List list;
    append_node_and_process(list);
    append_run(list);
    append_membership(list);
    append_energy(list);
    append_model(list);
    append_data(list);
    append_train(list);
    append_round(list);
    append_exchange(list);
    append_transport(list);
    append_store(list);
    append_metrics(list);
    return list;
  }();
  return kKeys;
}

const std::vector<Key<ClusterNode>>& cluster_node_keys() {
  static const std::vector<Key<ClusterNode>> kKeys = {
      required(integer<ClusterNode>(
          "id", [](auto& n) -> auto& { return n.id; }, IntegerRange{}, "of the node; unique")),
      required(text<ClusterNode>(
          "address", [](auto& n) -> auto& { return n.address; }, an_address,
          "HOST:PORT where its peers reach it; the node itself listens there, unless node.listen "
          "says otherwise")),
      text<ClusterNode>(
          "name", [](auto& n) -> auto& { return n.name; }, a_name_or_empty,
          "for people; \"\" is node-ID"),
      text<ClusterNode>(
          "control", [](auto& n) -> auto& { return n.control; }, a_control_endpoint,
          "its control endpoint, for skipctl --all: \"unix:/path/control.sock\""),
  };
  return kKeys;
}

}  // namespace skiptrain::daemon
