#include "tests/sim/test_simulation.h"

#include <utility>

#include "base/check.h"
#include "core/topology/build_topology.h"

namespace skiptrain::sim::testing {
namespace {

constexpr std::uint64_t kTopologySeed = 11;
// A step limit as a safety net: a round takes a node some d + 10 steps, and a lost round as many
// again.
std::uint64_t ample_steps(const SimulationOptions& options) {
  const std::uint64_t nodes = options.topology.node_count();
  const std::uint64_t per_round = 50 * nodes + 20 * options.topology.edges().size();
  return per_round * (options.total_rounds + 10);
}

SimulationOptions completed(SimulationOptions options) {
  if (!options.round_deadline) options.round_deadline = std::chrono::seconds(60);
  if (options.step_limit == 0) options.step_limit = ample_steps(options);
  return options;
}

}  // namespace

core::Topology topology_of(const std::string& spec, std::size_t nodes) {
  return core::build_topology(core::parse_topology_spec(spec).value(), nodes, kTopologySeed)
      .value();
}

NetworkOptions jittery_network(Duration most) {
  NetworkOptions network;
  network.link.latency = Duration(0);
  network.link.jitter = most;
  network.reconnect_delay = most;
  return network;
}

TestSimulation::TestSimulation(SimulationOptions options, std::size_t dimension, bool is_calm)
    : invariants_(completed(options), is_calm) {
  const auto problem = std::make_shared<const QuadraticProblem>(
      QuadraticOptions{.nodes = options.topology.node_count(),
                       .dimension = dimension,
                       .run_seed = options.run_seed,
                       .local_steps = 3,
                       .noise = 0.1});
  ParametersPool pool(dimension, 4 * options.topology.node_count());
  auto made =
      Simulation::create(completed(std::move(options)), quadratic_trainers(problem, pool), pool);
  if (!made) std::fprintf(stderr, "%s\n", made.error().message.c_str());
  SKIPTRAIN_CHECK(made.has_value(), "a test's options are good");
  simulation_ = std::move(*made);
  simulation_->add_observer(invariants_);
  simulation_->add_observer(*this);
  simulation_->set_step_watcher(this);
}

void TestSimulation::also_log_to(EventLog& log) {
  log_ = &log;
  simulation_->add_observer(log);
}

void TestSimulation::node_stepped(Position position, const core::Node& node,
                                  const core::Event& event, const core::Effects& effects,
                                  Instant now, Instant local) {
  if (log_ != nullptr) log_->node_stepped(position, node, event, effects, now, local);
  invariants_.node_stepped(position, node, event, effects, now, local);
}

Outcome TestSimulation::run_to_end() {
  const Outcome outcome = simulation_->run();
  invariants_.check_end(*simulation_, outcome);
  return outcome;
}

void TestSimulation::node_committed(Position position, Instant, const core::Commit& commit) {
  if (!keeps_history_) return;
  const auto values = commit.state.parameters->values();
  history_[{position, commit.state.round.value()}] = {values.begin(), values.end()};
}

const std::vector<float>& TestSimulation::state_after(Position position,
                                                      std::uint64_t round) const {
  return history_.at({position, round});
}

}  // namespace skiptrain::sim::testing
