// All settings of a config with their values, for people who look for the reason of something.
//
// Unlike `to_toml`, which writes a file to be read again, this names every key, also those at their
// default, and never tells what a secret key says: its output may leave the device.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/config/config.h"

namespace skiptrain::daemon {

struct EffectiveSetting {
  std::string path;                  // "run.rounds"; "cluster.nodes[0].id" of a node's entry
  std::optional<std::string> value;  // as TOML; nullopt if it has none, or if it was removed
  bool is_default = false;
  bool removed = false;  // a secret key that is set
};

// In the order of the documentation; entries of cluster.nodes at the end.
std::vector<EffectiveSetting> effective_settings(const Config& config);

}  // namespace skiptrain::daemon
