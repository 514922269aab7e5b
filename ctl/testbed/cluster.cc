#include "ctl/testbed/cluster.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "ctl/files.h"
#include "ctl/testbed/engine.h"
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
    const Engine& engine = engine_of(old->engine);
    const auto seen = engine.look(*old);
    if (!seen) return tl::unexpected(seen.error());
    if (std::ranges::any_of(*seen, &Standing::running)) {
      return failure(ExitCode::kPrecondition, "a testbed is running in " + dir,
                     "end it with: skipctl testbed down --dir " + dir);
    }
    // Containers that have ended are still there.
    if (std::ranges::any_of(*seen, &Standing::exists)) {
      TestbedState ending = *old;
      if (auto ended = engine.end_all(ending); !ended) return ended;
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

// Writes a configuration for each node, and what the engine needs besides. All are checked before
// any is written.
Outcome<void> write_files(const TestbedOptions& options, const TestbedState& state) {
  std::vector<std::string> configs;
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    auto config = node_config(options, state, i);
    if (!config) return tl::unexpected(to_failure(config.error()));
    configs.push_back(*std::move(config));
  }
  // First, so that a folder that could not be filled is known for a testbed's.
  if (auto saved = save(state); !saved) return tl::unexpected(to_failure(saved.error()));
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    std::error_code error;
    fs::create_directories(state.nodes[i].directory, error);
    if (auto written = write_file(state.nodes[i].config_file, configs[i]); !written) {
      return tl::unexpected(to_failure(written.error()));
    }
  }
  return engine_of(state.engine).lay_out(options, state);
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
  (void)end(true);
}

Outcome<TestbedState> lay_out_testbed(const TestbedOptions& options) {
  auto program = engine_of(options.engine).find_program(options);
  if (!program) return tl::unexpected(program.error());
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
  Outcome<void> written = plan ? Outcome<void>() : tl::unexpected(to_failure(plan.error()));
  if (plan) {
    plan->program = *std::move(program);
    written = write_files(options, *plan);
  }
  if (!written) {
    std::error_code ignored;
    if (plan) remove_socket_dir(*plan);
    if (options.dir.empty()) fs::remove_all(dir, ignored);  // made above
    return tl::unexpected(written.error());
  }
  return *std::move(plan);
}

Outcome<Cluster> Cluster::start(const TestbedOptions& options, bool outlive) {
  auto laid_out = lay_out_testbed(options);
  if (!laid_out) return tl::unexpected(laid_out.error());
  Cluster cluster(*std::move(laid_out), options.dir.empty());
  const Engine& engine = engine_of(cluster.state_.engine);
  if (auto started = engine.start_all(cluster.state_, outlive); !started) {
    (void)cluster.end(true);  // that it could not be started is the news
    return tl::unexpected(started.error());
  }
  return cluster;
}

std::optional<Failure> Cluster::find_dead() const {
  const Engine& engine = engine_of(state_.engine);
  const auto seen = engine.look(state_);
  if (!seen) return seen.error();
  for (std::size_t i = 0; i < state_.nodes.size(); ++i) {
    if ((*seen)[i].running) continue;
    const TestbedNode& node = state_.nodes[i];
    const std::string tail = engine.log_tail(node, kLogTailLines);
    return Failure{ExitCode::kError,
                   "the daemon of " + node.name + " has ended; the last lines of " +
                       engine.log_place(node) + (tail.empty() ? " are empty" : ":\n" + tail),
                   ""};
  }
  return std::nullopt;
}

Outcome<void> Cluster::end(bool keep_files) {
  if (!std::exchange(is_ours_, false)) return {};
  if (auto ended = end_testbed(state_); !ended) return ended;
  std::error_code ignored;
  if (is_temporary_ && !keep_files) fs::remove_all(state_.dir, ignored);
  return {};
}

void Cluster::leave_running() {
  is_ours_ = false;
}

Outcome<void> end_testbed(TestbedState& state) {
  if (auto ended = engine_of(state.engine).end_all(state); !ended) return ended;
  remove_socket_dir(state);
  if (auto saved = save(state); !saved) return tl::unexpected(to_failure(saved.error()));
  return {};
}

Outcome<TestbedState> open_testbed(const std::string& dir) {
  const std::string path =
      dir.empty() ? default_testbed_dir() : fs::absolute(dir).lexically_normal().string();
  auto state = load_state(path);
  if (!state) return tl::unexpected(to_failure(state.error()));
  return *std::move(state);
}

std::string default_testbed_dir() {
  return (fs::temp_directory_path() / ("skiptrain-testbed-" + std::to_string(getuid()))).string();
}

}  // namespace skiptrain::ctl
