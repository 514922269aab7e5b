// How virtual nodes and links come and go.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/engine.h"

namespace skiptrain::sim {

// ---- Nodes -------------------------------------------------------------------------------------

const Device& Simulation::Engine::device(Position position) const {
  return options_.devices.size() == 1 ? options_.devices.front() : options_.devices[position];
}

ParametersPtr Simulation::Engine::initial_parameters(Position position) const {
  return options_.initial ? options_.initial(position) : initial_;
}

core::NodeOptions Simulation::Engine::node_options(Position position) const {
  core::NodeOptions options;
  options.id = id_of(position);
  for (const Position j : options_.topology.neighbours(position)) {
    options.neighbours.push_back(id_of(j));
  }
  options.total_rounds = options_.total_rounds;
  options.run_seed = options_.run_seed;
  options.schedule = options_.schedule;
  options.energy_per_train_round = device(position).energy_per_train_round;
  options.budget = device(position).budget;
  options.energy_spent = nodes_[position].totals.energy_spent;  // the ledger outlives the process
  options.fixed_deadline = options_.round_deadline;
  options.rules = options_.rules;
  options.epidemic = options_.epidemic;
  options.start_timeout = options_.start_timeout;
  options.evaluate_every = options_.evaluate_every;
  return options;
}

// A new incarnation, whose model is loaded `after`; x(0) if `from` has no parameters.
void Simulation::Engine::boot(Position position, ModelUpdate from, Duration after) {
  VirtualNode& node = nodes_[position];
  ++node.incarnation;
  node.core.emplace(node_options(position));
  if (!options_.compression.is_none()) {
    node.publisher = std::make_unique<Publisher>(options_.compression, pool_);
  }
  node.ready = false;
  node.ended = false;
  node.timer = Instant::max();
  ++node.timer_epoch;
  node.tick_is_due = false;
  node.announced = {};
  node.fetch_request = 0;
  ++nodes_up_;
  ++nodes_running_;
  if (!from.parameters) from = {Round(0), 0, initial_parameters(position)};
  boot_states_[position] = std::move(from);
  agenda_.push_common({.when = agenda_.now() + after,
                       .node = position,
                       .epoch = node.incarnation,
                       .what = Happening::kBooted});
}

void Simulation::Engine::booted(Position position, std::uint32_t incarnation) {
  VirtualNode& node = nodes_[position];
  if (!node.core || node.incarnation != incarnation) return;
  for (Observer* observer : observers_) {
    observer->node_started(position, agenda_.now(), Incarnation(incarnation));
  }
  ModelUpdate from = std::exchange(boot_states_[position], {});
  step(position, core::ModelReady{from.round, std::move(from.parameters), std::nullopt});
  node.ready = true;
  for (DirectionIndex i = network_.first_outgoing(position); i < network_.end_outgoing(position);
       ++i) {
    dial(i, network_.latency(i));
  }
}

void Simulation::Engine::strike(const Crash& fault) {
  VirtualNode& node = nodes_[fault.node];
  if (!node.core) return;
  ++counts_.crashes;
  node.fetch_request = 0;
  if (std::exchange(node.is_training, false)) {
    workers_.discard(node.job);
    node.job.request.start.reset();
    node.job.outcome.reset();
  }
  for (DirectionIndex i = network_.first_outgoing(fault.node);
       i < network_.end_outgoing(fault.node); ++i) {
    disconnect(i);
  }
  node.core.reset();
  node.publisher.reset();
  --nodes_up_;
  ended_at_ = std::max(ended_at_, agenda_.now());
  if (!node.ended) --nodes_running_;
}

void Simulation::Engine::strike(const Restart& fault) {
  VirtualNode& node = nodes_[fault.node];
  if (node.core) return;
  ++counts_.restarts;
  // A process that starts again has a clock of its own.
  node.clock = LocalClock();
  if (!fault.from_checkpoint) {
    rounds_committed_.fetch_sub(node.committed.round.value(), std::memory_order_relaxed);
    node.committed = {};
  }
  boot(fault.node, node.committed, network_.random_delay(options_.max_boot_time));
}

void Simulation::Engine::strike(const SlowDown& fault) {
  ++counts_.slow_downs;
  nodes_[fault.node].slow = fault.factor;
}

void Simulation::Engine::strike(const StepClock& fault) {
  ++counts_.clock_changes;
  nodes_[fault.node].clock.step(agenda_.now(), fault.by);
  if (nodes_[fault.node].core) arm_timer(fault.node);
}

void Simulation::Engine::strike(const SkewClock& fault) {
  ++counts_.clock_changes;
  nodes_[fault.node].clock.set_rate(agenda_.now(), fault.rate);
  if (nodes_[fault.node].core) arm_timer(fault.node);
}

void Simulation::Engine::strike(const FailTraining& fault) {
  nodes_[fault.node].failing_rounds += fault.rounds;
}

// ---- Links -------------------------------------------------------------------------------------

void Simulation::Engine::dial(DirectionIndex direction, Duration after) {
  agenda_.push_common(
      {.when = agenda_.now() + after, .payload = direction, .what = Happening::kDial});
}

// The Hellos cross: each side hears where the other was at this moment.
void Simulation::Engine::connect(DirectionIndex index) {
  const Direction& there = network_.direction(index);
  const Direction& back = network_.direction(there.reverse);
  const auto can_connect = [this](Position i) { return nodes_[i].core && nodes_[i].ready; };
  if (there.up || there.is_blocked() || back.is_blocked()) return;
  if (!can_connect(there.from) || !can_connect(there.to)) return;
  network_.connect(index);
  for (const DirectionIndex i : {index, there.reverse}) {
    const Direction& direction = network_.direction(i);
    const VirtualNode& other = nodes_[direction.from];
    network_.notify(
        i,
        core::PeerConnected{id_of(direction.from), Incarnation(other.incarnation), other.announced},
        nodes_[direction.to].incarnation);
  }
}

void Simulation::Engine::disconnect(DirectionIndex index) {
  if (!network_.direction(index).up) return;
  network_.disconnect(index);
  for (const DirectionIndex i : {index, network_.direction(index).reverse}) {
    const Direction& direction = network_.direction(i);
    const VirtualNode& node = nodes_[direction.to];
    if (!node.core) continue;
    if (node.fetch_request != 0 && node.fetch_server == direction.from) {
      fail_fetch(direction.to, "the link broke");
    }
    network_.notify(i, core::PeerDisconnected{id_of(direction.from)}, node.incarnation);
  }
}

DirectionIndex Simulation::Engine::direction_between(Position from, Position to) const {
  const DirectionIndex found = network_.find(from, to);
  SKIPTRAIN_CHECK(found != kNoDirection, "plans were checked for links that do not exist");
  return found;
}

void Simulation::Engine::strike(const BreakLink& fault) {
  const DirectionIndex index = direction_between(fault.a, fault.b);
  if (network_.direction(index).up) ++counts_.link_breaks;
  disconnect(index);
  dial(index, fault.down + network_.random_delay(options_.network.reconnect_delay));
}

// A direction that stays blocked breaks its link in the end; one that opens again may have to be
// dialled.
void Simulation::Engine::block_changed(DirectionIndex index, bool was_blocked) {
  const Direction& direction = network_.direction(index);
  if (direction.is_blocked() == was_blocked) return;
  if (!was_blocked) {
    network_.set_blocked_since(index, agenda_.now());
    agenda_.push_common({.when = agenda_.now() + options_.network.keepalive,
                         .payload = index,
                         .epoch = network_.epoch(index),
                         .what = Happening::kKeepalive});
  } else if (!direction.up) {
    dial(index, network_.random_delay(options_.network.reconnect_delay));
  }
}

void Simulation::Engine::check_keepalive(const Entry& entry) {
  const Direction& direction = network_.direction(entry.payload);
  if (!direction.up || network_.epoch(entry.payload) != entry.epoch) return;
  if (!direction.is_blocked()) return;
  // It may have been mended and cut again meanwhile.
  if (direction.blocked_since + options_.network.keepalive > agenda_.now()) return;
  ++counts_.link_breaks;
  disconnect(entry.payload);
}

void Simulation::Engine::strike(const Cut& fault) {
  ++counts_.cuts;
  const DirectionIndex index = direction_between(fault.from, fault.to);
  const bool was_blocked = network_.direction(index).is_blocked();
  network_.set_cut(index, true);
  block_changed(index, was_blocked);
}

void Simulation::Engine::strike(const Mend& fault) {
  const DirectionIndex index = direction_between(fault.from, fault.to);
  const bool was_blocked = network_.direction(index).is_blocked();
  network_.set_cut(index, false);
  block_changed(index, was_blocked);
}

void Simulation::Engine::strike(const Partition& fault) {
  ++counts_.partitions;
  std::vector<std::size_t> group(nodes_.size(), 0);
  for (std::size_t g = 0; g < fault.groups.size(); ++g) {
    for (const Position node : fault.groups[g]) group[node] = g + 1;
  }
  for (DirectionIndex i = 0; i < network_.direction_count(); ++i) {
    const Direction& direction = network_.direction(i);
    if (group[direction.from] == group[direction.to]) continue;
    const bool was_blocked = direction.is_blocked();
    network_.set_partitioned(i, true);
    block_changed(i, was_blocked);
  }
}

void Simulation::Engine::strike(const Heal&) {
  for (DirectionIndex i = 0; i < network_.direction_count(); ++i) {
    const bool was_blocked = network_.direction(i).is_blocked();
    network_.set_partitioned(i, false);
    block_changed(i, was_blocked);
  }
}

// ---- The plan ----------------------------------------------------------------------------------

void Simulation::Engine::strike(const FaultKind& fault) {
  for (Observer* observer : observers_) observer->fault_struck(agenda_.now(), fault);
  std::visit([this](const auto& f) { strike(f); }, fault);
}

// A resumed run leaves out what struck before its snapshot.
void Simulation::Engine::plan_faults(Instant start) {
  const auto& faults = options_.faults.faults;
  for (std::uint32_t k = 0; k < faults.size(); ++k) {
    if (const auto* at = std::get_if<AtTime>(&faults[k].when)) {
      if (at->when < start) continue;
      const bool restarts = std::holds_alternative<Restart>(faults[k].what);
      restarts_planned_ += restarts ? 1 : 0;
      agenda_.push_common(
          {.when = at->when, .payload = k, .epoch = restarts ? 1u : 0u, .what = Happening::kFault});
    } else {
      const auto& after = std::get<AtCommit>(faults[k].when);
      VirtualNode& node = nodes_[after.node];
      if (node.committed.parameters && node.committed.round >= after.round) continue;
      node.commit_faults.emplace_back(after.round, k);
    }
  }
  // The next one to strike is at the back; of those at one round, the first in the plan.
  for (VirtualNode& node : nodes_) {
    std::ranges::sort(node.commit_faults, std::greater<>());
  }
}

}  // namespace skiptrain::sim
