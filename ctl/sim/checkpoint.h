// A simulation's checkpoint as a file: every node's model at one round, and the history before it.
//
// The file is safetensors, so that other tools can read the models: tensor "node-I" is [P] float32,
// and the metadata key "simulation" holds the rest as JSON. It appears whole or not at all.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/ids.h"
#include "sim/snapshot.h"

namespace skiptrain::ctl {

struct Checkpoint {
  sim::Snapshot snapshot;
  Fingerprint run;  // of the settings that must be the same on resuming
  nlohmann::json history;
};

// kUnavailable, with the system's reason, if it cannot be written.
Status write_checkpoint(const std::string& path, const Checkpoint& checkpoint);
// kNotFound, kCorrupt: as read_safetensors, and for a file that is no checkpoint of a simulation.
Result<Checkpoint> read_checkpoint(const std::string& path);

}  // namespace skiptrain::ctl
