// What happens to a node: the only way in to the core. Events are values, posted by the driver on
// its one loop thread, in the order in which things happened.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/units.h"
#include "core/directive.h"
#include "core/topology/edge_agreement.h"
#include "model/model_update.h"

namespace skiptrain::core {

// What a node tells its neighbours about itself.
enum class Activity : std::uint8_t {
  kRunning,   // takes part; wait for its updates
  kPaused,    // connected, but sends nothing until it resumes
  kFinished,  // has done its rounds; still serves its state
  kLeaving,   // is about to close its streams on purpose
};

// A node's place on the logical clock, as it announces it.
struct NodeState {
  Round round;  // the round it is working on
  Activity activity = Activity::kRunning;
  bool operator==(const NodeState&) const = default;
};

// The model is loaded: x(0), or a checkpoint's x(t).
struct ModelReady {
  Round round;
  ParametersPtr parameters;
  // By the energy model, which needs the number of parameters; nullopt keeps NodeOptions' value.
  std::optional<WattHours> energy_per_train_round;
};
// Loading failed, or the node hit an error that it cannot go on after.
struct NodeFailed {
  std::string reason;
};

// The stream to a neighbour is up and its Hello was accepted.
struct PeerConnected {
  NodeId peer;
  Incarnation incarnation;
  NodeState state;
};
struct PeerDisconnected {
  NodeId peer;
};
// A neighbour announced a change of activity.
struct PeerStateChanged {
  NodeId peer;
  NodeState state;
};

// The members of the cluster changed: whom this node should have as neighbours now, in ascending
// order. With epidemic exchange all other members. Only where nodes come and go.
struct NeighboursWanted {
  std::vector<NodeId> neighbours;
  bool ready = true;  // as many members are there as the cluster starts with
};
// A member failed or left: it is not waited for any more.
struct MemberGone {
  NodeId member;
};

// A complete update that passed the checks of lib/wire: right size, checksum, all finite.
struct UpdateReceived {
  NodeId from;
  ModelUpdate update;
};
// What the other end of an edge wants; `message.peer` is the sender. In the order sent.
struct EdgeReceived {
  EdgeMessage message;
};
// Directives that a neighbour knows of, each valid by itself.
struct DirectivesReceived {
  NodeId from;
  std::vector<Directive> directives;
};
// A neighbour asks for our committed state.
struct StateRequested {
  NodeId from;
  std::uint64_t request = 0;  // names the call, for the effect that answers it
};
// The answer to our effect FetchState: x(round) of that neighbour.
struct StateFetched {
  NodeId from;
  ModelUpdate state;
};
struct StateFetchFailed {
  NodeId from;
  std::string reason;
};

// The answer to the effect Train.
struct TrainingFinished {
  Round round;
  ParametersPtr parameters;  // x(t+1/2)
  double mean_loss = 0.0;
  Duration duration{};
  std::optional<WattHours> measured;  // if a meter ran; else the model's estimate is charged
};
// Training failed (say, a NaN loss). The node goes on with the parameters it had.
struct TrainingFailed {
  Round round;
  std::string reason;
  bool charged = true;  // false: its energy could not be recorded, so it never began
};
// The answer to the effect Mix.
struct MixFinished {
  Round round;
  ParametersPtr parameters;
  double distance = 0.0;  // L2 norm of own update - mix
  Duration duration{};
};

// Time has come to `Node::next_deadline()`; harmless at any other time.
struct Tick {};

// An operator's wishes. They take effect when the round in progress ends.
struct PauseRequested {};
struct ResumeRequested {};
struct StopRequested {};
// An order to the whole run, given at this node: it stamps it and passes it on.
struct DirectiveIssued {
  DirectiveOrder order;
  Round effective;  // the first round it applies to; checked by Node::check_directive
};
struct BudgetRequested {
  std::optional<WattHours> budget;  // nullopt: no limit
};
// The daemon is going down: say so to the neighbours.
struct LeaveRequested {};

using Event =
    std::variant<ModelReady, NodeFailed, NeighboursWanted, MemberGone, PeerConnected,
                 PeerDisconnected, PeerStateChanged, UpdateReceived, EdgeReceived,
                 DirectivesReceived, StateRequested, StateFetched, StateFetchFailed,
                 TrainingFinished, TrainingFailed, MixFinished, Tick, PauseRequested,
                 ResumeRequested, StopRequested, DirectiveIssued, BudgetRequested, LeaveRequested>;

}  // namespace skiptrain::core
