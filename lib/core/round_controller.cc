#include "core/round_controller.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "core/topology/epidemic.h"
#include "core/topology/mixing_matrix.h"

namespace skiptrain::core {

RoundController::RoundController(NodeId self, std::optional<Duration> fixed_deadline,
                                 RoundRules rules)
    : self_(self),
      rules_(rules),
      inbox_(rules.mode == RoundMode::kAsync ? std::optional(rules.max_staleness) : std::nullopt),
      deadline_rule_(fixed_deadline) {
  SKIPTRAIN_CHECK(rules.validate().has_value(), "whoever makes the options has checked them");
}

void RoundController::open_exchange(const ModelUpdate& own, bool train_slot, Instant now) {
  SKIPTRAIN_CHECK(own.round == round(), "a node sends only updates of its own round");
  own_ = own;
  exchanging_ = true;
  train_slot_ = train_slot;
  exchange_started_ = last_arrival_ = last_but_one_ = now;
  deadline_ = now + deadline_rule_.allowance(train_slot);
}

void RoundController::note_arrival(Neighbour& from, UpdateVerdict verdict, Instant now) {
  if (verdict == UpdateVerdict::kLate) {
    ++from.late;
    from.patience.came_late();
  }
  if (verdict == UpdateVerdict::kEarly || verdict == UpdateVerdict::kAccepted) {
    from.patience.came_in_time();
  }
  if (verdict == UpdateVerdict::kAccepted && exchanging_) {
    last_but_one_ = std::exchange(last_arrival_, now);
  }
}

// ---- Whom to wait for --------------------------------------------------------------------------

bool RoundController::is_awaited(const Neighbour& neighbour) const {
  if (is_async()) {
    // Whoever draws its receivers anew does so by its own clock: anyone's update may be next.
    const bool may_send = neighbour.in_edge || uniform_;
    return may_send && neighbour.connected && neighbour.activity == Activity::kRunning &&
           neighbour.next_round.value() + rules_.max_staleness >= round().value();
  }
  const bool given_up = rules_.mode == RoundMode::kDeadline && neighbour.patience.is_spent();
  return !given_up && Neighbourhood::worth_waiting_for(neighbour, round());
}

bool RoundController::holds_open_for(NodeId id, const Neighbour& neighbour) const {
  return !is_async() && is_awaited(neighbour) && !inbox_.has(id);
}

std::vector<NodeId> RoundController::waiting_for(const Neighbourhood& neighbours) const {
  std::vector<NodeId> result;
  for (const auto& [id, neighbour] : neighbours.all()) {
    if (holds_open_for(id, neighbour)) result.push_back(id);
  }
  return result;
}

bool RoundController::is_waiting(const Neighbourhood& neighbours) const {
  if (is_async()) return neighbours.may_have_neighbours() && !inbox_.has_any();
  if (rules_.quorum == 1.0) {
    return std::ranges::any_of(neighbours.all(), [this](const auto& entry) {
      return holds_open_for(entry.first, entry.second);
    });
  }
  const auto out =
      static_cast<std::size_t>(std::ranges::count_if(neighbours.all(), [this](const auto& entry) {
        return holds_open_for(entry.first, entry.second);
      }));
  const std::size_t in = inbox_.current().size();
  return out > 0 && in < rules_.needed_of(in + out);
}

bool RoundController::anybody_takes_part(const Neighbourhood& neighbours) const {
  return std::ranges::any_of(neighbours.all(), [this](const auto& entry) {
    const Neighbour& neighbour = entry.second;
    const bool passed_us =
        neighbour.in_edge && neighbour.connected && neighbour.next_round > round();
    return passed_us || is_awaited(neighbour);
  });
}

bool RoundController::is_alone(const Neighbourhood& neighbours) const {
  // In epidemic exchange a round in which nobody happens to send to this node is an ordinary one.
  if (uniform_ && neighbours.any_connected()) return false;
  return neighbours.may_have_neighbours() && !inbox_.has_any() && !anybody_takes_part(neighbours);
}

std::optional<Instant> RoundController::deadline(const Neighbourhood& neighbours) const {
  const bool alone = is_alone(neighbours);
  const Instant alone_until = exchange_started_ + kAloneHold;
  switch (rules_.mode) {
    case RoundMode::kDeadline:
      return alone ? std::min(deadline_, alone_until) : deadline_;
    case RoundMode::kBarrier:
      return alone ? std::optional(alone_until) : std::nullopt;
    case RoundMode::kAsync:
      return alone ? alone_until : exchange_started_ + kAsyncHold;
  }
  return deadline_;
}

bool RoundController::is_past_deadline(const Neighbourhood& neighbours, Instant now) const {
  const auto due = deadline(neighbours);
  return due && now >= *due;
}

bool RoundController::should_close(const Neighbourhood& neighbours, Instant now) const {
  if (!exchanging_) return false;
  if (is_past_deadline(neighbours, now)) return true;
  return !is_waiting(neighbours) && !is_alone(neighbours);
}

// ---- The end of an exchange --------------------------------------------------------------------

// Misses count at a deadline alone: a quorum closes without those who would have come.
void RoundController::judge_stragglers(Neighbourhood& neighbours, const RoundRecord& record) const {
  for (const NodeId id : record.missing) {
    Neighbour& neighbour = *neighbours.find(id);
    ++neighbour.missed;
    if (record.deadline_hit) neighbour.patience.missed();
  }
  for (auto& [id, neighbour] : neighbours.all()) neighbour.patience.round_closed();
}

// What a wait says of how long the next of its kind may be. A sync round waits for links, and one
// slow link among several must not set the time for all: the last update is left out. A train round
// waits for slower devices, too, which are to be waited for: only stragglers are left out.
void RoundController::learn_from_wait(const Neighbourhood& neighbours, const RoundRecord& record) {
  if (rules_.mode != RoundMode::kDeadline || !anybody_takes_part(neighbours)) return;
  const bool only_stragglers_missing = std::ranges::all_of(
      record.missing,
      [&neighbours](NodeId id) { return neighbours.find(id)->patience.is_straggler(); });
  const std::size_t in = inbox_.current().size();
  Duration wait = record.wait_time;
  if (record.deadline_hit && in > 0 && (only_stragglers_missing || !train_slot_)) {
    wait = last_arrival_ - exchange_started_;
  } else if (!train_slot_ && in > 1) {
    wait = last_but_one_ - exchange_started_;
  }
  deadline_rule_.record_wait(train_slot_, wait);
}

std::vector<MixInput> RoundController::close(Neighbourhood& neighbours, RoundRecord& record,
                                             Instant now) {
  SKIPTRAIN_CHECK(exchanging_ && own_, "only an open exchange can be closed");
  record.missing = waiting_for(neighbours);
  record.deadline_hit = !record.missing.empty() && is_past_deadline(neighbours, now);
  record.wait_time = now - exchange_started_;
  exchanging_ = false;
  judge_stragglers(neighbours, record);
  learn_from_wait(neighbours, record);

  double own_weight = 1.0;
  const std::size_t usable = inbox_.usable();
  // In asynchronous rounds edges come while a round is open, and each takes its part of the weight.
  const std::uint32_t own_degree = std::max(own_->degree, static_cast<std::uint32_t>(usable));
  std::vector<MixInput> inputs;
  inputs.reserve(usable + 1);
  for (auto& [id, neighbour] : neighbours.all()) {
    neighbour.last_weight = 0.0;
    if (ModelUpdate* update = inbox_.find(id)) {
      const double weight = uniform_ ? epidemic_weight(usable)
                                     : metropolis_hastings_weight(own_degree, update->degree);
      neighbour.last_weight = weight;
      inputs.push_back({id, weight, std::move(update->parameters)});
      own_weight -= weight;
    }
  }
  record.neighbours_mixed = static_cast<std::uint32_t>(inputs.size());
  const auto place = std::ranges::upper_bound(inputs, self_, {}, &MixInput::from);
  inputs.insert(place, {self_, own_weight, own_->parameters});
  return inputs;
}

void RoundController::advance_to(Round round) {
  inbox_.advance_to(round);
  own_.reset();
  exchanging_ = false;
}

}  // namespace skiptrain::core
