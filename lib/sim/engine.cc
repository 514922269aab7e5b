#include "sim/engine.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/prefetch.h"

namespace skiptrain::sim {
namespace {

// How many nodes ahead the two steps of fetching are.
constexpr std::size_t kNodesFar = 4;
constexpr std::size_t kNodesNear = 2;

// Of a table that grows while messages come in, also what is not yet used.
template <typename Key, typename Value>
void fetch_table(const FlatMap<Key, Value>& table) {
  if (table.capacity() == 0) return;
  fetch(table.data(), table.capacity() * sizeof(*table.data()));
}

}  // namespace

Simulation::Engine::Engine(SimulationOptions options, Trainers trainers, ParametersPool pool,
                           const Snapshot* resume)
    : options_(std::move(options)),
      trainers_(std::move(trainers)),
      initial_(trainers_.front()->initial_parameters()),
      agenda_(resume == nullptr ? Instant() : resume->virtual_time),
      network_(options_.topology, options_.network, options_.network_seed, agenda_, counts_),
      workers_(options_.workers, options_.topology.node_count()),
      pool_(std::move(pool)),
      mixes_(pool_, workers_),
      snapshots_(options_.snapshot_every, options_.topology.node_count()),
      nodes_(options_.topology.node_count()),
      boot_states_(nodes_.size()) {
  for (Position i = 0; i < nodes_.size(); ++i) {
    VirtualNode& node = nodes_[i];
    node.job.trainer = trainers_[i].get();
    node.job.request.cancel = cancel_.get_token();
    if (resume != nullptr) {
      const NodeSnapshot& from = resume->nodes[i];
      node.incarnation = static_cast<std::uint32_t>(from.incarnation - (from.up ? 1 : 0));
      node.totals = from.totals;
      node.committed_at = from.committed_at;
      if (from.parameters) node.committed = {from.round, 0, from.parameters};
      rounds_committed_ += node.committed.round.value();
    }
  }
  plan_faults(agenda_.now());
  for (Position i = 0; i < nodes_.size(); ++i) {
    if (resume != nullptr && !resume->nodes[i].up) continue;
    boot(i, nodes_[i].committed, network_.random_delay(options_.max_boot_time));
  }
}

Simulation::Engine::~Engine() {
  abandon_jobs();
}

// Jobs point into this object: none may run when it goes.
void Simulation::Engine::abandon_jobs() {
  cancel_.request_stop();
  for (VirtualNode& node : nodes_) {
    if (std::exchange(node.is_training, false)) workers_.discard(node.job);
  }
  for (auto& job : evaluations_) workers_.discard(*job);
  evaluations_.clear();
}

// ---- The loop ----------------------------------------------------------------------------------

bool Simulation::Engine::is_over() const {
  return nodes_running_ == 0 && restarts_planned_ == 0;
}

Outcome Simulation::Engine::run(std::stop_token stop, const std::function<bool()>& pause_when) {
  const std::stop_callback cancel(stop, [this] { cancel_.request_stop(); });
  agenda_.set_lookahead(lookahead(pause_when != nullptr));
  for (;;) {
    if (cancel_.stop_requested()) {
      abandon_jobs();
      return Outcome::kStopped;
    }
    if (is_over()) {
      deliver_evaluations(std::nullopt);
      return cancel_.stop_requested() ? Outcome::kStopped : Outcome::kEnded;
    }
    if (pause_when && pause_when()) return Outcome::kPaused;
    if (is_at_step_limit()) return Outcome::kStepLimit;
    if (agenda_.empty()) return Outcome::kStalled;
    advance();
  }
}

// How far nodes may be taken ahead of each other; 0 if all must keep to the order of time.
Duration Simulation::Engine::lookahead(bool may_pause) const {
  const bool strikes_at_commits = std::ranges::any_of(
      nodes_, [](const VirtualNode& node) { return !node.commit_faults.empty(); });
  if (options_.in_time_order || may_pause || strikes_at_commits) return Duration(0);
  const Duration least = network_.least_latency();
  return least < kLeastLookahead || least == Duration::max() ? Duration(0) : least;
}

// The next thing that happens; with a lookahead, all that happens within it.
void Simulation::Engine::advance() {
  if (!agenda_.has_lookahead()) return dispatch(agenda_.pop());
  if (!agenda_.open_window()) return dispatch(agenda_.pop_common());
  Entry entry;
  while (agenda_.next_in_window(entry)) {
    prefetch();
    // The rest of the window is let go of.
    if (!cancel_.stop_requested() && !is_at_step_limit()) dispatch(entry);
  }
}

// Thousands of nodes do not fit the caches near the processor. What a window will touch is known,
// so it is fetched while the nodes before are taken through their steps: first what an entry tells,
// then what that points to.
void Simulation::Engine::prefetch() const {
  const std::size_t far_ahead = kNodesFar * agenda_.entries_per_node();
  const std::size_t near_ahead = kNodesNear * agenda_.entries_per_node();
  if (const Entry* far = agenda_.upcoming(far_ahead)) {
    if (far->what == Happening::kParcel) network_.prefetch_arrival(*far);
    if (far->what == Happening::kMixed) mixes_.prefetch_far(far->payload);
    if (agenda_.upcoming(far_ahead - 1)->node != far->node) fetch(&nodes_[far->node]);
  }
  const Entry* near = agenda_.upcoming(near_ahead);
  if (near == nullptr) return;
  const VirtualNode& node = nodes_[near->node];
  if (near->what == Happening::kParcel) {
    const auto* update = std::get_if<core::UpdateReceived>(&network_.parcel(near->payload).event);
    if (update != nullptr) fetch_parameters(update->update.parameters.get(), initial_->size());
  } else if (near->what == Happening::kTrained) {
    fetch(node.job.trainer);
    fetch_parameters(node.job.request.start.get(), initial_->size());
    network_.prefetch_sending(near->node);
  } else if (near->what == Happening::kMixed) {
    mixes_.prefetch_near(near->payload);
  }
  if (agenda_.upcoming(near_ahead - 1)->node != near->node && node.core) {
    if (node.committed.parameters) fetch(node.committed.parameters.get(), 1);
    fetch_table(node.core->neighbours().all());
    fetch_table(node.core->inbox().current());
  }
}

void Simulation::Engine::dispatch(const Entry& entry) {
  switch (entry.what) {
    case Happening::kFault:
      if (entry.epoch != 0) --restarts_planned_;
      return strike(options_.faults.faults[entry.payload].what);
    case Happening::kBooted:
      return booted(entry.node, entry.epoch);
    case Happening::kDial:
      return connect(entry.payload);
    case Happening::kKeepalive:
      return check_keepalive(entry);
    case Happening::kParcel:
    case Happening::kNotice:
    case Happening::kFetchFailed:
      return deliver(entry);
    case Happening::kDirectionFree:
      return network_.direction_is_free(entry);
    case Happening::kTrained:
      if (concerns(entry)) finish_training(entry.node);
      return;
    case Happening::kMixed:
      return finish_mix(entry);
    case Happening::kFetchTimeout:
      if (nodes_[entry.node].fetches == entry.payload) fail_fetch(entry.node, "no answer");
      return;
    case Happening::kTick:
      if (!concerns(entry)) return;
      nodes_[entry.node].tick_is_due = false;
      return step(entry.node, core::Tick{});
    case Happening::kTimer:
      return timer_is_due(entry);
  }
}

// True if the incarnation that the entry was planned for is still up.
bool Simulation::Engine::concerns(const Entry& entry) const {
  const VirtualNode& node = nodes_[entry.node];
  return node.core && node.incarnation == entry.epoch;
}

// A parcel has arrived, if what carries it still stands.
void Simulation::Engine::deliver(const Entry& entry) {
  VirtualNode& node = nodes_[entry.node];
  const bool arrives =
      entry.what == Happening::kParcel ? network_.is_current(entry) : concerns(entry);
  if (arrives && node.core) {
    const Parcel& parcel = network_.parcel(entry.payload);
    const bool expected = parcel.request == 0 || parcel.request == node.fetch_request;
    if (parcel.request != 0 && expected) node.fetch_request = 0;
    if (expected) step(entry.node, parcel.event);
  }
  network_.release(entry.payload);
}

void Simulation::Engine::step(Position position, const core::Event& event) {
  VirtualNode& node = nodes_[position];
  const Instant now = agenda_.now();
  const Instant local = node.clock.at(now);
  ++steps_;
  node.core->step(event, local, effects_);
  if (watcher_ != nullptr) {
    watcher_->node_stepped(position, *node.core, event, effects_, now, local);
  }
  // `event` may lie in a parcel, and parcels may move from here on.
  for (core::Effect& effect : effects_) {
    std::visit([&](auto& e) { perform(position, e); }, effect);
  }
  arm_timer(position);
}

// ---- Timers ------------------------------------------------------------------------------------

// An entry that is due before the deadline is left alone and looks again when it comes: most
// deadlines are never reached, and each would leave an entry behind.
void Simulation::Engine::arm_timer(Position position) {
  VirtualNode& node = nodes_[position];
  const auto deadline = node.core->next_deadline();
  if (!deadline) return;
  const Instant due = node.clock.when(*deadline, agenda_.now());
  if (due == agenda_.now()) {
    if (std::exchange(node.tick_is_due, true)) return;
    agenda_.push(
        {.when = due, .node = position, .epoch = node.incarnation, .what = Happening::kTick},
        position);
    return;
  }
  if (node.timer <= due) return;
  node.timer = due;
  agenda_.push(
      {.when = due, .node = position, .epoch = ++node.timer_epoch, .what = Happening::kTimer},
      position);
}

void Simulation::Engine::timer_is_due(const Entry& entry) {
  VirtualNode& node = nodes_[entry.node];
  if (node.timer_epoch != entry.epoch) return;
  node.timer = Instant::max();
  if (node.core) arm_timer(entry.node);
}

// ---- Results -----------------------------------------------------------------------------------

void Simulation::Engine::finish_training(Position position) {
  VirtualNode& node = nodes_[position];
  const Round round = node.core->round();
  if (!std::exchange(node.is_training, false)) {
    ++counts_.training_failures;
    step(position, core::TrainingFailed{round, "made-up failure"});
    return;
  }
  workers_.wait(node.job);
  if (cancel_.stop_requested()) return;
  node.job.request.start.reset();
  Result<ports::TrainOutcome> outcome = *std::exchange(node.job.outcome, std::nullopt);
  if (outcome) {
    step(position, core::TrainingFinished{round, std::move(outcome->parameters), outcome->mean_loss,
                                          agenda_.now() - node.train_started, std::nullopt});
  } else {
    step(position, core::TrainingFailed{round, outcome.error().message});
  }
}

void Simulation::Engine::finish_mix(const Entry& entry) {
  if (!concerns(entry)) return mixes_.forget(entry.payload);
  Mixes::Done done = mixes_.take(entry.payload);
  step(entry.node,
       core::MixFinished{done.round, std::move(done.parameters), done.distance, done.duration});
}

// Those of models before round `before`; nullopt: all. In the order in which they were asked for,
// so it does not show when the workers were done.
void Simulation::Engine::deliver_evaluations(std::optional<Round> before) {
  while (!evaluations_.empty() && (!before || evaluations_.front()->request.after < *before)) {
    std::unique_ptr<EvaluationJob> job = std::move(evaluations_.front());
    evaluations_.pop_front();
    workers_.wait(*job);
    if (cancel_.stop_requested()) return;
    for (Observer* observer : observers_) {
      observer->node_evaluated(job->position, job->asked, job->request, *job->outcome);
    }
    job->request.parameters.reset();
    idle_evaluations_.push_back(std::move(job));
  }
}

// ---- Looking in --------------------------------------------------------------------------------

Progress Simulation::Engine::progress() const {
  return {rounds_committed_.load(std::memory_order_relaxed), nodes_.size() * options_.total_rounds,
          Instant(Duration(virtual_time_.load(std::memory_order_relaxed)))};
}

ModelUpdate Simulation::Engine::committed(Position position) const {
  const ModelUpdate& committed = nodes_[position].committed;
  if (committed.parameters) return committed;
  return {Round(0), static_cast<std::uint32_t>(options_.topology.degree(position)),
          initial_parameters(position)};
}

NodeTotals Simulation::Engine::totals(Position position) const {
  const VirtualNode& node = nodes_[position];
  NodeTotals totals = node.totals;
  totals.bytes_sent += network_.sent(position).bytes;
  totals.messages_sent += network_.sent(position).messages;
  return totals;
}

}  // namespace skiptrain::sim
