// From options to files: folders, ports, sockets and one configuration per node.
#pragma once

#include <string>

#include "base/error.h"
#include "ctl/testbed/options.h"
#include "ctl/testbed/state.h"
#include "daemon/config/config.h"

namespace skiptrain::ctl {

// The daemon's program: `given`, else next to this program, else in $PATH. kNotFound.
Result<std::string> find_skiptraind(const std::string& given);

// Decides on names, ports, sockets and paths of a testbed in `dir` (absolute, existing). Makes a
// folder of short paths under /tmp if the dir's are too long for sockets.
Result<TestbedState> plan_testbed(const TestbedOptions& options, const std::string& dir);

// The configuration of the node at `position`, as TOML that the daemon accepts: it is read back and
// checked before it is returned. kInvalidArgument names the option that does not fit,
// kNotFound what --dataset lacks.
Result<std::string> node_config(const TestbedOptions& options, const TestbedState& plan,
                                std::size_t position);

// The same as the daemon would read it. Without `with_data` there need be no --dataset, and the
// configuration names no files that exist.
Result<daemon::Config> read_node_config(const TestbedOptions& options, const TestbedState& plan,
                                        std::size_t position, bool with_data = true);

}  // namespace skiptrain::ctl
