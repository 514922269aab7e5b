// One round at a time: collects the neighbours' updates, decides when the exchange is over, and
// says what to mix.
//
// It knows the round's own update, the inbox and the deadline; it does not know about training,
// operators or falling behind, which are Node's business. Sans-IO: time comes in as an argument.
#pragma once

#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "core/effect.h"
#include "core/neighbourhood.h"
#include "core/round_deadline.h"
#include "core/update_inbox.h"

namespace skiptrain::core {

class RoundController {
 public:
  RoundController(NodeId self, std::optional<Duration> fixed_deadline);

  Round round() const { return inbox_.round(); }
  const UpdateInbox& inbox() const { return inbox_; }
  UpdateInbox& inbox() { return inbox_; }
  RoundDeadline& deadline_rule() { return deadline_rule_; }

  // The exchange of this round starts: our own update is ready to be sent.
  void open_exchange(const ModelUpdate& own, bool train_slot, Instant now);
  // Our own update of the round in progress, from open_exchange until the clock moves on.
  const std::optional<ModelUpdate>& own_update() const { return own_; }
  bool is_exchanging() const { return exchanging_; }
  // A node that nobody takes part with (all its neighbours are away, paused or far behind) holds
  // each round open this long, or to its deadline if that is sooner, so that it does not race away
  // from neighbours that are merely restarting.
  static constexpr Duration kAloneHold = std::chrono::seconds(2);

  // When the exchange in progress ends at the latest.
  Instant deadline(const Neighbourhood& neighbours) const;
  Instant exchange_started() const { return exchange_started_; }

  // The neighbours whose updates the exchange is held open for.
  std::vector<NodeId> waiting_for(const Neighbourhood& neighbours) const;
  // True if there is any such neighbour.
  bool is_waiting(const Neighbourhood& neighbours) const;
  // True if the exchange should end now: nobody is left to wait for, or the deadline has come.
  bool should_close(const Neighbourhood& neighbours, Instant now) const;

  // Ends the exchange: the terms of the mix in NodeId order, with Metropolis-Hastings weights (or
  // equal ones); a missing neighbour's weight stays with our own update. Fills in the record's
  // waiting time, missing neighbours and deadline_hit, and notes each neighbour's weight.
  std::vector<MixInput> close(Neighbourhood& neighbours, RoundRecord& record, Instant now);

  // From now on a mix is the mean of the updates that came and the own one, as epidemic exchange
  // wants it, and not weighted by Metropolis-Hastings.
  void mix_uniformly() { uniform_ = true; }

  // Moves the clock to `round`, forwards only, and forgets our own update.
  void advance_to(Round round);

 private:
  bool holds_open_for(NodeId id, const Neighbour& neighbour) const;
  bool is_alone(const Neighbourhood& neighbours) const;
  bool anybody_takes_part(const Neighbourhood& neighbours) const;

  NodeId self_;
  UpdateInbox inbox_;
  RoundDeadline deadline_rule_;
  std::optional<ModelUpdate> own_;
  bool exchanging_ = false;
  bool uniform_ = false;
  bool train_slot_ = false;
  Instant exchange_started_{};
  Instant deadline_{};
};

}  // namespace skiptrain::core
