#include "core/round_controller.h"

#include <algorithm>

#include "base/check.h"
#include "core/topology/epidemic.h"
#include "core/topology/mixing_matrix.h"

namespace skiptrain::core {

RoundController::RoundController(NodeId self, std::optional<Duration> fixed_deadline)
    : self_(self), deadline_rule_(fixed_deadline) {}

void RoundController::open_exchange(const ModelUpdate& own, bool train_slot, Instant now) {
  SKIPTRAIN_CHECK(own.round == round(), "a node sends only updates of its own round");
  own_ = own;
  exchanging_ = true;
  train_slot_ = train_slot;
  exchange_started_ = now;
  deadline_ = now + deadline_rule_.allowance(train_slot);
}

bool RoundController::holds_open_for(NodeId id, const Neighbour& neighbour) const {
  return Neighbourhood::worth_waiting_for(neighbour, round()) && !inbox_.has(id);
}

std::vector<NodeId> RoundController::waiting_for(const Neighbourhood& neighbours) const {
  std::vector<NodeId> result;
  for (const auto& [id, neighbour] : neighbours.all()) {
    if (holds_open_for(id, neighbour)) result.push_back(id);
  }
  return result;
}

bool RoundController::is_waiting(const Neighbourhood& neighbours) const {
  return std::ranges::any_of(neighbours.all(), [this](const auto& entry) {
    return holds_open_for(entry.first, entry.second);
  });
}

bool RoundController::anybody_takes_part(const Neighbourhood& neighbours) const {
  return std::ranges::any_of(neighbours.all(), [this](const auto& entry) {
    const Neighbour& neighbour = entry.second;
    const bool passed_us =
        neighbour.in_edge && neighbour.connected && neighbour.next_round > round();
    return passed_us || Neighbourhood::worth_waiting_for(neighbour, round());
  });
}

bool RoundController::is_alone(const Neighbourhood& neighbours) const {
  return neighbours.may_have_neighbours() && inbox_.current().empty() &&
         !anybody_takes_part(neighbours);
}

Instant RoundController::deadline(const Neighbourhood& neighbours) const {
  return is_alone(neighbours) ? std::min(deadline_, exchange_started_ + kAloneHold) : deadline_;
}

bool RoundController::should_close(const Neighbourhood& neighbours, Instant now) const {
  if (!exchanging_) return false;
  if (now >= deadline(neighbours)) return true;
  return !is_waiting(neighbours) && !is_alone(neighbours);
}

std::vector<MixInput> RoundController::close(Neighbourhood& neighbours, RoundRecord& record,
                                             Instant now) {
  SKIPTRAIN_CHECK(exchanging_ && own_, "only an open exchange can be closed");
  exchanging_ = false;
  record.missing = waiting_for(neighbours);
  record.deadline_hit = !record.missing.empty();
  record.wait_time = now - exchange_started_;
  for (const NodeId id : record.missing) ++neighbours.find(id)->missed;
  if (anybody_takes_part(neighbours)) {
    deadline_rule_.record_wait(train_slot_, record.wait_time);
  }

  double own_weight = 1.0;
  std::vector<MixInput> inputs;
  inputs.reserve(inbox_.current().size() + 1);
  for (auto& [id, neighbour] : neighbours.all()) {
    neighbour.last_weight = 0.0;
    if (ModelUpdate* update = inbox_.find(id)) {
      const double weight = uniform_ ? epidemic_weight(inbox_.current().size())
                                     : metropolis_hastings_weight(own_->degree, update->degree);
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
