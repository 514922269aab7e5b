// `testbed run|up|status|down|kill|start`: a cluster of daemons on this machine.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/fleet.h"
#include "ctl/json.h"
#include "ctl/testbed/cluster.h"
#include "ctl/testbed/flags.h"
#include "ctl/testbed/monitor.h"
#include "ctl/testbed_run.h"
#include "ctl/watch.h"

namespace skiptrain::ctl {
namespace {

struct Flags {
  TestbedOptions options;
  std::string policy = "skiptrain";
  ProgressOptions progress;
  std::string node;  // of kill and start
};

void add_run_flags(CLI::App& command, Flags& flags) {
  TestbedOptions& o = flags.options;
  add_workload_flags(command, o, flags.policy);
  command.add_option("--log-level", o.log_level, "Of the daemons")->capture_default_str();
  command.add_option("--skiptraind", o.skiptraind,
                     "The daemon; default: next to skipctl, else in $PATH");
}

void add_dir_flag(CLI::App& command, std::string& dir) {
  command.add_option("--dir", dir, "Folder of the testbed; default: " + default_testbed_dir());
}

Outcome<TestbedState> load(const Flags& flags) {
  std::string dir = default_testbed_dir();
  if (!flags.options.dir.empty()) {
    dir = std::filesystem::absolute(flags.options.dir).lexically_normal().string();
  }
  auto state = load_state(dir);
  if (!state) return tl::unexpected(to_failure(state.error()));
  return *std::move(state);
}

// Running means that the process lives; a node that lives but does not answer has no status.
struct Look {
  std::vector<WatchedNode> nodes;
  std::vector<bool> running;
};

Look look(const TestbedState& state, const Globals& globals) {
  Look seen;
  std::vector<FleetNode> fleet;
  for (const TestbedNode& node : state.nodes) {
    seen.running.push_back(is_alive(node.process));
    fleet.push_back({node.id, node.name, "unix:" + node.socket});
  }
  const auto answers = ask_all<v1::GetStatusResponse>(
      fleet, globals, [](Client& client) { return client.status(); });
  for (std::size_t i = 0; i < fleet.size(); ++i) {
    seen.nodes.push_back({fleet[i].name, std::nullopt});
    if (seen.running[i] && answers[i]) seen.nodes.back().status = *answers[i];
  }
  return seen;
}

Json look_json(const TestbedState& state, const Look& seen) {
  Json nodes = Json::array();
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    const TestbedNode& node = state.nodes[i];
    nodes.push_back(
        {{"node_id", node.id},
         {"node_name", node.name},
         {"running", bool(seen.running[i])},
         {"pid", seen.running[i] ? Json(node.process.pid) : Json(nullptr)},
         {"address", node.address},
         {"endpoint", node.socket},
         {"config_file", node.config_file},
         {"log_file", node.log_file},
         {"status", seen.nodes[i].status ? to_json(*seen.nodes[i].status) : Json(nullptr)}});
  }
  return {{"dir", state.dir}, {"nodes", std::move(nodes)}};
}

Outcome<ExitCode> show(Context& context, const TestbedState& state) {
  const Look seen = look(state, context.globals);
  const bool all_run =
      std::all_of(seen.running.begin(), seen.running.end(), [](bool running) { return running; });
  if (context.globals.json) {
    context.screen.out << look_json(state, seen).dump(2) << '\n';
  } else {
    watch_table(seen.nodes).print(context.screen);
    for (std::size_t i = 0; i < state.nodes.size(); ++i) {
      if (!seen.running[i]) context.screen.out << state.nodes[i].name << " does not run\n";
    }
    context.screen.out << "\nAsk a node with: skipctl -e " << state.nodes.front().socket
                       << " status\n";
  }
  return all_run ? ExitCode::kOk : ExitCode::kDegraded;
}

Outcome<ExitCode> up(Context& context, const Flags& flags) {
  TestbedOptions options = flags.options;
  if (options.dir.empty()) options.dir = default_testbed_dir();
  const InterruptGuard guard;
  auto cluster = Cluster::start(options, true);
  if (!cluster) return tl::unexpected(cluster.error());
  if (auto ready = Monitor(*cluster).wait_until_up(); !ready) return tl::unexpected(ready.error());
  cluster->leave_running();
  return show(context, cluster->state());
}

Outcome<ExitCode> down(Context& context, const Flags& flags) {
  auto state = load(flags);
  std::size_t ended = 0;
  if (state) {
    for (const TestbedNode& node : state->nodes) ended += is_alive(node.process) ? 1 : 0;
    if (auto done = end_testbed(*state); !done) return tl::unexpected(done.error());
  } else if (state.error().exit != ExitCode::kNotFound) {
    return tl::unexpected(state.error());
  }
  if (context.globals.json) {
    context.screen.out << Json{{"ended", ended}}.dump(2) << '\n';
  } else if (ended == 0) {
    context.screen.out << "nothing was running\n";
  } else {
    context.screen.out << ended << " daemons ended\n";
  }
  return ExitCode::kOk;
}

Outcome<TestbedNode*> find_node(TestbedState& state, const std::string& name) {
  for (TestbedNode& node : state.nodes) {
    if (node.name == name || std::to_string(node.id) == name) return &node;
  }
  return failure(ExitCode::kNotFound, "there is no node \"" + name + "\" in " + state.dir,
                 "its nodes are node-0 to " + state.nodes.back().name);
}

Outcome<ExitCode> kill_node(Context& context, const Flags& flags) {
  auto state = load(flags);
  if (!state) return tl::unexpected(state.error());
  const auto node = find_node(*state, flags.node);
  if (!node) return tl::unexpected(node.error());
  if (!is_alive((*node)->process)) {
    return failure(ExitCode::kPrecondition, (*node)->name + " does not run");
  }
  kill_process((*node)->process);
  context.screen.out << (context.globals.json ? Json{{"killed", (*node)->name}}.dump(2)
                                              : (*node)->name + " was killed")
                     << '\n';
  return ExitCode::kOk;
}

Outcome<ExitCode> start_node(Context& context, const Flags& flags) {
  auto state = load(flags);
  if (!state) return tl::unexpected(state.error());
  const auto node = find_node(*state, flags.node);
  if (!node) return tl::unexpected(node.error());
  if (auto started = restart_node(*state, **node); !started) {
    return tl::unexpected(started.error());
  }
  const std::string pid = std::to_string((*node)->process.pid);
  context.screen.out << (context.globals.json
                             ? Json{{"started", (*node)->name}, {"pid", (*node)->process.pid}}.dump(
                                   2)
                             : (*node)->name + " runs as process " + pid)
                     << '\n';
  return ExitCode::kOk;
}

using Verb = std::function<Outcome<ExitCode>(Context&, const Flags&)>;

// A verb that needs a schedule gets it checked first.
Action with_schedule(const std::shared_ptr<Flags>& flags, Verb verb) {
  return [flags, verb = std::move(verb)](Context& context) -> Outcome<ExitCode> {
    const auto policy = core::parse_policy(flags->policy);
    if (!policy) return tl::unexpected(to_failure(policy.error()));
    flags->options.schedule.policy = *policy;
    return verb(context, *flags);
  };
}

Action plain(const std::shared_ptr<Flags>& flags, Verb verb) {
  return [flags, verb = std::move(verb)](Context& context) { return verb(context, *flags); };
}

}  // namespace

