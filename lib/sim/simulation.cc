#include "sim/simulation.h"

#include <cmath>
#include <utility>

#include "base/check.h"
#include "sim/engine.h"

namespace skiptrain::sim {
namespace {

tl::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

Status validate_device(const Device& device, std::size_t index) {
  const std::string where = "device " + std::to_string(index) + ": ";
  if (device.train_time < Duration(0)) return refuse(where + "train_time must be 0 or more");
  if (device.train_jitter < Duration(0)) return refuse(where + "train_jitter must be 0 or more");
  if (device.energy_per_train_round.value() < 0) {
    return refuse(where + "energy_per_train_round must be 0 Wh or more");
  }
  if (!(device.memory_bytes_per_s > 0)) return refuse(where + "memory_bytes_per_s must be above 0");
  return {};
}

Status validate(const SimulationOptions& options, const Trainers& trainers) {
  const std::size_t nodes = options.topology.node_count();
  if (nodes == 0) return refuse("a simulation needs at least one node");
  if (!options.topology.is_connected()) {
    return refuse("the topology is not connected: its nodes could never agree");
  }
  if (options.devices.size() != 1 && options.devices.size() != nodes) {
    return refuse(std::to_string(options.devices.size()) + " devices for " + std::to_string(nodes) +
                  " nodes: must be one for each, or one for all");
  }
  for (std::size_t i = 0; i < options.devices.size(); ++i) {
    if (auto valid = validate_device(options.devices[i], i); !valid) return valid;
  }
  if (trainers.size() != nodes) {
    return refuse(std::to_string(trainers.size()) + " trainers for " + std::to_string(nodes) +
                  " nodes: must be one for each");
  }
  if (options.workers < 1) return refuse("workers = 0: must be at least 1");
  if (options.round_deadline && *options.round_deadline <= Duration(0)) {
    return refuse("round_deadline must be above 0");
  }
  if (auto valid = options.rules.validate(); !valid) return refuse(valid.error().message);
  if (options.epidemic && options.compression.keeps_copies()) {
    return refuse("compression " + to_string(options.compression) +
                  " sends differences to what the same neighbours were sent before; with epidemic "
                  "exchange they change by the round");
  }
  if (options.start_timeout < Duration(0)) return refuse("start_timeout must be 0 or more");
  if (options.max_boot_time < Duration(0)) return refuse("max_boot_time must be 0 or more");
  if (auto valid = options.schedule.validate(); !valid) return valid;
  if (auto valid = validate(options.network, nodes); !valid) return valid;
  return validate(options.faults, options.topology);
}

tl::unexpected<Error> mismatch(const std::string& what, std::uint64_t theirs, std::uint64_t ours) {
  return fail(ErrorCode::kMismatch, "the snapshot is of another run: " + what + " " +
                                        std::to_string(theirs) + ", here " + std::to_string(ours));
}

Status validate_resume(const SimulationOptions& options, const Snapshot& from,
                       std::size_t parameter_count) {
  const std::size_t nodes = options.topology.node_count();
  if (from.nodes.size() != nodes) return mismatch("nodes", from.nodes.size(), nodes);
  if (from.total_rounds != options.total_rounds) {
    return mismatch("rounds", from.total_rounds, options.total_rounds);
  }
  if (from.run_seed != options.run_seed) return mismatch("seed", from.run_seed, options.run_seed);
  for (const NodeSnapshot& node : from.nodes) {
    if (node.parameters && node.parameters->size() != parameter_count) {
      return mismatch("parameters", node.parameters->size(), parameter_count);
    }
    if (node.round.value() > options.total_rounds) {
      return mismatch("a node at round", node.round.value(), options.total_rounds);
    }
    if (node.incarnation == 0) return mismatch("an incarnation of", 0, 1);
  }
  return {};
}

}  // namespace

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kEnded:
      return "ended";
    case Outcome::kStopped:
      return "stopped";
    case Outcome::kPaused:
      return "paused";
    case Outcome::kStepLimit:
      return "step limit";
    case Outcome::kStalled:
      return "stalled";
  }
  return "unknown";
}

Result<std::unique_ptr<Simulation>> Simulation::create(SimulationOptions options, Trainers trainers,
                                                       ParametersPool pool,
                                                       const Snapshot* resume) {
  if (auto valid = validate(options, trainers); !valid) return tl::unexpected(valid.error());
  const std::size_t parameter_count = trainers.front()->layout().parameter_count();
  if (pool.parameter_count() != parameter_count) {
    return refuse("the pool's buffers hold " + std::to_string(pool.parameter_count()) +
                  " parameters, the trainers' model has " + std::to_string(parameter_count));
  }
  if (resume != nullptr) {
    if (auto valid = validate_resume(options, *resume, parameter_count); !valid) {
      return tl::unexpected(valid.error());
    }
  }
  return std::unique_ptr<Simulation>(new Simulation(
      std::make_unique<Engine>(std::move(options), std::move(trainers), std::move(pool), resume)));
}

Simulation::Simulation(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
Simulation::~Simulation() = default;

void Simulation::add_observer(Observer& observer) {
  engine_->add_observer(observer);
}
void Simulation::set_step_watcher(StepWatcher* watcher) {
  engine_->set_step_watcher(watcher);
}
Outcome Simulation::run(std::stop_token stop, const std::function<bool()>& pause_when) {
  return engine_->run(std::move(stop), pause_when);
}
void Simulation::strike(const FaultKind& fault) {
  engine_->strike(fault);
}
Progress Simulation::progress() const {
  return engine_->progress();
}
std::size_t Simulation::size() const {
  return engine_->nodes().size();
}
Instant Simulation::now() const {
  return engine_->now();
}
std::uint64_t Simulation::steps() const {
  return engine_->steps();
}
bool Simulation::is_up(Position position) const {
  return engine_->nodes()[position].core.has_value();
}
const core::Node& Simulation::node(Position position) const {
  SKIPTRAIN_CHECK(is_up(position), "only a node that is up can be looked at");
  return *engine_->nodes()[position].core;
}
Round Simulation::newest_round() const {
  Round newest;
  for (const VirtualNode& node : engine_->nodes()) {
    if (node.core && node.core->round() > newest) newest = node.core->round();
  }
  return newest;
}
ModelUpdate Simulation::committed(Position position) const {
  return engine_->committed(position);
}
NodeTotals Simulation::totals(Position position) const {
  return engine_->totals(position);
}
const FaultCounts& Simulation::fault_counts() const {
  return engine_->fault_counts();
}
const SimulationOptions& Simulation::options() const {
  return engine_->options();
}

double consensus_distance(const Simulation& simulation) {
  const std::size_t nodes = simulation.size();
  std::vector<ParametersPtr> states;
  for (Position i = 0; i < nodes; ++i) states.push_back(simulation.committed(i).parameters);
  double squares = 0.0;
  // Column by column, with the sum of squares about the mean in two passes, in double.
  for (std::size_t k = 0; k < states.front()->size(); ++k) {
    double mean = 0.0;
    for (const auto& state : states) mean += static_cast<double>(state->values()[k]);
    mean /= static_cast<double>(nodes);
    for (const auto& state : states) {
      const double apart = static_cast<double>(state->values()[k]) - mean;
      squares += apart * apart;
    }
  }
  return std::sqrt(squares / static_cast<double>(nodes));
}

}  // namespace skiptrain::sim
