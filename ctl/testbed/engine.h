// Where the daemons of a testbed run, and what can be done to one of them there.
//
// What a testbed is, its names, folders and configurations, is the same everywhere (plan.h); an
// Engine starts that and ends it. There are two: processes of this machine, and containers. Engines
// have no state of their own: everything is in the TestbedState, or asked of the kernel or docker.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/failure.h"
#include "ctl/testbed/options.h"
#include "ctl/testbed/state.h"

namespace skiptrain::ctl {

// How one daemon is doing, as its engine sees it.
struct Standing {
  bool exists = false;   // it was started, and not ended with its testbed since
  bool running = false;  // its process lives
  bool cut_off = false;  // from its peers, by cut_off()
};

// All calls are made from one thread. A Failure says what to do about it.
class Engine {
 public:
  virtual ~Engine() = default;

  // Finds what each node is to run, before anything is made: TestbedState::program.
  virtual Outcome<std::string> find_program(const TestbedOptions& options) const = 0;
  // What it needs besides the nodes' configurations, which are written already.
  virtual Outcome<void> lay_out(const TestbedOptions& options, const TestbedState& state) const = 0;
  // All daemons. On a failure some may run; `end_all` ends them. `outlive`: they may outlive this
  // process.
  virtual Outcome<void> start_all(TestbedState& state, bool outlive) const = 0;
  // Ends all, and waits until they are gone. No error if none runs.
  virtual Outcome<void> end_all(TestbedState& state) const = 0;

  // One for each node, in order.
  virtual Outcome<std::vector<Standing>> look(const TestbedState& state) const = 0;
  // The last `count` lines that a daemon logged; empty if there are none.
  virtual std::string log_tail(const TestbedNode& node, std::size_t count) const = 0;
  // Where its log is, for people: a file or a command.
  virtual std::string log_place(const TestbedNode& node) const = 0;

  // A daemon that does not run, again.
  virtual Outcome<void> start(TestbedState& state, TestbedNode& node) const = 0;
  // As an operator would, with SIGTERM.
  virtual Outcome<void> stop(TestbedNode& node) const = 0;
  // As a crash would, with SIGKILL.
  virtual Outcome<void> kill(TestbedNode& node) const = 0;
  // Takes it off its peers' network; it runs on, and answers on its control socket.
  virtual Outcome<void> cut_off(const TestbedState& state, const TestbedNode& node) const = 0;
  // The reverse.
  virtual Outcome<void> reconnect(const TestbedState& state, const TestbedNode& node) const = 0;
};

// Processes of this machine, on loopback. Nodes cannot be cut off (kPrecondition): all processes of
// a machine share that network. The state is saved after each start, so that none is ever
// unaccounted for.
const Engine& process_engine();

// Containers, one a node, by the programs `docker` and `docker-compose` (or `docker compose`): they
// know where the engine is and what may be asked of it. It must be on this machine, as folders are
// mounted and control sockets are files in them, and must not map users, as containers run as the
// user who calls. Containers outlive this process in any case.
//
// kNotFound: no docker, no compose, no image; kUnreachable: no engine answers; kNotAuthorized: it
// may not be asked.
const Engine& docker_engine();

const Engine& engine_of(EngineKind kind);

}  // namespace skiptrain::ctl
