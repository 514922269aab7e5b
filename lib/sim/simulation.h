// Hundreds of virtual nodes in one process: START HERE.
//
// Each node is an unchanged core::Node. The simulation is its driver: it keeps a virtual clock and
// an agenda of what happens when, steps nodes with events, and carries out their effects: updates
// travel over an in-memory network (network_options.h) without being copied or serialized, training
// goes to the node's ports::Trainer, mixes of many nodes are computed together
// (model/batch_mixing.h), and faults strike as planned (faults.h).
//
// Virtual time costs nothing: training lasts as long as the node's Device says, not as long as
// this machine takes. What a job's result is due at is known when it starts, so jobs run on worker
// threads while the clock goes on, and are joined when the agenda reaches them. Everything else
// happens on the thread that calls `run`. So one set of options gives one result and one sequence
// of calls to the observers, however many workers there are.
//
// Memory: all nodes share what they share in meaning. A node costs x(t), its update if it trained,
// the mix being written, its trainer's handle and some KB of core state; see estimate_memory.
//
// Not thread-safe, but for `progress`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/units.h"
#include "core/node.h"
#include "core/topology/topology.h"
#include "model/compression.h"
#include "model/parameters.h"
#include "ports/trainer.h"
#include "sim/faults.h"
#include "sim/network_options.h"
#include "sim/observer.h"
#include "sim/snapshot.h"

namespace skiptrain::sim {

// What a virtual device can do and may spend.
struct Device {
  Duration train_time = std::chrono::milliseconds(100);  // one train round, in virtual time
  Duration train_jitter{};                               // and up to this more, at random
  WattHours energy_per_train_round{1.0};
  std::optional<WattHours> budget;  // of the whole run; nullopt: no limit
  // How fast it mixes: a mix of d + 1 inputs reads them and writes one.
  double memory_bytes_per_s = 4e9;
};

struct SimulationOptions {
  core::Topology topology{1};
  std::uint64_t total_rounds = 1;  // T
  // What a daemon's run.seed decides: what the nodes compute. NodeIds are positions, as in a
  // testbed, so that the same seed gives what a testbed's daemons give.
  std::uint64_t run_seed = 1;
  // Decides when messages arrive and which are lost; not what a run without faults computes.
  std::uint64_t network_seed = 1;
  core::Schedule schedule;
  std::vector<Device> devices = {Device{}};  // one for each node, or one for all
  std::optional<Duration> round_deadline;    // nullopt: automatic, as in the daemon
  core::RoundRules rules;
  // Instead of edges that stay; the topology must be complete then.
  std::optional<core::EpidemicOptions> epidemic;
  Compression compression;  // of updates; not one that keeps copies with `epidemic`
  Duration start_timeout = std::chrono::seconds(60);
  std::uint64_t evaluate_every = 0;    // rounds; 0: only at the end
  std::uint64_t evaluate_samples = 0;  // for evaluations during the run; 0: all
  bool evaluate_at_end = true;
  std::uint64_t end_samples = 0;     // for the evaluation at the end; 0: all
  std::uint64_t snapshot_every = 0;  // rounds; 0: never
  NetworkOptions network;
  FaultPlan faults;
  // Nodes load their models within this time, at random; 0: all at once.
  Duration max_boot_time{};
  // Threads that train, evaluate and mix, the calling one among them; at least 1.
  std::size_t workers = 1;
  // Observers and the step watcher are told of the whole cluster's steps in the order of virtual
  // time, as an event log should have them. If not, nodes that cannot know of each other yet
  // (within the least latency of a link) are told of one after the other; that is faster, and
  // nothing else differs. Where the order matters (`pause_when`, faults at commits) it is kept
  // anyway.
  bool in_time_order = false;
  // Steps after which `run` gives up with kStepLimit, for good; 0: none.
  std::uint64_t step_limit = 0;
  // x(0) by position, if nodes are to start apart; empty: all from the trainer's.
  std::function<ParametersPtr(Position)> initial;
};

// One for each node, by position. Calls on different handles may overlap, never two on one handle.
using Trainers = std::vector<std::unique_ptr<ports::Trainer>>;

enum class Outcome {
  kEnded,      // every node that is up has ended its run
  kStopped,    // by the stop token
  kPaused,     // by `pause_when`
  kStepLimit,  // not ended within SimulationOptions::step_limit
  kStalled,    // nothing is left to happen, and a node has not ended: a bug of ours
};
const char* to_string(Outcome outcome);

struct Progress {
  std::uint64_t rounds_committed = 0;  // by all nodes together, jumps counted as what they skip
  std::uint64_t rounds_total = 0;      // nodes * T
  Instant virtual_time{};
};

class Simulation {
 public:
  // As testbeds number their nodes, from 0.
  static NodeId id_of(Position position) { return NodeId(position); }
  static Position position_of(NodeId id) { return static_cast<Position>(id.value()); }

  // kInvalidArgument: a topology that is not connected, a number of devices or trainers that does
  // not fit it, options out of range. kMismatch: a snapshot of other nodes, rounds, seed or model.
  // `pool` lends the buffers of mixes; give the trainers the same one.
  static Result<std::unique_ptr<Simulation>> create(SimulationOptions options, Trainers trainers,
                                                    ParametersPool pool,
                                                    const Snapshot* resume = nullptr);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Before `run`. Called in the order in which they were added; they must outlive the simulation.
  void add_observer(Observer& observer);
  void set_step_watcher(StepWatcher* watcher);

  // Runs until every node that is up has ended its run and no restart is planned any more. Looks at
  // `stop` and `pause_when` between steps; a stop also cancels training, so that it returns within
  // a local step. May be called again after kPaused, to go on; not after the other outcomes.
  Outcome run(std::stop_token stop = {}, const std::function<bool()>& pause_when = nullptr);

  // Faults by hand, between runs that paused.
  void strike(const FaultKind& fault);

  // Thread-safe.
  Progress progress() const;

  std::size_t size() const;
  Instant now() const;
  std::uint64_t steps() const;
  bool is_up(Position position) const;
  // Requires is_up(position).
  const core::Node& node(Position position) const;
  // The largest round of a node that is up.
  Round newest_round() const;
  // x(round) as the node committed it last, in whichever incarnation; x(0) before.
  ModelUpdate committed(Position position) const;
  NodeTotals totals(Position position) const;
  const FaultCounts& fault_counts() const;
  const SimulationOptions& options() const;

 private:
  class Engine;
  explicit Simulation(std::unique_ptr<Engine> engine);
  std::unique_ptr<Engine> engine_;
};

// Root mean square over the nodes of |x_i - mean|_2 of what they committed last; 0 for one node.
double consensus_distance(const Simulation& simulation);

}  // namespace skiptrain::sim
