// testbed.json: which processes or containers belong to the testbed in a folder, so that `testbed
// status`, `down`, `kill` and the like find them from another shell. It stays when the testbed has
// ended, and marks the folder as one whose contents a new testbed may replace.
//
// It names programs to run and processes to signal, and its usual place is a folder of a known name
// in /tmp, so it is believed only if folder and file are this user's alone. What can be removed
// later, the nodes' folders and containers, follows from the folder's own path and is not read from
// the file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "ctl/testbed/options.h"
#include "ctl/testbed/process.h"

namespace skiptrain::ctl {

inline constexpr const char* kStateFile = "testbed.json";

struct TestbedNode {
  std::uint64_t id = 0;
  std::string name;       // node-ID
  std::string address;    // HOST:PORT of its peer listener
  std::string directory;  // DIR/NAME: its data, config and log
  std::string socket;     // of its control service
  std::string config_file;
  std::string log_file;   // of a process; a container's log is docker's
  std::string container;  // its name; empty for a process
  ProcessId process;      // pid 0: not started, or ended by us; or it runs in a container
};

struct TestbedState {
  std::string dir;         // absolute
  std::string socket_dir;  // a folder of short paths under /tmp; empty if dir's are short enough
  EngineKind engine = EngineKind::kProcess;
  std::string program;  // what a node runs: skiptraind's path, or an image
  std::vector<TestbedNode> nodes;

  // What the names of containers and networks begin with; of `dir` alone.
  std::string project() const;

  // Adds node `id` with the name, folder and files that it has in this testbed; the address is left
  // empty. Set `dir`, `socket_dir` and `engine` first.
  TestbedNode& add_node(std::uint64_t id);
};

// Atomically replaces DIR/testbed.json.
Status save(const TestbedState& state);
// kNotFound if the folder holds no testbed; kPreconditionFailed if folder or file are not private
// (see check_private); kCorrupt if the file cannot be understood.
Result<TestbedState> load_state(const std::string& dir);

}  // namespace skiptrain::ctl
