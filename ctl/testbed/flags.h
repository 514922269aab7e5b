// The flags that say what is run, the same for a testbed of daemons and for the simulator.
#pragma once

#include <string>

#include "ctl/testbed/options.h"

namespace CLI {
class App;
}

namespace skiptrain::ctl {

// The names of the policies, for help texts.
inline constexpr const char* kPolicyNames =
    "dpsgd, skiptrain, skiptrain-constrained, greedy or skiptrain-adaptive";

// `options` and `policy` must outlive `command`; what they hold is the default. The policy stays a
// word, to be read by core::parse_policy.
void add_workload_flags(CLI::App& command, TestbedOptions& options, std::string& policy);

}  // namespace skiptrain::ctl
