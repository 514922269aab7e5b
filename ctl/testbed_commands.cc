// `testbed run|up|compose|status|down`: a cluster of daemons on this machine.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/fleet.h"
#include "ctl/json.h"
#include "ctl/testbed/cluster.h"
#include "ctl/testbed/compose.h"
#include "ctl/testbed/engine.h"
#include "ctl/testbed/flags.h"
#include "ctl/testbed/monitor.h"
#include "ctl/testbed_nodes.h"
#include "ctl/testbed_run.h"
#include "ctl/watch.h"

namespace skiptrain::ctl {
namespace {

struct Flags {
  TestbedOptions options;
  std::string policy = "skiptrain";
  ProgressOptions progress;
};

void add_image_flag(CLI::App& command, TestbedOptions& options) {
  command.add_option("--image", options.image, "Of containers")->capture_default_str();
}

void add_run_flags(CLI::App& command, Flags& flags) {
  TestbedOptions& o = flags.options;
  add_workload_flags(command, o, flags.policy);
  command.add_option("--log-level", o.log_level, "Of the daemons")->capture_default_str();
  command.add_option("--skiptraind", o.skiptraind,
                     "The daemon; default: next to skipctl, else in $PATH");
  add_image_flag(command, o);
}

void add_engine_flag(CLI::App& command, TestbedOptions& o) {
  const std::map<std::string, EngineKind> engines = {{"process", EngineKind::kProcess},
                                                     {"docker", EngineKind::kDocker}};
  command.add_option("--engine", o.engine, "Where daemons run: process, or docker (containers)")
      ->transform(CLI::CheckedTransformer(engines))
      ->default_str("process");
}

// A node that runs but does not answer has no status.
struct Look {
  std::vector<WatchedNode> nodes;
  std::vector<Standing> standings;
};

Look look(const TestbedState& state, std::vector<Standing> standings, const Globals& globals) {
  Look seen{.nodes = {}, .standings = std::move(standings)};
  std::vector<FleetNode> fleet;
  for (const TestbedNode& node : state.nodes) {
    fleet.push_back({node.id, node.name, "unix:" + node.socket});
  }
  seen.nodes = look_at(fleet, globals);
  return seen;
}

Json look_json(const TestbedState& state, const Look& seen) {
  Json nodes = Json::array();
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    const TestbedNode& node = state.nodes[i];
    const Standing& standing = seen.standings[i];
    const bool has_pid = standing.running && node.container.empty();
    nodes.push_back(
        {{"node_id", node.id},
         {"node_name", node.name},
         {"running", standing.running},
         {"cut_off", standing.cut_off},
         {"pid", has_pid ? Json(node.process.pid) : Json(nullptr)},
         {"container", node.container.empty() ? Json(nullptr) : Json(node.container)},
         {"address", node.address},
         {"endpoint", node.socket},
         {"config_file", node.config_file},
         {"log_file", node.container.empty() ? Json(node.log_file) : Json(nullptr)},
         {"status", seen.nodes[i].status ? to_json(*seen.nodes[i].status) : Json(nullptr)}});
  }
  return {{"dir", state.dir}, {"nodes", std::move(nodes)}};
}

Outcome<ExitCode> show(Context& context, const TestbedState& state) {
  auto standings = engine_of(state.engine).look(state);
  if (!standings) return tl::unexpected(standings.error());
  if (std::ranges::none_of(*standings, &Standing::exists)) {
    return failure(ExitCode::kNotFound, "the testbed in " + state.dir + " has ended",
                   "start one with: skipctl testbed up");
  }
  const Look seen = look(state, *std::move(standings), context.globals);
  const bool all_well =
      std::ranges::all_of(seen.standings,
                          [](const Standing& one) { return one.running && !one.cut_off; }) &&
      std::ranges::all_of(seen.nodes, [](const WatchedNode& node) {
        return node.status && node.status->phase() != v1::PHASE_FAILED;
      });
  if (context.globals.json) {
    context.screen.out << look_json(state, seen).dump(2) << '\n';
  } else {
    watch_table(seen.nodes).print(context.screen);
    for (std::size_t i = 0; i < state.nodes.size(); ++i) {
      const Standing& one = seen.standings[i];
      if (!one.running) context.screen.out << state.nodes[i].name << " does not run\n";
      if (one.cut_off) context.screen.out << state.nodes[i].name << " is cut off\n";
    }
    context.screen.out << "\nAsk a node with: skipctl -e " << state.nodes.front().socket
                       << " status\n";
  }
  return all_well ? ExitCode::kOk : ExitCode::kDegraded;
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

Outcome<ExitCode> compose(Context& context, const Flags& flags) {
  TestbedOptions options = flags.options;
  options.engine = EngineKind::kDocker;
  if (options.dir.empty()) options.dir = default_testbed_dir();
  const auto state = lay_out_testbed(options);
  if (!state) return tl::unexpected(state.error());
  const std::string file = state->dir + "/" + kComposeFile;
  if (context.globals.json) {
    context.screen.out << Json{{"dir", state->dir}, {"file", file}}.dump(2) << '\n';
  } else {
    context.screen.out << file << " has " << state->nodes.size() << " nodes\n"
                       << "\nStart them with: cd " << state->dir << " && docker-compose up -d\n";
  }
  return ExitCode::kOk;
}

Outcome<ExitCode> down(Context& context, const Flags& flags) {
  const InterruptGuard guard;  // it ends all, or none is accounted for
  auto state = open_testbed(flags.options.dir);
  std::ptrdiff_t ended = 0;
  if (state) {
    const auto standings = engine_of(state->engine).look(*state);
    if (!standings) return tl::unexpected(standings.error());
    ended = std::ranges::count_if(*standings, &Standing::running);
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
  add_engine_flag(*run, flags->options);
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
  add_engine_flag(*start_all, flags->options);
  add_testbed_dir_flag(*start_all, flags->options.dir);
  start_all->callback([&selection, flags] { selection.action = with_schedule(flags, up); });

  auto* files = testbed->add_subcommand(
      "compose", "Write what docker-compose needs to run daemons in containers, and start nothing");
  add_run_flags(*files, *flags);
  add_testbed_dir_flag(*files, flags->options.dir);
  files->callback([&selection, flags] { selection.action = with_schedule(flags, compose); });

  auto* status = testbed->add_subcommand("status", "The daemons of a testbed");
  add_testbed_dir_flag(*status, flags->options.dir);
  status->callback([&selection, flags] {
    selection.action = plain(flags, [](Context& context, const Flags& f) -> Outcome<ExitCode> {
      const auto state = open_testbed(f.options.dir);
      if (!state) return tl::unexpected(state.error());
      return show(context, *state);
    });
  });

  auto* stop_all = testbed->add_subcommand("down", "End the daemons of a testbed");
  add_testbed_dir_flag(*stop_all, flags->options.dir);
  stop_all->callback([&selection, flags] { selection.action = plain(flags, down); });

  add_testbed_node_commands(*testbed, selection);
}

}  // namespace skiptrain::ctl
