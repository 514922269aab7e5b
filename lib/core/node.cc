#include "core/node.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"

namespace skiptrain::core {

Node::Node(NodeOptions options)
    : options_(std::move(options)),
      neighbours_(options_.neighbours, options_.nodes_come_and_go),
      controller_(options_.id, options_.fixed_deadline, options_.rules),
      policy_({options_.run_seed, options_.id, options_.total_rounds}, options_.schedule),
      energy_(options_.budget, options_.energy_per_train_round, options_.energy_spent),
      directives_(options_.directives),
      train_rounds_(options_.train_rounds) {
  // Also for a node that resumes later in the run: what it says before its first round is a wish
  // for as soon as possible.
  if (options_.nodes_come_and_go && !options_.epidemic) edges_ = EdgeAgreement::before(Round(0));
  if (options_.epidemic) controller_.mix_uniformly();
}

void Node::step(const Event& event, Instant now, Effects& effects) {
  SKIPTRAIN_CHECK(now >= now_, "time never goes back");
  now_ = now;
  effects.clear();
  effects_.swap(effects);
  if (phase_ != Phase::kFailed) {
    std::visit([this](const auto& e) { on(e); }, event);
    make_progress();
  } else if (const auto* request = std::get_if<StateRequested>(&event)) {
    effects_.push_back(RefuseState{request->request});
  }
  effects_.swap(effects);
}

std::optional<Instant> Node::next_deadline() const {
  if (between_rounds_ && !fetching_from_) return now_;
  std::optional<Instant> due;
  if (phase_ == Phase::kWaitingForPeers) due = start_deadline_;
  if (phase_ == Phase::kExchanging) due = controller_.deadline(neighbours_);
  const bool waits = phase_ == Phase::kWaitingForPeers || phase_ == Phase::kExchanging;
  if (waits && wants_fetch()) due = due ? std::min(*due, next_fetch_) : next_fetch_;
  return due;
}

// ---- The life of a round ---------------------------------------------------------------------

void Node::make_progress() {
  if (phase_ == Phase::kFailed || phase_ == Phase::kWarmingUp) return;
  if (phase_ == Phase::kPaused && run_order() != RunOrder::kPause) leave_pause();
  fetch_if_behind();
  if (fetched_ && !is_busy()) apply_fetched_state();
  const bool may_begin = between_rounds_ ? !fetching_from_.has_value()
                                         : phase_ == Phase::kWaitingForPeers && may_start();
  if (may_begin) begin_round();
  const bool may_close = !fetching_from_ || controller_.is_past_deadline(neighbours_, now_);
  if (phase_ == Phase::kExchanging && may_close && controller_.should_close(neighbours_, now_)) {
    close_exchange();
  }
}

bool Node::may_start() const {
  if (run_order() != RunOrder::kRun || now_ >= start_deadline_) return true;
  if (round().value() >= options_.total_rounds) return true;  // resumed when it was done
  if (fetching_from_ || wants_fetch()) return false;
  if (started_) return true;
  if (options_.nodes_come_and_go && !view_is_ready_) return false;
  // Among the links are some to nodes that are wanted no more, and need not come up.
  return edges_ ? has_all_edges() : neighbours_.all_ever_connected();
}

bool Node::is_forfeited(Round round) const {
  return std::ranges::find(options_.forfeited, round) != options_.forfeited.end();
}

// True while training or a mix is under way, whose result must not be thrown away.
bool Node::is_busy() const {
  return phase_ == Phase::kTraining || (phase_ == Phase::kMixing && !between_rounds_);
}

void Node::begin_round() {
  between_rounds_ = false;
  apply_directives();
  const bool all_done = round().value() >= options_.total_rounds;
  const RunOrder order = run_order();
  if (order == RunOrder::kStop || all_done) return end_run(!all_done);
  if (order == RunOrder::kPause) {
    phase_ = Phase::kPaused;
    return announce(Activity::kPaused, true);
  }
  started_ = true;
  record_ = RoundRecord{.round = round(),
                        .train_slot = schedule().is_train_slot(round()),
                        .loss = std::numeric_limits<double>::quiet_NaN()};
  round_started_ = now_;
  choose_edges();
  if (is_forfeited(round()) || !policy_.should_train(round(), energy_)) {
    return enter_exchange(committed_);
  }
  phase_ = Phase::kTraining;
  energy_.charge_round();
  record_.energy = energy_.cost_per_round();
  effects_.push_back(RecordEnergyIntent{round(), record_.energy});
  effects_.push_back(Train{round(), committed_, learning_rate()});
}

void Node::on(const TrainingFinished& event) {
  if (phase_ != Phase::kTraining || event.round != round()) return;
  if (event.measured) {
    energy_.settle_round(*event.measured);
    record_.energy = *event.measured;
  }
  record_.trained = true;
  record_.loss = event.mean_loss;
  record_.train_time = event.duration;
  ++train_rounds_;
  has_own_progress_ = true;
  enter_exchange(event.parameters);
}

void Node::on(const TrainingFailed& event) {
  if (phase_ != Phase::kTraining || event.round != round()) return;
  effects_.push_back(Warn{"round " + to_string(event.round) + " was not trained: " + event.reason +
                          "; going on with the parameters from before it"});
  record_.train_time = now_ - round_started_;
  if (!event.charged) {
    energy_.refund_round();
    record_.energy = WattHours(0);
  }
  enter_exchange(committed_);
}

void Node::enter_exchange(ParametersPtr own) {
  phase_ = Phase::kExchanging;
  const ModelUpdate update{round(), neighbours_.degree(), std::move(own)};
  controller_.open_exchange(update, record_.train_slot, now_);
  if (auto to = neighbours_.receivers(); !to.empty()) {
    effects_.push_back(Send{std::move(to), update});
  }
}

void Node::close_exchange() {
  auto inputs = controller_.close(neighbours_, record_, now_);
  updates_missed_ += record_.missing.size();
  phase_ = Phase::kMixing;
  if (inputs.size() > 1) {
    effects_.push_back(Mix{round(), options_.id, std::move(inputs), /*of_updates=*/true});
    return;
  }
  // Nothing to mix with: x(t+1) is the node's own update. The next round begins at the next Tick,
  // not within this step, which would otherwise run through all rounds of a node without
  // neighbours.
  commit(inputs.front().parameters, round().next());
}

void Node::on(const MixFinished& event) {
  if (phase_ != Phase::kMixing || event.round != round()) return;
  record_.mix_time = event.duration;
  record_.consensus_distance = event.distance;
  commit(event.parameters, std::exchange(jump_to_, std::nullopt).value_or(round().next()));
}

void Node::commit(ParametersPtr parameters, Round next) {
  record_.round_time = now_ - round_started_;
  // A record closes the round before `next`, also when the node jumped over some.
  record_.round = Round(next.value() - 1);
  committed_ = std::move(parameters);
  controller_.advance_to(next);
  phase_ = Phase::kMixing;
  between_rounds_ = true;
  effects_.push_back(Commit{record_, committed_state()});
  // Updates tell where a node is, but where receivers are drawn anew each round, some wait for one
  // of a round that was jumped over.
  announce(Activity::kRunning, record_.caught_up && options_.epidemic.has_value());
  const bool last = next.value() >= options_.total_rounds;
  if (options_.evaluate_every > 0 && next.value() % options_.evaluate_every == 0 && !last) {
    effects_.push_back(Evaluate{next, committed_, false});
  }
}

void Node::end_run(bool stopped) {
  phase_ = stopped ? Phase::kStopped : Phase::kFinished;
  announce(Activity::kFinished, true);
  effects_.push_back(Evaluate{round(), committed_, true});
  effects_.push_back(RunEnded{stopped});
}

void Node::announce(Activity activity, bool to_neighbours) {
  activity_ = activity;
  effects_.push_back(Announce{{round(), activity}, to_neighbours});
}

void Node::on(const ModelReady& event) {
  if (phase_ != Phase::kWarmingUp) return;
  committed_ = event.parameters;
  if (event.energy_per_train_round) energy_.set_cost_per_round(*event.energy_per_train_round);
  controller_.advance_to(event.round);
  has_own_progress_ = event.round > Round(0);
  phase_ = Phase::kWaitingForPeers;
  start_deadline_ = now_ + options_.start_timeout;
  announce(Activity::kRunning, false);
}

void Node::on(const NodeFailed& event) {
  const bool known_to_neighbours = phase_ != Phase::kWarmingUp;
  between_rounds_ = false;
  phase_ = Phase::kFailed;
  failure_ = event.reason;
  if (known_to_neighbours) announce(Activity::kFinished, true);
}

void Node::on(const Tick&) {}

void Node::set_fixed_deadline(std::optional<Duration> fixed) {
  options_.fixed_deadline = fixed;
  controller_.deadline_rule().set_fixed(fixed);
}

void Node::set_quorum(double quorum) {
  options_.rules.quorum = quorum;
  controller_.set_quorum(quorum);
}

// ---- Looking in ------------------------------------------------------------------------------

Phase Node::phase() const {
  const bool behind = fetching_from_ || fetched_ || jump_to_;
  return behind && is_active() && phase_ != Phase::kTraining ? Phase::kCatchingUp : phase_;
}

bool Node::is_at_work() const {
  return phase_ == Phase::kTraining || phase_ == Phase::kExchanging || phase_ == Phase::kMixing;
}

ModelUpdate Node::committed_state() const {
  return ModelUpdate{round(), neighbours_.degree(), committed_};
}

std::optional<Node::Waiting> Node::waiting() const {
  if (phase_ != Phase::kExchanging) return std::nullopt;
  return Waiting{controller_.waiting_for(neighbours_), controller_.exchange_started(),
                 controller_.deadline(neighbours_)};
}

const char* to_string(Phase phase) {
  switch (phase) {
    case Phase::kWarmingUp:
      return "warming-up";
    case Phase::kWaitingForPeers:
      return "waiting-for-peers";
    case Phase::kTraining:
      return "training";
    case Phase::kExchanging:
      return "exchanging";
    case Phase::kMixing:
      return "mixing";
    case Phase::kCatchingUp:
      return "catching-up";
    case Phase::kPaused:
      return "paused";
    case Phase::kFinished:
      return "finished";
    case Phase::kStopped:
      return "stopped";
    case Phase::kFailed:
      return "failed";
  }
  return "unknown";
}

const char* to_string(Activity activity) {
  switch (activity) {
    case Activity::kRunning:
      return "running";
    case Activity::kPaused:
      return "paused";
    case Activity::kFinished:
      return "finished";
    case Activity::kLeaving:
      return "leaving";
  }
  return "unknown";
}

}  // namespace skiptrain::core
