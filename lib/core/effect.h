// What a node wants done: the only way out of the core. The driver carries effects out in order
// and reports back with events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "core/event.h"
#include "model/model_update.h"

namespace skiptrain::core {

// Charged to the budget from this moment; must be durable before the Train that follows it.
struct RecordEnergyIntent {
  Round round;
  WattHours cost;
};

// Run the local steps of `round` from `start`; answer with TrainingFinished or TrainingFailed.
struct Train {
  Round round;
  ParametersPtr start;
  std::optional<double> learning_rate;  // base rate by a directive; nullopt: the configured one
};

// Send one update to several neighbours.
struct Send {
  std::vector<NodeId> to;
  ModelUpdate update;
};

// Tell the other end of an edge what this end wants; in order with the updates sent to it.
struct SendEdge {
  EdgeMessage message;
};

// Directives that this node knows of now; must be durable before they are passed on.
struct RecordDirectives {
  std::vector<Directive> all;
  std::vector<Directive> news;  // those of them that were not known before
};

// Pass directives on to these neighbours; in order with the updates sent to them.
struct SendDirectives {
  std::vector<NodeId> to;
  std::vector<Directive> directives;
};

// Keep links to just these nodes: open those that are missing, close the others. Only where nodes
// come and go.
struct LinkTo {
  std::vector<NodeId> peers;  // in ascending order
};

// One term of a mix: w_ij * x_j.
struct MixInput {
  NodeId from;
  double weight = 0.0;
  ParametersPtr parameters;
};

// Compute the weighted sum of `inputs` (in NodeId order, own parameters among them); answer with
// MixFinished.
struct Mix {
  Round round;
  NodeId self;  // which of the inputs is the node's own update
  std::vector<MixInput> inputs;
  bool of_updates = false;  // what a round's exchange brought; else a fetched state is taken in
};

// Ask a neighbour for its newest committed state; answer with StateFetched or StateFetchFailed.
struct FetchState {
  NodeId from;
  Round at_least;
};

// Answer StateRequested.
struct SendState {
  NodeId to;
  std::uint64_t request = 0;
  ModelUpdate state;
};
struct RefuseState {
  std::uint64_t request = 0;
};

// This node's place on the clock changed: new Hellos carry it, and if `to_neighbours` it is also
// told on the open streams.
struct Announce {
  NodeState state;
  bool to_neighbours = false;
};

// How one round went.
struct RoundRecord {
  Round round;
  bool train_slot = false;
  bool trained = false;
  double loss = 0.0;  // mean over the local steps; NaN if it did not train
  WattHours energy;   // charged in this round
  Duration train_time{};
  Duration wait_time{};
  Duration mix_time{};
  Duration round_time{};
  std::uint32_t neighbours_mixed = 0;
  std::vector<NodeId> missing;  // waited for, but not in when the round closed
  bool deadline_hit = false;
  double consensus_distance = 0.0;
  bool caught_up = false;  // not a regular mix: the node was behind and jumped to `round`
};

// A round is over and x(t+1) is the committed model.
struct Commit {
  RoundRecord record;
  ModelUpdate state;  // tagged with the next round
};

// Measure loss and accuracy of the committed model. No answer is needed.
struct Evaluate {
  Round after;  // rounds done; the model is x(after)
  ParametersPtr parameters;
  bool final = false;  // the run is over: use the whole test set
};

// The node has done its last round, or was stopped.
struct RunEnded {
  bool stopped = false;
};

// Something an operator should read.
struct Warn {
  std::string message;
};

using Effect = std::variant<RecordEnergyIntent, Train, Send, SendEdge, RecordDirectives,
                            SendDirectives, LinkTo, Mix, FetchState, SendState, RefuseState,
                            Announce, Commit, Evaluate, RunEnded, Warn>;
using Effects = std::vector<Effect>;

}  // namespace skiptrain::core
