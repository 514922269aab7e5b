// The daemons of one testbed, wherever they run (engine.h): started together, ended together.
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

  // A daemon that has ended by itself, with the last lines of its log; nullopt if all run. With
  // containers this takes a while, so it is for when one does not answer.
  std::optional<Failure> find_dead() const;

  // Ends all daemons and waits for them. Also removes a temporary folder, unless `keep_files`.
  Outcome<void> end(bool keep_files);
  // The daemons go on; the state file says which they are.
  void leave_running();

 private:
  Cluster(TestbedState state, bool is_temporary);
  TestbedState state_;
  bool is_temporary_ = false;
  bool is_ours_ = true;  // to be ended by the destructor
};

// Makes the folder of a testbed with all that Cluster::start writes, and starts nothing. Refuses
// what that refuses.
Outcome<TestbedState> lay_out_testbed(const TestbedOptions& options);

// Ends what still runs of a testbed, and notes it in its state file.
Outcome<void> end_testbed(TestbedState& state);

// The testbed in a folder, the default one if `dir` is empty. kNotFound if there is none.
Outcome<TestbedState> open_testbed(const std::string& dir);

// Where `testbed up` and its fellows work if --dir is not given.
std::string default_testbed_dir();

}  // namespace skiptrain::ctl
