// The protocol core of one node: START HERE.
//
// `step(event, now)` takes in one thing that happened and returns what is to be done about it, in
// order. There is no thread, clock, socket, file, log, protobuf or torch in here, so the daemon and
// the simulator run this same code. Not thread-safe: the driver steps it from one thread, and must
// call `step(Tick, now)` when `next_deadline()` has come.
//
// A round t, always forwards:
//   begin     the schedule, the budget and the policy decide whether to train      -> Train
//   exchange  the update x(t+1/2) is ready; send it, collect the neighbours'        -> Send
//   mix       all in, or the deadline has come (or else: round_rules.h)             -> Mix
//   commit    x(t+1) is the committed model                                         -> Commit
// Operators steer one node by events of its own, and the whole run by directives, which spread from
// node to node and take effect in a named round (directive_board.h). Where nodes come and go, the
// two ends of an edge first agree on the round from which it is used (topology/edge_agreement.h).
// A neighbour more than one round ahead (in mode async: more than the staleness) shows that this
// node fell behind: it fetches that neighbour's state, mixes it in equal parts with its own, and
// jumps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/units.h"
#include "core/directive_board.h"
#include "core/effect.h"
#include "core/energy_budget.h"
#include "core/event.h"
#include "core/neighbourhood.h"
#include "core/round_controller.h"
#include "core/topology/edge_agreement.h"
#include "core/training_policy.h"

namespace skiptrain::core {

// epidemic:S instead of edges that stay; see topology/epidemic.h.
struct EpidemicOptions {
  std::uint32_t receivers = 1;  // S
  std::uint64_t seed = 0;
};

struct NodeOptions {
  NodeId id;
  // Known from the start; with epidemic exchange all other nodes. Empty if nodes come and go.
  std::vector<NodeId> neighbours;
  bool nodes_come_and_go = false;  // neighbours come by NeighboursWanted
  std::optional<EpidemicOptions> epidemic;
  std::uint64_t total_rounds = 0;  // T
  std::uint64_t run_seed = 0;
  Schedule schedule;
  WattHours energy_per_train_round;  // by the energy model; ModelReady may set it later
  std::optional<WattHours> budget;
  WattHours energy_spent;          // of that budget, by earlier incarnations in this run
  std::uint64_t train_rounds = 0;  // done by them
  // Charged by earlier incarnations that died before the round was saved: not trained again.
  std::vector<Round> forfeited;
  std::optional<Duration> fixed_deadline;  // nullopt: automatic
  RoundRules rules;                        // valid
  Duration start_timeout = std::chrono::seconds(60);
  std::uint64_t evaluate_every = 0;   // rounds; 0: only at the end
  std::vector<Directive> directives;  // known from before a restart
};

enum class Phase {
  kWarmingUp,
  kWaitingForPeers,
  kTraining,
  kExchanging,
  kMixing,
  kCatchingUp,
  kPaused,
  kFinished,
  kStopped,
  kFailed,
};

class Node {
 public:
  // A failed FetchState is not repeated before this long.
  static constexpr Duration kFetchRetry = std::chrono::seconds(1);

  explicit Node(NodeOptions options);

  // Must not be called again from within the handling of its effects.
  Effects step(const Event& event, Instant now) {
    Effects effects;
    step(event, now, effects);
    return effects;
  }
  // The same, into `effects`, whose former contents are dropped and whose memory is used again:
  // one such buffer serves many nodes, and none keeps one of its own.
  void step(const Event& event, Instant now, Effects& effects);
  // When `step(Tick, ...)` is due; nullopt: nothing is timed.
  std::optional<Instant> next_deadline() const;

  // What an operator may look at. Cheap; call from the driver's thread.
  Phase phase() const;
  Round round() const { return controller_.round(); }
  // Training, exchanging or mixing: in a round that began and has not ended.
  bool is_at_work() const;
  const NodeOptions& options() const { return options_; }
  const Schedule& schedule() const { return policy_.schedule(); }
  const DirectiveBoard& directives() const { return directives_; }
  // The learning rate that a directive set; nullopt: the configured one.
  std::optional<double> learning_rate() const { return directives_.learning_rate_at(round()); }
  // From when on the edge to a linked node is used; nullopt: not agreed, or edges are fixed.
  std::optional<Round> edge_agreed_from(NodeId peer) const;
  const TrainingPolicy& policy() const { return policy_; }
  const EnergyBudget& energy() const { return energy_; }
  const Neighbourhood& neighbours() const { return neighbours_; }
  const UpdateInbox& inbox() const { return controller_.inbox(); }
  const UpdateCounters& update_counters() const { return controller_.inbox().counters(); }
  // Updates held for this round and the next: at most two per neighbour; in mode async at most one.
  std::size_t updates_held() const { return controller_.inbox().held(); }
  // x(round), tagged with it; null parameters while warming up.
  ModelUpdate committed_state() const;
  std::uint64_t train_rounds() const { return train_rounds_; }
  std::uint64_t updates_missed() const { return updates_missed_; }
  // Updates and states of rounds that the run does not have.
  std::uint64_t updates_rejected() const { return updates_rejected_; }
  const std::string& failure() const { return failure_; }
  bool pause_requested() const { return pause_requested_; }
  bool stop_requested() const { return stop_requested_; }
  // While exchanging: for whom, since when and until when.
  struct Waiting {
    std::vector<NodeId> neighbours;
    Instant since;
    std::optional<Instant> until;  // nullopt: in mode barrier, without limit
  };
  std::optional<Waiting> waiting() const;

