// What a testbed runs: the flags of `skipctl testbed run`, as one value.
//
// Plain data without gRPC or processes, so that the simulator takes the same flags.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/round_rules.h"
#include "core/schedule.h"
#include "model/compression.h"

namespace skiptrain::ctl {

inline constexpr std::uint32_t kMaxTestbedNodes = 256;
inline constexpr const char* kDefaultImage = "skiptrain";
inline constexpr const char* kDefaultDataset = "/usr/share/datasets/fashion-mnist";

// Where daemons run: as processes of this machine, or each in a container.
enum class EngineKind : std::uint8_t { kProcess, kDocker };

struct TestbedOptions {
  EngineKind engine = EngineKind::kProcess;
  std::string image = kDefaultImage;  // of containers
  std::uint32_t nodes = 8;
  std::uint64_t rounds = 80;
  core::Schedule schedule{core::Policy::kSkipTrain, 4, 4};
  core::RoundRules rules;
  Compression compression;
  std::string topology = "regular:3";
  std::string model = "gn-lenet";
  std::string dataset = kDefaultDataset;  // folder; see data/source.h
  std::string partition = "shards:2";
  std::uint64_t local_steps = 10;
  std::uint64_t batch_size = 32;
  std::optional<double> lr;  // not set: the default, which follows the optimizer
  std::uint64_t seed = 1;
  std::optional<double> budget_wh;        // of each node
  std::optional<double> budget_fraction;  // of each node's battery
  std::vector<std::string> profiles;      // dealt in turn; empty: position mod 4
  std::uint64_t evaluate_every = 0;       // rounds; 0: only at the end
  std::uint64_t evaluate_samples = 1000;  // for evaluate_every; the end uses all
  std::string log_level = "info";
  // Further settings of every node, "section.key=value"; the value is TOML, or else a string.
  std::vector<std::string> settings;

  std::string dir;         // empty: a temporary folder
  std::string skiptraind;  // empty: next to skipctl, else in $PATH
  bool keep = false;       // leave the daemons running
};

}  // namespace skiptrain::ctl
