// A whole cluster's memberships on a virtual clock: packets that are lost and late, calls that
// fail, partitions, one-way cuts, networks without UDP, processes that are killed, stopped or short
// of CPU. Everything random is drawn from one seed, so a run repeats exactly. After every step of
// every node the invariants are checked; the first breach is kept in violation(). Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "core/membership/membership.h"

namespace skiptrain::sim::testing {

struct ClusterOptions {
  std::size_t nodes = 16;
  std::size_t seeds = 2;  // that many first nodes are those through which others join
  std::uint64_t seed = 1;
  core::MembershipTiming timing = core::timing_of(core::NetworkProfile::kLan);
  double loss = 0;  // of packets
  double duplication = 0;
  Duration latency_min = std::chrono::microseconds(200);
  Duration latency_max = std::chrono::milliseconds(5);
};

class Cluster {
 public:
  using Index = std::size_t;  // of a node; its id is that + 1

  explicit Cluster(ClusterOptions options);

  // Starts all nodes within a second, each joining through node 0, and runs until all know all.
  // False if that takes longer than `patience`.
  bool form(Duration patience = std::chrono::seconds(60));

  Instant now() const { return now_; }
  void run_for(Duration duration) { run_until(now_ + duration); }
  void run_until(Instant when);
  // Runs until `done`, asked every 50 ms. False if that is not within `patience`.
  bool run_until(const std::function<bool()>& done, Duration patience);
  Rng& rng() { return rng_; }

  // Faults.
  void start(Index node);  // or start again, as the next incarnation
  void kill(Index node);
  void leave(Index node);
  void force_leave(Index at, Index node);
  void stop_process(Index node, Duration duration);  // SIGSTOP, then SIGCONT
  void hog(Index node, bool on) { nodes_[node].hogged = on; }
  void set_loss(double loss) { options_.loss = loss; }
  void cut(Index from, Index to, bool on);  // one way, packets and calls
  void block_udp(Index node, bool on) { nodes_[node].udp_blocked = on; }
  void partition(const std::vector<Index>& one_side);  // from all others
  void heal();                                         // partitions and cuts
  // Says something to a node out of turn.
  void inject(Index node, core::MembershipEvent event);

  // Looking in.
  std::size_t size() const { return nodes_.size(); }
  bool up(Index node) const { return nodes_[node].up; }
  bool stopped(Index node) const { return nodes_[node].blocked_until > now_; }
  const core::Membership& at(Index node) const { return *nodes_[node].membership; }
  // All nodes that are up count each other as alive, and nobody else.
  bool one_view() const;
  std::string describe_differences() const;
  bool knows_as(Index observer, Index node, core::MemberState state) const;
  // "" if all is well.
  const std::string& violation() const { return violation_; }
  // Of members that were up, and so should not have been: found failed by some node.
  std::uint64_t wrongly_failed() const { return wrongly_failed_; }
  // Of those, the ones about this node.
  std::uint64_t wrongly_failed(Index index) const { return nodes_[index].wrongly_failed; }
  std::uint64_t packets_lost() const { return packets_lost_; }
  std::uint64_t steps() const { return steps_; }
  std::uint64_t conflicts() const { return conflicts_; }
  // Bytes (by encoded_bound) and packets that all nodes sent so far, of all their starts.
  struct Traffic {
    std::uint64_t packets = 0;
    std::uint64_t packet_bytes = 0;
    std::uint64_t list_bytes = 0;
  };
  Traffic traffic() const;

 private:
  struct Node {
    std::uint64_t wrongly_failed = 0;
    std::unique_ptr<core::Membership> membership;
    std::uint64_t incarnation = 0;
    bool up = false;
    bool hogged = false;
    bool udp_blocked = false;
    // It does not run after `blocked_from` until `blocked_until`.
    Instant blocked_from{};
    Instant blocked_until{};
    std::size_t waiting = 0;                         // packets that wait for it to run
    std::uint64_t tick = 0;                          // the entry that is its timer
    std::map<NodeId, core::MemberVersion> versions;  // the newest it believed, in this start
  };
  struct Entry {
    Instant when;
    std::uint64_t number = 0;
    Index node = 0;
    std::uint64_t incarnation = 0;  // dropped if the node is at another
    bool waited = false;            // it was put off until its node runs
    std::shared_ptr<core::MembershipEvent> event;
    bool operator<(const Entry& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };
  struct OpenCall {
    Index caller = 0;
    std::uint64_t caller_incarnation = 0;
    std::uint64_t call = 0;
    Index callee = 0;
  };

  void push(Instant when, Index node, core::MembershipEvent event);
  void dispatch(const Entry& entry);
  void take_effects(Index node, core::MembershipEffects effects);
  void plan_tick(Index node);
  void on(Index node, core::SendPacket& effect);
  void on(Index node, core::CallMemberList& effect);
  void on(Index node, core::CallReliablePing& effect);
  void on(Index node, core::AnswerMemberList& effect);
  void on(Index node, core::AnswerReliablePing& effect);
  void on(Index node, core::RefuseCall& effect);
  void on(Index node, core::MemberChanged& effect);
  void on(Index node, core::ConflictFound&) { (void)node, ++conflicts_; }
  void on(Index node, core::LeaveFinished&) { kill(node); }
  template <typename Other>
  void on(Index, Other&) {}
  void open_call(Index node, std::uint64_t call, const std::string& address,
                 const std::function<core::MembershipEvent(std::uint64_t)>& request);
  void answer(std::uint64_t handle,
              const std::function<core::MembershipEvent(std::uint64_t)>& make);
  void check(Index node);
  void violate(Index node, const std::string& what);
  bool reachable(Index from, Index to) const { return !cuts_.contains({from, to}); }
  Duration latency();
  std::optional<Index> index_of(const std::string& address) const;

  ClusterOptions options_;
  Rng rng_;
  Instant now_;
  std::vector<Node> nodes_;
  std::priority_queue<Entry> agenda_;
  std::uint64_t next_number_ = 0;
  std::map<std::uint64_t, OpenCall> calls_;
  std::uint64_t next_call_ = 1;
  std::set<std::pair<Index, Index>> cuts_;
  Traffic ended_;  // of starts that are over
  std::string violation_;
  std::uint64_t wrongly_failed_ = 0;
  std::uint64_t packets_lost_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t conflicts_ = 0;
};

constexpr NodeId id_of(std::size_t index) {
  return NodeId(index + 1);
}

}  // namespace skiptrain::sim::testing
