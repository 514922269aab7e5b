// The commands of skipctl. Each add_* hangs its nouns and verbs into the CLI11 tree; parsing picks
// one action, and app.cc runs it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/units.h"
#include "ctl/failure.h"
#include "ctl/render.h"

namespace CLI {
class App;
}

namespace skiptrain::ctl {

// Flags that come before any noun.
struct Globals {
  std::string endpoint;  // never empty
  bool endpoint_given = false;
  bool all = false;
  bool json = false;
  std::optional<Duration> timeout;
};

// What a command gets to work with.
struct Context {
  const Globals& globals;
  Screen& screen;
};

using Action = std::function<Outcome<ExitCode>(Context&)>;

// The action that parsing has picked.
struct Selection {
  Action action;
};

void add_status_commands(CLI::App& root, Selection& selection);    // status, health
void add_peers_command(CLI::App& root, Selection& selection);      // peers
void add_rounds_command(CLI::App& root, Selection& selection);     // rounds
void add_energy_commands(CLI::App& root, Selection& selection);    // energy [budget]
void add_topology_command(CLI::App& root, Selection& selection);   // topology show|lint
void add_schedule_commands(CLI::App& root, Selection& selection);  // schedule show|set
void add_member_commands(CLI::App& root, Selection& selection);    // members, leave, keyring ...
void add_run_commands(CLI::App& root, Selection& selection);       // run pause, resume, stop, lr
void add_steering_commands(CLI::App& root, Selection& selection);  // pause, resume, stop, log level
void add_model_commands(CLI::App& root, Selection& selection);     // eval, model export
void add_config_command(CLI::App& root, Selection& selection);     // config check
void add_data_commands(CLI::App& root, Selection& selection);      // data inspect|partition
void add_watch_command(CLI::App& root, Selection& selection);      // watch
void add_report_command(CLI::App& root, Selection& selection);     // report
void add_debug_command(CLI::App& root, Selection& selection);      // debug bundle
void add_testbed_commands(CLI::App& root, Selection& selection);   // testbed ...
void add_sim_command(CLI::App& root, Selection& selection);        // sim ...
void add_about_commands(CLI::App& root, Selection& selection);     // version, completion

// A verb of `topology`, which the function above adds.
void add_topology_lint_command(CLI::App& topology, Selection& selection);

}  // namespace skiptrain::ctl
