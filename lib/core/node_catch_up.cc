// The part of Node that falls behind and catches up: fetch a neighbour's state, mix it in, jump.
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "core/node.h"

namespace skiptrain::core {

bool Node::is_active() const {
  return phase_ == Phase::kWaitingForPeers || phase_ == Phase::kTraining ||
         phase_ == Phase::kExchanging || phase_ == Phase::kMixing;
}

bool Node::is_behind() const {
  return fetching_from_ || fetched_ || jump_to_ || wants_fetch();
}

bool Node::wants_fetch() const {
  return is_active() && !fetching_from_ && !fetched_ && !jump_to_ &&
         neighbours_.furthest_ahead(round(), options_.rules.allowed_lead()).has_value();
}

void Node::fetch_if_behind() {
  if (!wants_fetch() || now_ < next_fetch_) return;
  fetching_from_ = neighbours_.furthest_ahead(round(), options_.rules.allowed_lead());
  effects_.push_back(FetchState{*fetching_from_, round().next()});
}

void Node::on(const StateFetched& event) {
  if (fetching_from_ != event.from) return;
  fetching_from_.reset();
  fetched_ = event;
}

void Node::on(const StateFetchFailed& event) {
  if (fetching_from_ != event.from) return;
  fetching_from_.reset();
  next_fetch_ = now_ + kFetchRetry;
  effects_.push_back(
      Warn{"could not fetch the state of node " + to_string(event.from) + ": " + event.reason});
}

// Jumps to a fetched state. Not while busy: the result would be thrown away.
void Node::apply_fetched_state() {
  const StateFetched fetched = *std::exchange(fetched_, std::nullopt);
  if (!is_active() || fetched.state.round <= round()) return;
  if (fetched.state.round.value() > options_.total_rounds) {
    ++updates_rejected_;
    return;
  }
  const bool round_begun = phase_ == Phase::kExchanging;
  if (!round_begun) {
    record_ = RoundRecord{.loss = std::numeric_limits<double>::quiet_NaN()};
    round_started_ = now_;
  }
  const ParametersPtr own = round_begun ? controller_.own_update()->parameters : committed_;
  record_.caught_up = true;
  started_ = true;
  between_rounds_ = false;
  if (!has_own_progress_) return commit(fetched.state.parameters, fetched.state.round);
  phase_ = Phase::kMixing;
  jump_to_ = fetched.state.round;
  std::vector<MixInput> inputs = {{options_.id, 0.5, own},
                                  {fetched.from, 0.5, fetched.state.parameters}};
  std::ranges::sort(inputs, {}, &MixInput::from);
  effects_.push_back(Mix{round(), options_.id, std::move(inputs)});
}

}  // namespace skiptrain::core
