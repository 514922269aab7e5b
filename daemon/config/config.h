// One node's settings: read from a TOML file, checked as a whole, then never changed.
//
// Defaults are the initialisers below and nothing else, but for two that follow the optimizer
// (TrainSettings). The keys, their ranges and their meaning
// are one table (keys.cc), from which come the reading, the refusal of unknown keys, the
// comparison of two configs and the reference in README.md. Loading reports every problem of a
// file at once, each with its line, and resolves all placeholders: after `load_config` no name,
// socket, listener or profile is empty, paths are absolute and nodes are sorted by id.
//
// A plain value without threads, torch or gRPC, so that skipctl may use it. Whether data files
// exist is found out when they are loaded, not here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/units.h"
#include "core/learning_rate_schedule.h"
#include "core/membership/timing.h"
#include "core/round_rules.h"
#include "core/schedule.h"
#include "core/topology/topology.h"
#include "data/source.h"
#include "energy/meters.h"
#include "model/compression.h"

namespace skiptrain::daemon {

inline constexpr std::size_t kMaxConfigBytes = 16u << 20;
inline constexpr std::size_t kMaxClusterNodes = 4096;
// Of cluster ids, run ids and node names.
inline constexpr std::size_t kMaxNameBytes = 64;
// sizeof(sockaddr_un::sun_path) less its final zero.
inline constexpr std::size_t kMaxSocketPathBytes = 107;

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };
std::string_view to_string(LogLevel level);
Result<LogLevel> parse_log_level(std::string_view text);

enum class LogFormat { kText, kJson };
std::string_view to_string(LogFormat format);

using energy::MeterKind;

struct NodeSettings {
  NodeId id;
  std::string name;
  std::filesystem::path data_dir = "/var/lib/skiptrain";
  std::string
      address;         // HOST:PORT where peers reach it; of [[cluster.nodes]] where they are listed
  std::string listen;  // HOST:PORT
  std::string profile;  // of energy/profile.h
  bool operator==(const NodeSettings&) const = default;
};

struct LogSettings {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  std::filesystem::path file;  // empty: standard error
  bool operator==(const LogSettings&) const = default;
};

struct ControlSettings {
  std::filesystem::path socket;
  bool operator==(const ControlSettings&) const = default;
};

struct MetricsSettings {
  std::string listen;  // HOST:PORT; empty: off
  bool operator==(const MetricsSettings&) const = default;
};

struct SecuritySettings {
  bool insecure = false;
  bool operator==(const SecuritySettings&) const = default;
};

struct ClusterNode {
  NodeId id;
  std::string name;
  std::string address;  // HOST:PORT, where peers reach it
  std::string control;  // "unix:/path"; empty if not known
  bool operator==(const ClusterNode&) const = default;
};

struct ClusterSettings {
  std::string id;
  std::string topology;  // "ring", "regular:4", "file:/absolute/path", ...
  std::uint64_t topology_seed = 0;
  std::vector<ClusterNode> nodes;  // by ascending id; a node's index is its place in the topology
  core::Topology graph{0};         // built from the above at loading; a file's edges are read then
  bool operator==(const ClusterSettings&) const = default;
};

// Where nodes find each other instead of being listed.
struct MembershipSettings {
  bool enabled = false;
  std::vector<std::string> join;    // HOST:PORT of peers to join through
  std::uint64_t join_attempts = 0;  // then the daemon gives up; 0: never
  std::string listen;               // HOST:PORT of the UDP socket; as node.listen if empty
  core::NetworkProfile network = core::NetworkProfile::kLan;
  std::uint64_t expect = 1;         // members before the first round begins
  std::filesystem::path keyring;    // DATA_DIR/keyring if empty
  std::string multicast;            // GROUP:PORT; empty: off
  std::string multicast_interface;  // the system's choice if empty
  std::vector<std::string> tags;    // "KEY=VALUE"
  bool operator==(const MembershipSettings&) const = default;
};

