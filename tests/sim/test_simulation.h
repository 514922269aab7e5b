// A simulation with the quadratic trainer, watched by the invariants: what the tests of this folder
// start from.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/event_log.h"
#include "sim/quadratic_trainer.h"
#include "sim/simulation.h"
#include "tests/sim/protocol_invariants.h"

namespace skiptrain::sim::testing {

// "regular:3" and so on; with a fixed seed.
core::Topology topology_of(const std::string& spec, std::size_t nodes);

// Small delays at random, an update a few bytes: message times between 1 ns and `most`.
NetworkOptions jittery_network(Duration most);

class TestSimulation : private Observer, private StepWatcher {
 public:
  // The trainer's run seed, nodes and dimension come from `options` and `dimension`. `is_calm` as
  // in ProtocolInvariants. Options without a round_deadline get one of a minute.
  TestSimulation(SimulationOptions options, std::size_t dimension, bool is_calm);
  // For the tests that keep every committed state.
  void keep_history() { keeps_history_ = true; }
  // Before the run: writes its events down, too.
  void also_log_to(EventLog& log);

  Simulation& simulation() { return *simulation_; }
  Simulation* operator->() { return simulation_.get(); }
  const ProtocolInvariants& invariants() const { return invariants_; }
  // Runs to the end and checks that it is one.
  Outcome run_to_end();
  // x(round) of a node, as it committed it; requires keep_history and that it did.
  const std::vector<float>& state_after(Position position, std::uint64_t round) const;

 private:
  void node_committed(Position position, Instant now, const core::Commit& commit) override;
  void node_stepped(Position position, const core::Node& node, const core::Event& event,
                    const core::Effects& effects, Instant now, Instant local) override;

  std::unique_ptr<Simulation> simulation_;
  ProtocolInvariants invariants_;
  EventLog* log_ = nullptr;
  bool keeps_history_ = false;
  std::map<std::pair<Position, std::uint64_t>, std::vector<float>> history_;
};

}  // namespace skiptrain::sim::testing