void add_testbed_commands(CLI::App& root, Selection& selection) {
  auto* testbed = root.add_subcommand("testbed", "A cluster of daemons on this machine");
  auto flags = std::make_shared<Flags>();

  auto* run =
      testbed->add_subcommand("run", "Start daemons, wait for the end, print what came out");
  add_run_flags(*run, *flags);
  run->add_option("--dir", flags->options.dir, "Folder to keep; default: a temporary one");
  run->add_flag("--keep", flags->options.keep, "Leave the daemons running at the end");
  run->add_flag("--progress", flags->progress.forced,
                "Show progress also in JSON output to a pipe");
  run->callback([&selection, flags] {
    selection.action = with_schedule(flags, [](Context& context, const Flags& f) {
      return run_testbed(context, f.options, f.progress);
    });
  });

  auto* start_all = testbed->add_subcommand("up", "Start daemons and leave them running");
  add_run_flags(*start_all, *flags);
  add_dir_flag(*start_all, flags->options.dir);
  start_all->callback([&selection, flags] { selection.action = with_schedule(flags, up); });

  auto* status = testbed->add_subcommand("status", "The daemons of a testbed");
  add_dir_flag(*status, flags->options.dir);
  status->callback([&selection, flags] {
    selection.action = plain(flags, [](Context& context, const Flags& f) -> Outcome<ExitCode> {
      const auto state = load(f);
      if (!state) return tl::unexpected(state.error());
      if (!state->was_started()) {
        return failure(ExitCode::kNotFound, "the testbed in " + state->dir + " has ended",
                       "start one with: skipctl testbed up");
      }
      return show(context, *state);
    });
  });

  auto* stop_all = testbed->add_subcommand("down", "End the daemons of a testbed");
  add_dir_flag(*stop_all, flags->options.dir);
  stop_all->callback([&selection, flags] { selection.action = plain(flags, down); });

  auto* kill = testbed->add_subcommand("kill", "Kill one daemon as a crash would (SIGKILL)");
  kill->add_option("NODE", flags->node, "Its name or id")->required();
  add_dir_flag(*kill, flags->options.dir);
  kill->callback([&selection, flags] { selection.action = plain(flags, kill_node); });

  auto* start = testbed->add_subcommand("start", "Start a daemon again that was killed");
  start->add_option("NODE", flags->node, "Its name or id")->required();
  add_dir_flag(*start, flags->options.dir);
  start->callback([&selection, flags] { selection.action = plain(flags, start_node); });
}

}  // namespace skiptrain::ctl
