// The daemons of one testbed, as processes: started together, ended together.
//
// A Cluster ends its daemons when it is destroyed, on every path, unless `leave_running` was
// called. Must be used from the thread that made it (see process.h).
#pragma once

#include <optional>
#include <string>

#include "ctl/failure.h"
#include "ctl/testbed/options.h"
#include "ctl/testbed/state.h"

namespace skiptrain::ctl {

// Lines of a dead daemon's log that an error shows.
inline constexpr std::size_t kLogTailLines = 12;

class Cluster {
 public:
  // Writes configs into `options.dir` (a temporary folder if empty) and starts all daemons; returns
  // when all are started, not when they are ready. Refuses a folder with a live testbed
  // (kPrecondition), with other contents of these names (kPrecondition), or one that others may
  // write to (kPrecondition). On a failure nothing is left running. `outlive`: the daemons may
  // outlive this process.
  static Outcome<Cluster> start(const TestbedOptions& options, bool outlive);

  Cluster(Cluster&&) noexcept;
  Cluster& operator=(Cluster&&) = delete;
  ~Cluster();

  const TestbedState& state() const { return state_; }

  // A daemon that has ended by itself, with the last lines of its log; nullopt if all run.
  std::optional<Failure> find_dead() const;

  // Ends all daemons and waits for them. Also removes a temporary folder, unless `keep_files`.
  void end(bool keep_files);
  // The daemons go on; the state file says which they are.
  void leave_running();

 private:
  Cluster(TestbedState state, bool is_temporary);
  Outcome<void> start_all(const TestbedOptions& options, bool outlive);

  TestbedState state_;
  bool is_temporary_ = false;
  bool is_ours_ = true;  // to be ended by the destructor
};

// The words for a daemon that ended by itself.
Failure daemon_died(const TestbedNode& node);

// Starts one node of `state` again, as `testbed start` does. kPrecondition if it runs.
Outcome<void> restart_node(TestbedState& state, TestbedNode& node);

// Ends what still runs of a testbed, and notes it in its state file.
Outcome<void> end_testbed(TestbedState& state);

// Where `testbed up` and its fellows work if --dir is not given.
std::string default_testbed_dir();

}  // namespace skiptrain::ctl