struct RunSettings {
  std::string id;
  std::uint64_t rounds = 0;
  std::uint64_t seed = 1;
  bool operator==(const RunSettings&) const = default;
};

struct EnergySettings {
  std::optional<double> budget_wh;
  std::optional<double> budget_fraction;  // of the profile's battery
  MeterKind meter = MeterKind::kModel;
  std::filesystem::path meter_root = "/sys";
  double constant_watts = 0.0;  // above 0 with MeterKind::kConstant
  bool operator==(const EnergySettings&) const = default;
};

struct ModelSettings {
  std::string name;               // of a reference model; empty with `file`
  std::filesystem::path file;     // TorchScript
  std::filesystem::path initial;  // empty: drawn from run.seed
  std::uint32_t classes = 0;      // outputs; 0: as the data asks for, 62 for femnist-cnn
  std::vector<std::int64_t> hidden = {128};
  std::vector<std::string> frozen;  // glob patterns of parameters' names

  // The name, or the file's.
  std::string label() const { return file.empty() ? name : file.filename().string(); }
  bool operator==(const ModelSettings&) const = default;
};

struct DataSettings {
  data::Format format = data::Format::kIdx;
  std::filesystem::path directory;     // of the CIFAR formats, leaf and images; else empty
  std::filesystem::path train_images;  // these four with idx or npy; else empty
  std::filesystem::path train_labels;
  std::filesystem::path test_images;
  std::filesystem::path test_labels;
  std::filesystem::path train_file;  // these two with npz, torch or csv; else empty
  std::filesystem::path test_file;
  std::vector<std::string> train_arrays = {"x_train", "y_train"};  // features, labels; npz, torch
  std::vector<std::string> test_arrays = {"x_test", "y_test"};
  std::string label_column = "label";       // csv only
  std::vector<std::string> target_columns;  // csv, of losses on numbers; empty: label_column
  double held_out = 0.0;  // above 0: no test files; this part of the training samples
  std::string partition = "iid";
  std::uint64_t shares = 0;             // dealt by the partition; 0: one for each listed node
  std::uint64_t share = 0;              // which of them is this node's, with `shares` above 0
  std::uint64_t train_limit = 0;        // 0: all samples
  std::vector<double> mean = {0.2860};  // one for all channels, or one for each
  std::vector<double> std = {0.3530};
  bool augment_flip = false;               // these two of training minibatches
  std::uint64_t augment_crop_padding = 0;  // pixels; 0: no crop
  bool operator==(const DataSettings&) const = default;
};

// Says also what is learned of a sample: of the second and the third numbers, of the others its
// class. kModel: the model of model.file has a loss of its own.
enum class Loss { kCrossEntropy, kBinaryCrossEntropy, kMeanSquaredError, kModel };
std::string_view to_string(Loss loss);

enum class Optimizer { kSgd, kAdam, kAdamW };
std::string_view to_string(Optimizer optimizer);

enum class Device { kCpu, kCuda, kAuto };
std::string_view to_string(Device device);

enum class Precision { kFloat32, kBf16 };
std::string_view to_string(Precision precision);

struct TrainSettings {
  // What is taken if the file does not say: PyTorch's, but for SGD's rate.
  static double default_lr(Optimizer optimizer);
  static double default_weight_decay(Optimizer optimizer);

  std::uint64_t local_steps = 10;
  std::uint64_t local_epochs = 0;  // above 0: takes the place of local_steps
  std::uint64_t batch_size = 32;
  Loss loss = Loss::kCrossEntropy;
  Optimizer optimizer = Optimizer::kSgd;
  double lr = 0.1;
  double momentum = 0.0;  // these two sgd
  bool nesterov = false;
  double beta1 = 0.9;  // these three adam and adamw
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  core::LearningRateSchedule lr_schedule;  // its total_rounds are run.rounds, and 0 here
  double clip_norm = 0.0;                  // 0: off
  bool keep_optimizer_state = false;
  Device device = Device::kCpu;
  Precision precision = Precision::kFloat32;
  int threads = 1;
  bool fast_paths = true;
  bool operator==(const TrainSettings&) const = default;
};

