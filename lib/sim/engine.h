// The inside of a Simulation (simulation.h): its loop, its nodes, how effects are carried out.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "model/publisher.h"
#include "sim/agenda.h"
#include "sim/jobs.h"
#include "sim/local_clock.h"
#include "sim/mixes.h"
#include "sim/network.h"
#include "sim/simulation.h"
#include "sim/snapshot_collector.h"
#include "sim/workers.h"

namespace skiptrain::sim {

// A node of the simulation: the core, and what surrounds it.
struct VirtualNode {
  std::optional<core::Node> core;        // empty while it is down
  std::unique_ptr<Publisher> publisher;  // null while it is down, and if nothing is compressed
  LocalClock clock;
  Instant timer = Instant::max();  // when its armed kTimer entry is due; no later than its deadline
  std::uint32_t timer_epoch = 0;   // tells that entry from older ones
  std::uint32_t incarnation = 0;
  bool tick_is_due = false;
  bool ready = false;  // its model is loaded: it can be connected to
  bool ended = false;
  double slow = 1.0;
  std::uint32_t failing_rounds = 0;
  core::NodeState announced;
  // The state fetch in progress; request 0: none.
  std::uint64_t fetch_request = 0;
  Position fetch_server = 0;
  std::uint32_t fetches = 0;
  std::uint64_t draws = 0;   // of chance, so far
  bool is_training = false;  // `job` was submitted
  Instant train_started;
  TrainJob job;
  ModelUpdate committed;  // last, in whichever incarnation; null parameters: nothing
  Instant committed_at;
  NodeTotals totals;                                           // without what the network counts
  std::vector<std::pair<Round, std::uint32_t>> commit_faults;  // to strike at commits
};

class Simulation::Engine {
 public:
  Engine(SimulationOptions options, Trainers trainers, ParametersPool pool, const Snapshot* resume);
  ~Engine();

  Outcome run(std::stop_token stop, const std::function<bool()>& pause_when);
  void strike(const FaultKind& fault);
  void add_observer(Observer& observer) { observers_.push_back(&observer); }
  void set_step_watcher(StepWatcher* watcher) { watcher_ = watcher; }

  Progress progress() const;
  // Of a run that has ended, when the last node did.
  Instant now() const { return is_over() ? ended_at_ : agenda_.now(); }
  std::uint64_t steps() const { return steps_; }
  const std::vector<VirtualNode>& nodes() const { return nodes_; }
  ModelUpdate committed(Position position) const;
  NodeTotals totals(Position position) const;
  const FaultCounts& fault_counts() const { return counts_; }
  const SimulationOptions& options() const { return options_; }

 private:
  // engine.cc: the loop.
  // Shorter ones are not worth a window.
  static constexpr Duration kLeastLookahead = std::chrono::microseconds(1);
  Duration lookahead(bool may_pause) const;
  void advance();
  void prefetch() const;
  void dispatch(const Entry& entry);
  bool concerns(const Entry& entry) const;
  void deliver(const Entry& entry);
  void step(Position position, const core::Event& event);
  void arm_timer(Position position);
  void timer_is_due(const Entry& entry);
  void finish_training(Position position);
  void finish_mix(const Entry& entry);
  void deliver_evaluations(std::optional<Round> before);
  bool is_over() const;
  bool is_at_step_limit() const { return options_.step_limit > 0 && steps_ >= options_.step_limit; }
  void abandon_jobs();

  // engine_effects.cc: what a step asks for.
  void perform(Position position, core::RecordEnergyIntent& effect);
  void perform(Position position, core::Train& effect);
  void perform(Position position, core::Send& effect);
  void perform(Position position, core::Mix& effect);
  void perform(Position position, core::FetchState& effect);
  void perform(Position position, core::SendState& effect);
  void perform(Position position, core::SendEdge& effect);
  void perform(Position position, core::RecordDirectives& effect);
  void perform(Position position, core::SendDirectives& effect);
  void perform(Position position, core::LinkTo& effect);
  void perform(Position position, core::RefuseState& effect);
  void perform(Position position, core::Announce& effect);
  void perform(Position position, core::Commit& effect);
  void perform(Position position, core::Evaluate& effect);
  void perform(Position position, core::RunEnded& effect);
  void perform(Position position, core::Warn& effect);
  void fail_fetch(Position asker, const std::string& reason);
  void count_round(Position position, const core::RoundRecord& record);
  void take_snapshots(Position position, Round before);
  NodeSnapshot snapshot_of(Position position) const;
  Rng node_rng(Position position);
  bool made_up_failure(Position position, double probability);

  // engine_faults.cc: nodes and links come and go.
  void boot(Position position, ModelUpdate from, Duration after);
  void booted(Position position, std::uint32_t incarnation);
  void dial(DirectionIndex direction, Duration after);
  void connect(DirectionIndex direction);
  void disconnect(DirectionIndex direction);
  void block_changed(DirectionIndex direction, bool was_blocked);
  void check_keepalive(const Entry& entry);
  void plan_faults(Instant start);
  DirectionIndex direction_between(Position from, Position to) const;
  void strike(const Crash& fault);
  void strike(const Restart& fault);
  void strike(const Partition& fault);
  void strike(const Heal& fault);
  void strike(const Cut& fault);
  void strike(const Mend& fault);
  void strike(const BreakLink& fault);
  void strike(const SlowDown& fault);
  void strike(const StepClock& fault);
  void strike(const SkewClock& fault);
  void strike(const FailTraining& fault);
  core::NodeOptions node_options(Position position) const;
  const Device& device(Position position) const;
  ParametersPtr initial_parameters(Position position) const;

  SimulationOptions options_;
  Trainers trainers_;
  ParametersPtr initial_;  // x(0) of all nodes, unless the options give each its own
  std::stop_source cancel_;
  FaultCounts counts_;
  Agenda agenda_;
  Network network_;
  Workers workers_;
  ParametersPool pool_;
  Mixes mixes_;
  SnapshotCollector snapshots_;
  std::vector<VirtualNode> nodes_;
  std::vector<ModelUpdate> boot_states_;  // of nodes that load their model
  std::vector<std::unique_ptr<EvaluationJob>> idle_evaluations_;
  std::deque<std::unique_ptr<EvaluationJob>> evaluations_;  // in the order they were asked for
  std::vector<Observer*> observers_;
  StepWatcher* watcher_ = nullptr;

  core::Effects effects_;  // of the step in progress, kept for its memory
  std::uint64_t steps_ = 0;
  Instant ended_at_;  // when a node last ended or crashed
  std::size_t nodes_up_ = 0;
  std::size_t nodes_running_ = 0;     // up and not ended
  std::size_t restarts_planned_ = 0;  // at a time
  std::atomic<std::uint64_t> rounds_committed_{0};
  std::atomic<Duration::rep> virtual_time_{0};
};

}  // namespace skiptrain::sim
