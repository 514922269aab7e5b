// How a virtual node's effects are carried out.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "core/published_mix.h"
#include "sim/engine.h"

namespace skiptrain::sim {
namespace {

// A request for a state carries the asker's position, so that no table of requests is needed.
constexpr unsigned kRequestShift = 32;

std::uint64_t make_request(Position asker, std::uint32_t number) {
  return (std::uint64_t{asker} << kRequestShift) | number;
}

Position asker_of(std::uint64_t request) {
  return static_cast<Position>(request >> kRequestShift);
}

Duration scaled(Duration d, double factor) {
  return factor == 1.0 ? d : from_seconds(to_seconds(d) * factor);
}

}  // namespace

// Each node has chances of its own, which do not depend on what others do meanwhile.
Rng Simulation::Engine::node_rng(Position position) {
  return Rng(derive_seed({options_.network_seed, position, ++nodes_[position].draws, 0x6e6f6465}));
}

bool Simulation::Engine::made_up_failure(Position position, double probability) {
  return probability > 0 && agenda_.now() < options_.faults.until &&
         node_rng(position).uniform() < probability;
}

// The ledger. The core's own sum is not asked for: by the time that a commit is carried out, it may
// hold the next round's charge.
void Simulation::Engine::perform(Position position, core::RecordEnergyIntent& effect) {
  nodes_[position].totals.energy_spent += effect.cost;
}

// ---- Computing ---------------------------------------------------------------------------------

void Simulation::Engine::perform(Position position, core::Train& effect) {
  VirtualNode& node = nodes_[position];
  SKIPTRAIN_CHECK(!node.is_training, "a node trains one round at a time");
  node.train_started = agenda_.now();
  const bool planned = node.failing_rounds > 0;
  if (planned) --node.failing_rounds;
  if (!planned && !made_up_failure(position, options_.faults.training_failure)) {
    node.job.request.round = effect.round;
    node.job.request.start = std::move(effect.start);
    node.job.request.learning_rate = effect.learning_rate;
    node.is_training = true;
    workers_.submit(node.job, position);
  }
  Duration takes = device(position).train_time;
  if (device(position).train_jitter > Duration(0)) {
    Rng rng = node_rng(position);
    takes += Network::draw_delay(rng, device(position).train_jitter);
  }
  agenda_.push({.when = agenda_.now() + scaled(takes, node.slow),
                .node = position,
                .epoch = node.incarnation,
                .what = Happening::kTrained},
               position);
}

void Simulation::Engine::perform(Position position, core::Mix& effect) {
  const VirtualNode& node = nodes_[position];
  if (node.publisher) core::mix_as_published(effect, *node.publisher);
  const double bytes = static_cast<double>((effect.inputs.size() + 1) * sizeof(float) *
                                           effect.inputs.front().parameters->size());
  // At least a nanosecond: a mix has a place of its own in time.
  const Duration took =
      Duration(1) + from_seconds(bytes / device(position).memory_bytes_per_s * node.slow);
  agenda_.push({.when = agenda_.now() + took,
                .node = position,
                .payload = mixes_.add(std::move(effect), took),
                .epoch = node.incarnation,
                .what = Happening::kMixed},
               position);
}

void Simulation::Engine::perform(Position position, core::Evaluate& effect) {
  if (observers_.empty() || (effect.final && !options_.evaluate_at_end)) return;
  std::unique_ptr<EvaluationJob> job;
  if (idle_evaluations_.empty()) {
    job = std::make_unique<EvaluationJob>();
  } else {
    job = std::move(idle_evaluations_.back());
    idle_evaluations_.pop_back();
  }
  job->trainer = trainers_[position].get();
  job->position = position;
  job->asked = agenda_.now();
  job->samples = effect.final ? options_.end_samples : options_.evaluate_samples;
  job->cancel = cancel_.get_token();
  job->request = std::move(effect);
  workers_.submit(*job, position);
  evaluations_.push_back(std::move(job));
}

// ---- Talking -----------------------------------------------------------------------------------

void Simulation::Engine::perform(Position position, core::Send& effect) {
  const VirtualNode& node = nodes_[position];
  network_.send_update(position, effect.to,
                       node.publisher ? node.publisher->publish(effect.update)
                                      : PublishedUpdate(std::move(effect.update)));
}

void Simulation::Engine::perform(Position position, core::SendEdge& effect) {
  const DirectionIndex there = network_.find(position, position_of(effect.message.peer));
  effect.message.peer = id_of(position);
  network_.send(there, core::EdgeReceived{effect.message}, kMessageOverheadBytes);
}

// They last for as long as the simulation.
void Simulation::Engine::perform(Position, core::RecordDirectives&) {}

void Simulation::Engine::perform(Position position, core::SendDirectives& effect) {
  for (const NodeId to : effect.to) {
    network_.send(network_.find(position, position_of(to)),
                  core::DirectivesReceived{id_of(position), effect.directives},
                  kMessageOverheadBytes * effect.directives.size());
  }
}

// Its nodes have links along the edges of one graph, for as long as it runs.
void Simulation::Engine::perform(Position, core::LinkTo&) {}

void Simulation::Engine::perform(Position position, core::Announce& effect) {
  nodes_[position].announced = effect.state;
  if (!effect.to_neighbours) return;
  for (DirectionIndex i = network_.first_outgoing(position); i < network_.end_outgoing(position);
       ++i) {
    network_.send(i, core::PeerStateChanged{id_of(position), effect.state}, kMessageOverheadBytes);
  }
}

void Simulation::Engine::perform(Position position, core::FetchState& effect) {
  VirtualNode& node = nodes_[position];
  const Position server = position_of(effect.from);
  node.fetch_request = make_request(position, ++node.fetches);
  node.fetch_server = server;
  const DirectionIndex there = network_.find(position, server);
  if (!network_.direction(there).up) return fail_fetch(position, "not connected");
  if (made_up_failure(position, options_.faults.fetch_failure))
    return fail_fetch(position, "made-up failure");
  network_.send(there, core::StateRequested{id_of(position), node.fetch_request},
                kMessageOverheadBytes);
  agenda_.push({.when = agenda_.now() + options_.network.fetch_timeout,
                .node = position,
                .payload = node.fetches,
                .what = Happening::kFetchTimeout},
               position);
}

// No effect if nothing is being fetched.
void Simulation::Engine::fail_fetch(Position asker, const std::string& reason) {
  VirtualNode& node = nodes_[asker];
  if (node.fetch_request == 0 || !node.core) return;
  ++counts_.fetch_failures;
  // The failure is the answer to a request of its own, so that a state which still comes is not
  // taken for one that was asked for.
  node.fetch_request = make_request(asker, ++node.fetches);
  const DirectionIndex there = network_.find(asker, node.fetch_server);
  core::StateFetchFailed failure{id_of(node.fetch_server), reason};
  agenda_.push({.when = agenda_.now() + network_.latency(there),
                .node = asker,
                .payload = network_.keep(std::move(failure), node.fetch_request),
                .epoch = node.incarnation,
                .what = Happening::kFetchFailed},
               asker, node.fetches);
}

void Simulation::Engine::perform(Position position, core::SendState& effect) {
  const Bytes bytes = effect.state.parameters->size() * sizeof(float) + kMessageOverheadBytes;
  network_.send(network_.find(position, position_of(effect.to)),
                core::StateFetched{id_of(position), effect.state}, bytes, effect.request);
}

void Simulation::Engine::perform(Position position, core::RefuseState& effect) {
  network_.send(network_.find(position, asker_of(effect.request)),
                core::StateFetchFailed{id_of(position), "refused"}, kMessageOverheadBytes,
                effect.request);
}

// ---- Telling -----------------------------------------------------------------------------------

void Simulation::Engine::perform(Position position, core::Commit& effect) {
  VirtualNode& node = nodes_[position];
  const Round before = node.committed.parameters ? node.committed.round : Round(0);
  deliver_evaluations(effect.state.round);
  node.committed = effect.state;
  node.committed_at = agenda_.now();
  count_round(position, effect.record);
  rounds_committed_.fetch_add(effect.state.round.value() - before.value(),
                              std::memory_order_relaxed);
  virtual_time_.store(agenda_.now().time_since_epoch().count(), std::memory_order_relaxed);
  for (Observer* observer : observers_) {
    observer->node_committed(position, agenda_.now(), effect);
  }
  while (!node.commit_faults.empty() && node.commit_faults.back().first <= effect.state.round) {
    agenda_.push_common({.when = agenda_.now(),
                         .payload = node.commit_faults.back().second,
                         .what = Happening::kFault});
    node.commit_faults.pop_back();
  }
  if (snapshots_.is_active()) take_snapshots(position, before);
}

void Simulation::Engine::count_round(Position position, const core::RoundRecord& record) {
  NodeTotals& totals = nodes_[position].totals;
  totals.train_rounds += record.trained ? 1 : 0;
  totals.updates_mixed += record.neighbours_mixed;
  totals.updates_missed += record.missing.size();
  totals.train_time += record.train_time;
  totals.wait_time += record.wait_time;
}

void Simulation::Engine::take_snapshots(Position position, Round before) {
  snapshots_.node_committed(position, before, snapshot_of(position));
  snapshots_.take_complete(
      nodes_up_, [this](Position i) { return nodes_[i].core.has_value(); },
      [this](Position i) { return snapshot_of(i); },
      [this](Snapshot& snapshot) {
        snapshot.run_seed = options_.run_seed;
        snapshot.total_rounds = options_.total_rounds;
        for (Observer* observer : observers_) observer->snapshot_taken(snapshot);
      });
}

NodeSnapshot Simulation::Engine::snapshot_of(Position position) const {
  const VirtualNode& node = nodes_[position];
  return {.round = node.committed.round,
          .parameters = node.committed.parameters,
          .up = node.core.has_value(),
          .incarnation = node.incarnation,
          .totals = totals(position),
          .committed_at = node.committed_at};
}

void Simulation::Engine::perform(Position position, core::RunEnded& effect) {
  nodes_[position].ended = true;
  --nodes_running_;
  ended_at_ = std::max(ended_at_, agenda_.now());
  for (Observer* observer : observers_) observer->run_ended(position, agenda_.now(), effect);
}

void Simulation::Engine::perform(Position position, core::Warn& effect) {
  for (Observer* observer : observers_) {
    observer->warned(position, agenda_.now(), effect.message);
  }
}

}  // namespace skiptrain::sim
