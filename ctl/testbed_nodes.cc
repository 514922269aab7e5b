#include "ctl/testbed_nodes.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "ctl/json.h"
#include "ctl/testbed/cluster.h"
#include "ctl/testbed/engine.h"

namespace skiptrain::ctl {
namespace {

struct Flags {
  std::string dir;
  std::vector<std::string> nodes;  // names or ids; empty: all, for `heal`
};

// A testbed, with the nodes that a command names.
struct Chosen {
  TestbedState state;
  std::vector<std::size_t> positions;
  std::vector<Standing> standings;  // of all nodes

  TestbedNode& node(std::size_t position) { return state.nodes[position]; }
  const Engine& engine() const { return engine_of(state.engine); }
};

Outcome<std::size_t> find_node(const TestbedState& state, const std::string& name) {
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    if (state.nodes[i].name == name || std::to_string(state.nodes[i].id) == name) return i;
  }
  return failure(ExitCode::kNotFound, "there is no node \"" + name + "\" in " + state.dir,
                 "its nodes are node-0 to " + state.nodes.back().name);
}

// Fails for a name that is not there before anything is done to the others.
Outcome<Chosen> choose(const Flags& flags) {
  auto state = open_testbed(flags.dir);
  if (!state) return tl::unexpected(state.error());
  Chosen chosen{.state = *std::move(state), .positions = {}, .standings = {}};
  for (const std::string& name : flags.nodes) {
    const auto position = find_node(chosen.state, name);
    if (!position) return tl::unexpected(position.error());
    // A node that is named twice is meant once.
    if (std::ranges::find(chosen.positions, *position) == chosen.positions.end()) {
      chosen.positions.push_back(*position);
    }
  }
  auto standings = chosen.engine().look(chosen.state);
  if (!standings) return tl::unexpected(standings.error());
  chosen.standings = *std::move(standings);
  for (const std::size_t position : chosen.positions) {
    if (chosen.standings[position].exists) continue;
    return failure(ExitCode::kPrecondition, chosen.node(position).name + " was not started",
                   "start the testbed with: skipctl testbed up");
  }
  return chosen;
}

// Says what was done to a node, in a line or as JSON.
void say(Context& context, const char* key, const std::string& node, const std::string& line) {
  context.screen.out << (context.globals.json ? Json{{key, node}}.dump(2) : line) << '\n';
}

Outcome<ExitCode> kill_nodes(Context& context, const Flags& flags, bool gently) {
  auto chosen = choose(flags);
  if (!chosen) return tl::unexpected(chosen.error());
  for (const std::size_t position : chosen->positions) {
    TestbedNode& node = chosen->node(position);
    if (!chosen->standings[position].running) {
      return failure(ExitCode::kPrecondition, node.name + " does not run");
    }
    const Outcome<void> done = gently ? chosen->engine().stop(node) : chosen->engine().kill(node);
    if (!done) return tl::unexpected(done.error());
    say(context, gently ? "stopped" : "killed", node.name,
        node.name + (gently ? " was stopped" : " was killed"));
  }
  return ExitCode::kOk;
}

Outcome<ExitCode> start_nodes(Context& context, const Flags& flags) {
  auto chosen = choose(flags);
  if (!chosen) return tl::unexpected(chosen.error());
  for (const std::size_t position : chosen->positions) {
    TestbedNode& node = chosen->node(position);
    if (chosen->standings[position].running) {
      return failure(ExitCode::kPrecondition, node.name + " is running");
    }
    if (auto started = chosen->engine().start(chosen->state, node); !started) {
      return tl::unexpected(started.error());
    }
    say(context, "started", node.name,
        node.name + (node.container.empty() ? " runs as process " + std::to_string(node.process.pid)
                                            : " runs in container " + node.container));
  }
  return ExitCode::kOk;
}

Outcome<ExitCode> cut_nodes(Context& context, const Flags& flags) {
  auto chosen = choose(flags);
  if (!chosen) return tl::unexpected(chosen.error());
  for (const std::size_t position : chosen->positions) {
    const TestbedNode& node = chosen->node(position);
    if (chosen->standings[position].cut_off) {
      return failure(ExitCode::kPrecondition, node.name + " is cut off");
    }
    if (auto cut = chosen->engine().cut_off(chosen->state, node); !cut) {
      return tl::unexpected(cut.error());
    }
    say(context, "cut_off", node.name, node.name + " is cut off from its peers");
  }
  return ExitCode::kOk;
}

// Undoes what was done to a node. True if there was anything to undo.
Outcome<bool> heal_node(Chosen& chosen, std::size_t position) {
  TestbedNode& node = chosen.node(position);
  const Standing& standing = chosen.standings[position];
  if (standing.cut_off) {
    if (auto back = chosen.engine().reconnect(chosen.state, node); !back) {
      return tl::unexpected(back.error());
    }
  }
  if (!standing.running) {
    if (auto started = chosen.engine().start(chosen.state, node); !started) {
      return tl::unexpected(started.error());
    }
  }
  return standing.cut_off || !standing.running;
}

Outcome<ExitCode> heal_nodes(Context& context, const Flags& flags) {
  auto chosen = choose(flags);
  if (!chosen) return tl::unexpected(chosen.error());
  if (flags.nodes.empty()) {
    for (std::size_t i = 0; i < chosen->state.nodes.size(); ++i) {
      if (chosen->standings[i].exists) chosen->positions.push_back(i);
    }
  }
  if (chosen->positions.empty()) {
    return failure(ExitCode::kNotFound, "the testbed in " + chosen->state.dir + " has ended",
                   "start one with: skipctl testbed up");
  }
  bool any = false;
  for (const std::size_t position : chosen->positions) {
    const auto healed = heal_node(*chosen, position);
    if (!healed) return tl::unexpected(healed.error());
    if (!*healed) continue;
    any = true;
    const std::string& name = chosen->node(position).name;
    const bool was_cut = chosen->standings[position].cut_off;
    say(context, "healed", name, name + (was_cut ? " is back among its peers" : " runs again"));
  }
  if (!any && !context.globals.json) context.screen.out << "nothing was amiss\n";
  return ExitCode::kOk;
}

}  // namespace

void add_testbed_dir_flag(CLI::App& command, std::string& dir) {
  command.add_option("--dir", dir, "Folder of the testbed; default: " + default_testbed_dir());
}

void add_testbed_node_commands(CLI::App& testbed, Selection& selection) {
  const auto flags = std::make_shared<Flags>();
  using Verb = std::function<Outcome<ExitCode>(Context&, const Flags&)>;
  const auto add = [&](const char* name, const char* what, bool all_if_none, Verb verb) {
    auto* command = testbed.add_subcommand(name, what);
    auto* nodes = command->add_option("NODE", flags->nodes, "Names or ids");
    if (!all_if_none) nodes->required();
    add_testbed_dir_flag(*command, flags->dir);
    command->callback([&selection, flags, verb = std::move(verb)] {
      selection.action = [flags, verb](Context& context) { return verb(context, *flags); };
    });
  };
  add("kill", "Kill daemons as a crash would (SIGKILL)", false,
      [](Context& context, const Flags& f) { return kill_nodes(context, f, false); });
  add("stop", "Stop daemons as an operator would (SIGTERM)", false,
      [](Context& context, const Flags& f) { return kill_nodes(context, f, true); });
  add("start", "Start daemons again that were killed or stopped", false, start_nodes);
  add("cut", "Cut nodes off from their peers; in containers only", false, cut_nodes);
  add("heal", "Bring back what was cut off, killed or stopped; all without NODE", true, heal_nodes);
}

}  // namespace skiptrain::ctl