struct RoundSettings {
  core::RoundRules rules;            // the keys mode, quorum and max_staleness
  std::optional<Duration> deadline;  // nullopt: "auto"
  Duration start_timeout = std::chrono::seconds(60);
  std::uint64_t evaluate_every = 0;    // 0: only when the run ends
  std::uint64_t evaluate_samples = 0;  // 0: the whole test set
  std::uint64_t evaluate_top_k = 5;    // of classes; 0: off
  std::uint64_t history = 100'000;
  bool operator==(const RoundSettings&) const = default;
};

struct ExchangeSettings {
  Compression compression;  // the keys compression and consensus_step
  bool operator==(const ExchangeSettings&) const = default;
};

struct TransportSettings {
  std::uint64_t chunk_bytes = 1u << 19;
  Duration keepalive = std::chrono::seconds(10);
  Duration reconnect_max = std::chrono::seconds(5);
  bool operator==(const TransportSettings&) const = default;
};

struct StoreSettings {
  Duration checkpoint_interval = std::chrono::seconds(1);
  bool operator==(const StoreSettings&) const = default;
};

struct Config {
  std::filesystem::path source;  // the file it was read from
  NodeSettings node;
  LogSettings log;
  ControlSettings control;
  SecuritySettings security;
  ClusterSettings cluster;
  MembershipSettings membership;
  RunSettings run;
  core::Schedule schedule{core::Policy::kSkipTrain, 4, 4};
  EnergySettings energy;
  ModelSettings model;
  DataSettings data;
  TrainSettings train;
  RoundSettings round;
  ExchangeSettings exchange;
  TransportSettings transport;
  StoreSettings store;
  MetricsSettings metrics;

  // This node's entry in cluster.nodes, and its index there. Where nodes find each other, it is the
  // only one.
  const ClusterNode& self() const { return cluster.nodes[position()]; }
  std::size_t position() const;
  // Which share of the data is this node's, of how many.
  std::pair<std::uint64_t, std::uint64_t> share() const;
  // Wh this node may spend on training, from either budget key; nullopt: no limit.
  std::optional<WattHours> training_budget() const;

  bool operator==(const Config&) const = default;
};

// kNotFound if the file cannot be read; kInvalidArgument with one line per problem,
// "FILE:LINE: KEY = VALUE: must be ...", in the order of the lines.
Result<Config> load_config(const std::filesystem::path& file);

// The same for text in memory. `file` is named in messages, and relative paths start at its folder.
Result<Config> parse_config(std::string_view toml, const std::filesystem::path& file);

// The config as a file that `parse_config` reads back to an equal value. Keys at their default are
// left out.
std::string to_toml(const Config& config);

// Over the settings that all nodes of a run must share: run, cluster and node ids, the edges of the
// topology, model, data format and partition, training, round mode, compression. Not over schedule
// (a run may change it), addresses, paths, energy and a node's own affairs. `model_file` is the
// digest of what model.file names, where it is set.
Fingerprint run_fingerprint(const Config& config,
                            std::optional<Fingerprint> model_file = std::nullopt);

// What stands between `running` and a reload to `next`: one line per key that differs and cannot
// change while the daemon runs. Empty: the reload may go ahead.
std::vector<std::string> differences_needing_restart(const Config& running, const Config& next);

// A key as documentation shows it.
struct KeyReference {
  std::string path;           // "run.rounds"; "cluster.nodes[].id" for a node's entry
  std::string default_value;  // as TOML; "required", or "not set"
  std::string meaning;        // with unit and range
  bool live = false;          // a reload (SIGHUP) changes it
};
std::vector<KeyReference> key_references();
// The table in README.md.
std::string key_reference_markdown();

}  // namespace skiptrain::daemon