  // The first round that a directive could still apply to on this node.
  Round earliest_directive_round() const;
  // The first that it could still apply to on every node, if the graph has this diameter: news take
  // a round per hop at most, for they travel ahead of the next update, and no node is more than a
  // round ahead of a neighbour (max_staleness rounds in asynchronous runs).
  Round safe_directive_round(std::uint64_t diameter) const;
  // What takes back the pause in force: the round to issue RunOrder::kRun for.
  Round resume_round() const;
  // Why it cannot be granted; to be asked before stepping with it.
  Status check_directive(const DirectiveIssued& request) const;

  void set_fixed_deadline(std::optional<Duration> fixed);
  // Above 0 to 1; for the round in progress, too.
  void set_quorum(double quorum);
  void set_evaluate_every(std::uint64_t rounds) { options_.evaluate_every = rounds; }

 private:
  void on(const ModelReady& event);
  void on(const NodeFailed& event);
  void on(const PeerConnected& event);
  void on(const PeerDisconnected& event);
  void on(const PeerStateChanged& event);
  void on(const UpdateReceived& event);
  void on(const NeighboursWanted& event);
  void on(const MemberGone& event);
  void on(const EdgeReceived& event);
  void on(const DirectivesReceived& event);
  void on(const StateRequested& event);
  void on(const StateFetched& event);
  void on(const StateFetchFailed& event);
  void on(const TrainingFinished& event);
  void on(const TrainingFailed& event);
  void on(const MixFinished& event);
  void on(const Tick& event);
  void on(const PauseRequested& event);
  void on(const ResumeRequested& event);
  void on(const StopRequested& event);
  void on(const DirectiveIssued& event);
  void on(const BudgetRequested& event);
  void on(const LeaveRequested& event);

  // Goes on with whatever the state allows: start, catch up, close the exchange.
  void make_progress();
  bool may_start() const;
  bool is_forfeited(Round round) const;
  void begin_round();
  void enter_exchange(ParametersPtr own);
  void close_exchange();
  void commit(ParametersPtr parameters, Round next);
  void end_run(bool stopped);
  void announce(Activity activity, bool to_neighbours);

  // What operators and directives want of this node now.
  RunOrder run_order() const;
  void leave_pause();
  void apply_directives();
  void learn(const std::vector<Directive>& directives, std::optional<NodeId> from);

  bool is_async() const { return options_.rules.mode == RoundMode::kAsync; }
  // The edges of the round that begins.
  void choose_edges();
  bool has_all_edges() const;
  bool expects_update(NodeId from, Round round) const;
  void send(const EdgeMessages& messages);
  void update_links();
  void link_to(const std::vector<NodeId>& peers);

  void place(Neighbour& peer, const NodeState& state);
  bool is_active() const;
  bool is_busy() const;
  // True from the first sign that it fell behind until it has jumped.
  bool is_behind() const;
  bool wants_fetch() const;
  void fetch_if_behind();
  void apply_fetched_state();

  NodeOptions options_;
  Neighbourhood neighbours_;
  std::optional<EdgeAgreement> edges_;  // where nodes come and go, unless by epidemic exchange
  bool view_is_ready_ = false;          // by NeighboursWanted
  RoundController controller_;
  TrainingPolicy policy_;
  EnergyBudget energy_;
  DirectiveBoard directives_;

  Phase phase_ = Phase::kWarmingUp;  // never kCatchingUp: see phase()
  Activity activity_ = Activity::kRunning;
  ParametersPtr committed_;        // x(round)
  bool has_own_progress_ = false;  // something of this node's own would be lost by taking a state
  bool started_ = false;           // past the wait for neighbours before the first round
  Instant start_deadline_{};
  bool between_rounds_ = false;  // committed; the next round is about to begin

  RoundRecord record_;  // of the round in progress
  Instant round_started_{};

  std::optional<NodeId> fetching_from_;
  std::optional<StateFetched> fetched_;  // waits for training or a mix to end
  std::optional<Round> jump_to_;         // the mix in progress is with a fetched state
  Instant next_fetch_{};

  bool pause_requested_ = false;
  bool stop_requested_ = false;
  std::uint64_t train_rounds_ = 0;
  std::uint64_t updates_missed_ = 0;
  std::uint64_t updates_rejected_ = 0;
  std::string failure_;

  Instant now_{};    // of the step in progress
  Effects effects_;  // of the step in progress
};

const char* to_string(Phase phase);
const char* to_string(Activity activity);

}  // namespace skiptrain::core
