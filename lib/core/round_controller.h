// One round at a time: collects the neighbours' updates, decides when the exchange is over, and
// says what to mix.
//
// It knows the round's own update, the inbox and the deadline; it does not know about training,
// operators or falling behind, which are Node's business. Sans-IO: time comes in as an argument.
//
// What ends an exchange is the mode's matter (round_rules.h). Among modes deadline and barrier the
// only difference is that a barrier has no deadline and waits for stragglers (patience.h). In mode
// async a round closes as soon as an update is there that was not mixed before, and each update is
// mixed at most once: the weight of a neighbour with nothing new stays with the node.
#pragma once

#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "core/effect.h"
#include "core/neighbourhood.h"
#include "core/round_deadline.h"
#include "core/round_rules.h"
#include "core/update_inbox.h"

namespace skiptrain::core {

class RoundController {
 public:
  RoundController(NodeId self, std::optional<Duration> fixed_deadline, RoundRules rules = {});

  Round round() const { return inbox_.round(); }
  const UpdateInbox& inbox() const { return inbox_; }
  UpdateInbox& inbox() { return inbox_; }
  RoundDeadline& deadline_rule() { return deadline_rule_; }
  const RoundRules& rules() const { return rules_; }
  void set_quorum(double quorum) { rules_.quorum = quorum; }

  // The exchange of this round starts: our own update is ready to be sent.
  void open_exchange(const ModelUpdate& own, bool train_slot, Instant now);
  // Our own update of the round in progress, from open_exchange until the clock moves on.
  const std::optional<ModelUpdate>& own_update() const { return own_; }
  bool is_exchanging() const { return exchanging_; }
  // A node that nobody takes part with (all its neighbours are away, paused, far behind or
  // stragglers) holds each round open this long, or to its deadline if that is sooner, so that it
  // does not race away from neighbours that are merely restarting.
  static constexpr Duration kAloneHold = std::chrono::seconds(2);
  // In mode async a round in which nothing new has come is held open this long, so that a node does
  // not spin through its sync rounds.
  static constexpr Duration kAsyncHold = std::chrono::milliseconds(100);

  // A neighbour's update came, with this verdict of the inbox.
  void note_arrival(Neighbour& from, UpdateVerdict verdict, Instant now);

  // When the exchange in progress ends at the latest; nullopt: at no time.
  std::optional<Instant> deadline(const Neighbourhood& neighbours) const;
  bool is_past_deadline(const Neighbourhood& neighbours, Instant now) const;
  Instant exchange_started() const { return exchange_started_; }

  // The neighbours whose updates the exchange is held open for, of which a quorum may do.
  std::vector<NodeId> waiting_for(const Neighbourhood& neighbours) const;
  // True if more of their updates are needed.
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
  bool is_async() const { return rules_.mode == RoundMode::kAsync; }
  bool is_awaited(const Neighbour& neighbour) const;
  bool holds_open_for(NodeId id, const Neighbour& neighbour) const;
  bool is_alone(const Neighbourhood& neighbours) const;
  bool anybody_takes_part(const Neighbourhood& neighbours) const;

  void judge_stragglers(Neighbourhood& neighbours, const RoundRecord& record) const;
  void learn_from_wait(const Neighbourhood& neighbours, const RoundRecord& record);

  NodeId self_;
  RoundRules rules_;
  UpdateInbox inbox_;
  RoundDeadline deadline_rule_;
  std::optional<ModelUpdate> own_;
  bool exchanging_ = false;
  bool uniform_ = false;
  bool train_slot_ = false;
  Instant exchange_started_{};
  Instant last_arrival_{};  // of an update of this round, since the exchange started
  Instant last_but_one_{};  // and of the one before
  Instant deadline_{};
};

}  // namespace skiptrain::core
