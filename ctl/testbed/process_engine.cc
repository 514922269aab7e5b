#include "ctl/testbed/process_engine.h"

#include "ctl/testbed/plan.h"
#include "ctl/testbed/process.h"

namespace skiptrain::ctl {
namespace {

Outcome<void> launch(TestbedState& state, TestbedNode& node, bool outlive) {
  auto process = spawn({.command = {state.skiptraind, "--config", node.config_file},
                        .log_file = node.log_file,
                        .die_with_parent = !outlive});
  if (!process) return tl::unexpected(to_failure(process.error()));
  node.process = *process;
  if (auto saved = save(state); !saved) return tl::unexpected(to_failure(saved.error()));
  return {};
}

}  // namespace

Outcome<void> ProcessEngine::prepare(const TestbedOptions& options, TestbedState& state) const {
  auto program = find_skiptraind(options.skiptraind);
  if (!program) return tl::unexpected(to_failure(program.error()));
  state.skiptraind = *std::move(program);
  return {};
}

Outcome<void> ProcessEngine::lay_out(const TestbedOptions&, const TestbedState&) const {
  return {};
}

Outcome<void> ProcessEngine::start_all(TestbedState& state, bool outlive) const {
  for (TestbedNode& node : state.nodes) {
    if (auto started = launch(state, node, outlive); !started) return started;
  }
  return {};
}

Outcome<void> ProcessEngine::end_all(TestbedState& state) const {
  std::vector<ProcessId> processes;
  for (const TestbedNode& node : state.nodes) processes.push_back(node.process);
  end_processes(processes);
  for (TestbedNode& node : state.nodes) node.process = {};
  return {};
}

Outcome<std::vector<Standing>> ProcessEngine::look(const TestbedState& state) const {
  std::vector<Standing> seen;
  for (const TestbedNode& node : state.nodes) {
    seen.push_back({.exists = node.process.pid != 0, .running = is_alive(node.process)});
  }
  return seen;
}

std::string ProcessEngine::log_tail(const TestbedNode& node, std::size_t count) const {
  return last_lines(node.log_file, count);
}

std::string ProcessEngine::log_place(const TestbedNode& node) const {
  return node.log_file;
}

Outcome<void> ProcessEngine::start(TestbedState& state, TestbedNode& node) const {
  return launch(state, node, true);
}

Outcome<void> ProcessEngine::stop(TestbedState&, TestbedNode& node) const {
  end_processes({node.process});
  return {};
}

Outcome<void> ProcessEngine::kill(TestbedState&, TestbedNode& node) const {
  kill_process(node.process);
  return {};
}

Outcome<void> ProcessEngine::cut_off(const TestbedState&, const TestbedNode& node) const {
  return failure(ExitCode::kPrecondition,
                 node.name + " is a process and shares this machine's network with its peers",
                 "nodes in containers can be cut off: skipctl testbed up --engine docker");
}

Outcome<void> ProcessEngine::reconnect(const TestbedState&, const TestbedNode&) const {
  return {};
}

}  // namespace skiptrain::ctl
