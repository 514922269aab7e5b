// `testbed kill|stop|start|cut|heal`: what is done to single nodes of a testbed.
#pragma once

#include <string>

#include "ctl/commands.h"

namespace skiptrain::ctl {

// `--dir`, as all verbs of a testbed that stays take it.
void add_testbed_dir_flag(CLI::App& command, std::string& dir);

// Verbs of `testbed`, which add_testbed_commands adds.
void add_testbed_node_commands(CLI::App& testbed, Selection& selection);

}  // namespace skiptrain::ctl
