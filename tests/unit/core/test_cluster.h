// A whole cluster in memory: Nodes stepped on a virtual clock, joined by links that deliver in
// order but after random delays, with mixes computed by model/mixing.h and a made-up training.
// One seed decides every delay, order and fault, so a failure can be replayed.
//
// Links behave as lib/transport's: in order per direction while up; whatever is in flight when a
// link breaks is lost, and each side learns of it in its own time. A node connects only once its
// model is loaded. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/rng.h"
#include "core/node.h"
#include "core/topology.h"
#include "tests/unit/core/cluster_invariants.h"

namespace skiptrain::core::testing {

// What goes wrong, all of it within the first `period`; after that the network is calm.
struct FaultPlan {
  Duration period{};
  std::uint32_t crashes = 0;      // some of those nodes restart, some stay away
  std::uint32_t link_breaks = 0;  // each is mended after a while
  double drop_probability = 0.0;  // of an update on a link that stays up
  double training_failure_probability = 0.0;
  double fetch_failure_probability = 0.0;
};

struct ClusterOptions {
  Topology topology{1};
  std::uint64_t total_rounds = 10;
  std::uint64_t run_seed = 1;    // decides what the nodes compute
  std::uint64_t chaos_seed = 1;  // decides when things happen, and what goes wrong
  Schedule schedule{Policy::kDpsgd, 1, 0};
  std::optional<WattHours> budget;  // each train round costs 1 Wh
  Duration deadline = std::chrono::seconds(60);
  Duration max_message_delay = std::chrono::milliseconds(5);
  Duration max_train_time = std::chrono::milliseconds(30);
  Duration start_timeout = std::chrono::seconds(60);
  std::function<std::vector<float>(std::size_t position)> initial;  // x(0); empty: one zero
  FaultPlan faults;
};

struct FaultCounts {
  std::uint64_t crashes = 0;
  std::uint64_t restarts = 0;
  std::uint64_t link_breaks = 0;
  std::uint64_t drops = 0;
  std::uint64_t training_failures = 0;
  std::uint64_t fetch_failures = 0;
  std::uint64_t catch_ups = 0;
  std::uint64_t deadline_hits = 0;
};

class TestCluster {
 public:
  explicit TestCluster(ClusterOptions options);

  // Runs until every node that is up has ended its run, or `stop` says so. False if that did not
  // happen within a number of steps that is ample for the run.
  bool run(const std::function<bool()>& stop = nullptr);

  void crash(std::size_t position);
  // Starts a new incarnation, from x(0) or from its last committed state.
  void restart(std::size_t position, bool from_checkpoint);

  std::size_t size() const { return members_.size(); }
  bool is_up(std::size_t position) const { return members_[position].node != nullptr; }
  // Requires is_up(position).
  const Node& node(std::size_t position) const { return *members_[position].node; }
  // The largest round of a node that is up.
  Round newest_round() const;
  // x(round) of a node, as it committed it; requires that it did.
  const std::vector<float>& state_after(std::size_t position, std::uint64_t round) const;
  const ClusterInvariants& invariants() const { return invariants_; }
  const FaultCounts& faults() const { return counts_; }
  Instant now() const { return now_; }

 private:
  struct Member {
    std::unique_ptr<Node> node;  // null while down
    std::uint64_t incarnation = 0;
    bool ready = false;
    bool ended = false;
    NodeState announced;
    std::optional<ModelUpdate> checkpoint;
    std::map<std::uint64_t, std::vector<float>> history;
  };
  struct Link {
    std::size_t a = 0;
    std::size_t b = 0;
    bool up = false;
    std::uint64_t epoch = 0;    // counts ups and downs: what was sent in another epoch is lost
    Instant newest_arrival[2];  // at a, at b: keeps a direction in order
  };
  struct Fetch {
    std::size_t asker;
    std::size_t server;
  };
  using Action = std::function<void()>;

  Duration random_delay(Duration most);
  void at(Instant when, Action action);
  // For the incarnation of `position` that is up now; lost if it goes down before.
  void post(std::size_t position, Instant when, Event event);
  void post_on_link(Link& link, std::size_t to, Event event, bool survives_break);
  void step(std::size_t position, const Event& event);
  bool advance();

  void connect(Link& link);
  void connect_later(Link& link);
  void disconnect(Link& link);
  Link* find_link(std::size_t a, std::size_t b);
  void plan_faults();
  void fail_fetch(std::uint64_t request);

  void perform(std::size_t position, const RecordEnergyIntent&) { (void)position; }
  void perform(std::size_t position, const Train& effect);
  void perform(std::size_t position, const Send& effect);
  void perform(std::size_t position, const Mix& effect);
  void perform(std::size_t position, const FetchState& effect);
  void perform(std::size_t position, const SendState& effect);
  void perform(std::size_t position, const RefuseState& effect);
  void perform(std::size_t position, const Announce& effect);
  void perform(std::size_t position, const Commit& effect);
  void perform(std::size_t, const Evaluate&) {}
  void perform(std::size_t position, const RunEnded&) { members_[position].ended = true; }
  void perform(std::size_t, const Warn&) {}

  static NodeId id_of(std::size_t position) { return NodeId(position + 1); }
  static std::size_t position_of(NodeId id) { return id.value() - 1; }

  ClusterOptions options_;
  Rng rng_;
  ClusterInvariants invariants_;
  std::vector<Member> members_;
  std::vector<Link> links_;
  std::map<std::uint64_t, Fetch> fetches_;
  std::uint64_t next_request_ = 1;
  // By time; among equal times in a random order, then in that of planning.
  std::map<std::tuple<Instant, std::uint64_t, std::uint64_t>, Action> agenda_;
  std::uint64_t planned_ = 0;
  std::uint64_t steps_ = 0;
  Instant now_{};
  FaultCounts counts_;
};

}  // namespace skiptrain::core::testing
