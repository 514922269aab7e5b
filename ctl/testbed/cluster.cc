#include "ctl/testbed/cluster.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "ctl/files.h"
#include "ctl/testbed/plan.h"

namespace skiptrain::ctl {
namespace {

namespace fs = std::filesystem;

Outcome<std::string> temporary_dir() {
  std::string pattern = (fs::temp_directory_path() / "skiptrain-testbed-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    return failure(ExitCode::kError, "cannot make a temporary folder: " + pattern,
                   "name one with --dir");
  }
  return pattern;
}

// Makes the folder, for this user alone, or finds it made and private.
Outcome<void> make_private_dir(const std::string& dir) {
  const char* hint = "name another folder with --dir";
  std::error_code ignored;  // mkdir says what is wrong
  const fs::path path = dir.ends_with('/') ? fs::path(dir).parent_path() : fs::path(dir);
  fs::create_directories(path.parent_path(), ignored);
  if (mkdir(dir.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return failure(ExitCode::kError, "cannot make " + dir + ": " + std::strerror(errno), hint);
  }
  if (const auto ours = check_private(dir); !ours) {
    return failure(exit_code_of(ours.error().code), ours.error().message, hint);
  }
  return {};
}

// The short paths of a testbed's sockets. Removes nothing but sockets: the path may be an old one.
void remove_socket_dir(const TestbedState& state) {
  if (state.socket_dir.empty()) return;
  std::error_code ignored;
  for (const TestbedNode& node : state.nodes) {
    if (fs::is_socket(node.socket, ignored)) fs::remove(node.socket, ignored);
  }
  fs::remove(state.socket_dir, ignored);  // fails if anything else is in it
}

// Makes sure that `dir` exists and may be filled: it holds an ended testbed, which is removed, or
// nothing of the kind. Never removes what skipctl has not made: of the folder, only its node-*.
Outcome<void> prepare_dir(const std::string& dir) {
  if (auto made = make_private_dir(dir); !made) return made;
  std::error_code error;
  const auto old = load_state(dir);
  if (old) {
    if (old->is_live()) {
      return failure(ExitCode::kPrecondition, "a testbed is running in " + dir,
                     "end it with: skipctl testbed down --dir " + dir);
    }
    for (const TestbedNode& node : old->nodes) fs::remove_all(node.directory, error);
    remove_socket_dir(*old);
    return {};
  }
  if (old.error().code != ErrorCode::kNotFound) return tl::unexpected(to_failure(old.error()));
  if (fs::exists(dir + "/node-0", error)) {
    return failure(ExitCode::kPrecondition,
                   dir + "/node-0 is there, but no " + kStateFile + ": not made by a testbed",
                   "name another folder with --dir, or remove it");
  }
  return {};
}

std::vector<ProcessId> processes_of(const TestbedState& state) {
  std::vector<ProcessId> processes;
  for (const TestbedNode& node : state.nodes) processes.push_back(node.process);
  return processes;
}

SpawnOptions spawn_options(const TestbedState& state, const TestbedNode& node, bool outlive) {
  return {.command = {state.skiptraind, "--config", node.config_file},
          .log_file = node.log_file,
          .die_with_parent = !outlive};
}

}  // namespace

Cluster::Cluster(TestbedState state, bool is_temporary)
    : state_(std::move(state)), is_temporary_(is_temporary) {}

Cluster::Cluster(Cluster&& other) noexcept
    : state_(std::move(other.state_)),
      is_temporary_(other.is_temporary_),
      is_ours_(std::exchange(other.is_ours_, false)) {}

// Whoever did not end it explicitly is on the way out with an error: keep the logs.
Cluster::~Cluster() {
  end(true);
}

Outcome<Cluster> Cluster::start(const TestbedOptions& options, bool outlive) {
  auto program = find_skiptraind(options.skiptraind);
  if (!program) return tl::unexpected(to_failure(program.error()));
  std::string dir;
  if (options.dir.empty()) {
    auto made = temporary_dir();
    if (!made) return tl::unexpected(made.error());
    dir = *std::move(made);
  } else {
    dir = fs::absolute(options.dir).lexically_normal().string();
    if (auto prepared = prepare_dir(dir); !prepared) return tl::unexpected(prepared.error());
  }
  auto plan = plan_testbed(options, dir);
  if (!plan) {
    std::error_code ignored;
    if (options.dir.empty()) fs::remove(dir, ignored);
    return tl::unexpected(to_failure(plan.error()));
  }
  plan->skiptraind = *std::move(program);
  Cluster cluster(*std::move(plan), options.dir.empty());
  if (auto started = cluster.start_all(options, outlive); !started) {
    cluster.end(cluster.state().was_started());  // else there is no log worth keeping
    return tl::unexpected(started.error());
  }
  return cluster;
}

Outcome<void> Cluster::start_all(const TestbedOptions& options, bool outlive) {
  std::vector<std::string> configs;
  for (std::size_t i = 0; i < state_.nodes.size(); ++i) {
    auto config = node_config(options, state_, i);
    if (!config) return tl::unexpected(to_failure(config.error()));
    configs.push_back(*std::move(config));
  }
  for (std::size_t i = 0; i < state_.nodes.size(); ++i) {
    std::error_code error;
    fs::create_directories(state_.nodes[i].directory, error);
    if (auto written = write_file(state_.nodes[i].config_file, configs[i]); !written) {
      return tl::unexpected(to_failure(written.error()));
    }
  }
  for (TestbedNode& node : state_.nodes) {
    auto process = spawn(spawn_options(state_, node, outlive));
    if (!process) return tl::unexpected(to_failure(process.error()));
    node.process = *process;
    // After each, so that no process is ever unaccounted for.
    if (auto saved = save(state_); !saved) return tl::unexpected(to_failure(saved.error()));
  }
  return {};
}

std::optional<Failure> Cluster::find_dead() const {
  for (const TestbedNode& node : state_.nodes) {
    if (!is_alive(node.process)) return daemon_died(node);
  }
  return std::nullopt;
}

void Cluster::end(bool keep_files) {
  if (!std::exchange(is_ours_, false)) return;
  end_processes(processes_of(state_));
  remove_socket_dir(state_);
  std::error_code ignored;
  if (is_temporary_ && !keep_files) {
    fs::remove_all(state_.dir, ignored);
    return;
  }
  for (TestbedNode& node : state_.nodes) node.process = {};
  if (fs::exists(state_.dir, ignored)) (void)save(state_);  // best effort: all have ended
}

void Cluster::leave_running() {
  is_ours_ = false;
}

Failure daemon_died(const TestbedNode& node) {
  const std::string tail = last_lines(node.log_file, kLogTailLines);
  return {ExitCode::kError,
          "the daemon of " + node.name + " has ended; the last lines of " + node.log_file +
              (tail.empty() ? " are empty" : ":\n" + tail),
          ""};
}

Outcome<void> restart_node(TestbedState& state, TestbedNode& node) {
  if (is_alive(node.process)) {
    return failure(ExitCode::kPrecondition,
                   node.name + " is running, process " + std::to_string(node.process.pid));
  }
  auto process = spawn(spawn_options(state, node, true));
  if (!process) return tl::unexpected(to_failure(process.error()));
  node.process = *process;
  if (auto saved = save(state); !saved) return tl::unexpected(to_failure(saved.error()));
  return {};
}

Outcome<void> end_testbed(TestbedState& state) {
  end_processes(processes_of(state));
  remove_socket_dir(state);
  for (TestbedNode& node : state.nodes) node.process = {};
  if (auto saved = save(state); !saved) return tl::unexpected(to_failure(saved.error()));
  return {};
}

std::string default_testbed_dir() {
  return (fs::temp_directory_path() / ("skiptrain-testbed-" + std::to_string(getuid()))).string();
}

}  // namespace skiptrain::ctl
