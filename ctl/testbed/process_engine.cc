#include "ctl/testbed/engine.h"
#include "ctl/testbed/plan.h"
#include "ctl/testbed/process.h"

namespace skiptrain::ctl {
namespace {

Outcome<void> launch(TestbedState& state, TestbedNode& node, bool outlive) {
  auto process = spawn({.command = {state.program, "--config", node.config_file},
                        .log_file = node.log_file,
                        .die_with_parent = !outlive});
  if (!process) return tl::unexpected(to_failure(process.error()));
  node.process = *process;
  if (auto saved = save(state); !saved) return tl::unexpected(to_failure(saved.error()));
  return {};
}

class ProcessEngine final : public Engine {
 public:
  Outcome<std::string> find_program(const TestbedOptions& options) const override {
    auto program = find_skiptraind(options.skiptraind);
    if (!program) return tl::unexpected(to_failure(program.error()));
    return *std::move(program);
  }

  Outcome<void> lay_out(const TestbedOptions&, const TestbedState&) const override { return {}; }

  Outcome<void> start_all(TestbedState& state, bool outlive) const override {
    for (TestbedNode& node : state.nodes) {
      if (auto started = launch(state, node, outlive); !started) return started;
    }
    return {};
  }

  Outcome<void> end_all(TestbedState& state) const override {
    std::vector<ProcessId> processes;
    for (const TestbedNode& node : state.nodes) processes.push_back(node.process);
    end_processes(processes);
    for (TestbedNode& node : state.nodes) node.process = {};
    return {};
  }

  Outcome<std::vector<Standing>> look(const TestbedState& state) const override {
    std::vector<Standing> seen;
    for (const TestbedNode& node : state.nodes) {
      seen.push_back({.exists = node.process.pid != 0, .running = is_alive(node.process)});
    }
    return seen;
  }

  std::string log_tail(const TestbedNode& node, std::size_t count) const override {
    return last_lines(node.log_file, count);
  }

  std::string log_place(const TestbedNode& node) const override { return node.log_file; }

  Outcome<void> start(TestbedState& state, TestbedNode& node) const override {
    return launch(state, node, true);
  }

  Outcome<void> stop(TestbedNode& node) const override {
    end_processes({node.process});
    return {};
  }

  Outcome<void> kill(TestbedNode& node) const override {
    kill_process(node.process);
    return {};
  }

  Outcome<void> cut_off(const TestbedState&, const TestbedNode& node) const override {
    return failure(ExitCode::kPrecondition,
                   node.name + " is a process and shares this machine's network with its peers",
                   "nodes in containers can be cut off: skipctl testbed up --engine docker");
  }

  Outcome<void> reconnect(const TestbedState&, const TestbedNode&) const override { return {}; }
};

}  // namespace

const Engine& process_engine() {
  static const ProcessEngine engine;
  return engine;
}

}  // namespace skiptrain::ctl
