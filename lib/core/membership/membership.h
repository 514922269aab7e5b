// Who is in the cluster: SWIM with Lifeguard, for one node. START HERE.
//
// SWIM (Das, Gupta, Motivala, DSN 2002): each node probes one member after another, directly, then
// through others; who does not answer is suspected, and failed if it does not refute in time. What
// nodes find out rides on the probes. Lifeguard (Dadgar, Phillips, Currey, DSN 2018) keeps a slow
// node from taking others for failed: its local health score stretches its probes, suspicions last
// longer the fewer share them, and a suspect is always told so. Beyond the papers, as memberlist
// and Serf do: probes over the reliable call where UDP is blocked, views made one in pairs now and
// then (by digests, messages.h), attempts to reach failed members so that a healed partition finds
// itself.
//
// `step(event, now)` takes in one thing that happened and returns what is to be done, in order. No
// I/O, thread, clock or encoding. Not thread-safe: step it from one thread, and step(Tick{}, now)
// when `next_deadline()` has come. A step that comes much later than that shows that this process
// did not run; it then blames nobody else for the silence.
//
// Where to read on: membership_claims.cc, what is believed; membership_probe.cc, who is alive;
// membership_views.cc, joining and making views one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "base/units.h"
#include "core/membership/gossip_queue.h"
#include "core/membership/local_health.h"
#include "core/membership/member_table.h"
#include "core/membership/membership_counters.h"
#include "core/membership/membership_effect.h"
#include "core/membership/membership_event.h"
#include "core/membership/probe_order.h"
#include "core/membership/timing.h"

namespace skiptrain::core {

struct MembershipOptions {
  NodeId id;
  Incarnation incarnation;  // higher with each start
  MemberInfo info;          // within the limits of member.h
  MembershipTiming timing = timing_of(NetworkProfile::kLan);
  std::uint64_t seed = 0;          // of all that is random
  std::vector<std::string> seeds;  // as SeedsResolved's
  unsigned join_attempts = 0;      // then JoinFailed; 0: try for ever
};

class Membership {
 public:
  static constexpr std::size_t kMaxSeeds = 16;       // more are not asked
  static constexpr std::size_t kMaxRelays = 256;     // more are not pinged for others
  static constexpr std::size_t kMaxCalls = 256;      // more are not begun
  static constexpr std::size_t kMaxConflicts = 256;  // then each may be reported again
  static constexpr std::size_t kMaxLateProbes = 16;  // acks to older ones tell nothing
  static constexpr Duration kCallTimeout =
      std::chrono::seconds(60);  // a call then counts as failed

  explicit Membership(MembershipOptions options);

  // Once, before any step.
  MembershipEffects start(Instant now);
  // Must not be called again from within the handling of its effects.
  MembershipEffects step(const MembershipEvent& event, Instant now);
  // nullopt before the start and after LeaveFinished.
  std::optional<Instant> next_deadline() const;

  // What an operator may look at.
  const std::map<NodeId, Member>& members() const { return table_.all(); }  // this node among them
  const Member* find(NodeId id) const { return table_.find(id); }
  const Member& self() const { return table_.self(); }
  // The view that topologies are made of: alive and suspect, this node among them, ascending.
  std::vector<NodeId> view() const;
  MemberCounts counts() const;
  int health_score() const { return health_.score(); }  // 0: healthy, up to LocalHealth::kMaxScore
  const MembershipCounters& counters() const { return counters_; }
  const MembershipOptions& options() const { return options_; }
  bool joined() const { return join_ == Join::kDone; }
  bool superseded() const { return superseded_; }
  Duration push_pull_interval() const;
  // Claims waiting to be told; probes for others and calls under way.
  std::size_t queued_claims() const { return queue_.size(); }
  std::size_t relays() const { return relays_.size(); }
  std::size_t calls() const { return calls_.size(); }

 private:
  enum class Join { kNoSeeds, kWaiting, kCalling, kDone, kGivenUp };
  enum class Leave { kNo, kTelling, kDone };
  enum class Heard { kByGossip, kInList };

  struct Probe {
    std::uint32_t sequence = 0;
    NodeId target;
    Instant timeout;
    bool timed_out = false;       // the others were asked
    std::vector<NodeId> helpers;  // who were
    std::set<NodeId> nacks;       // who answered that they got no answer either
    bool reliable_ok = false;
  };
  // A ping on behalf of `requester`.
  struct Relay {
    NodeId requester;
    std::string requester_address;
    std::uint32_t requester_sequence = 0;
    NodeId target;
    Instant nack_at;
    bool nacked = false;
    Instant until;
  };
  struct Call {
    enum class Purpose { kJoin, kReconnect, kPushPull, kDelta, kReliablePing } purpose;
    std::string address;
    std::uint32_t sequence = 0;  // of the probe, with kReliablePing
    Instant until;
  };

  void on(const PacketReceived& event);
  void on(const MemberListRequested& event);
  void on(const EarlierStartCalled& event);
  void on(const ReliablePingRequested& event);
  void on(const MemberListAnswered& event);
  void on(const ReliablePingAnswered& event);
  void on(const CallFailed& event);
  void on(const SeedsResolved& event);
  void on(const OwnInfoChanged& event);
  void on(const ForceLeaveRequested& event);
  void on(const LeaveRequested& event);
  void on(const Tick&) {}
  void run_timers();
  void on_stall(Duration late);

  // membership_claims.cc
  void take_in(const MemberClaim& claim, Heard heard, NodeId from);
  void on_self_claim(const MemberClaim& claim);
  void on_alive(const MemberClaim& claim);
  void on_suspect(const MemberClaim& claim);
  void on_failed(const MemberClaim& claim);
  void on_left(const MemberClaim& claim);
  bool is_conflict(Member& member, const MemberClaim& claim);
  void report_conflict(NodeId node, const std::string& address, const std::string& other);
  void refute(MemberVersion at_least);
  void expire_suspicions();
  void tell(const Member& member);
  void changed(NodeId node, MemberChange change);

  // membership_probe.cc
  void begin_probe();
  void ask_others();
  void end_probe();
  void on_ping(const Ping& ping, const PacketReceived& event);
  void on_ping_request(const PingRequest& request, const PacketReceived& event);
  void on_ack(std::uint32_t sequence, NodeId from);
  void on_nack(std::uint32_t sequence, NodeId from);
  void run_relays();

  // membership_gossip.cc
  void send(const std::string& address, GossipPacket packet, std::optional<NodeId> to);
  void gossip();
  void run_leave();

  // membership_views.cc
  void begin_join();
  void join_call_ended(bool ok, const std::string& address);
  void begin_push_pull();
  void begin_reconnect();
  void call_list(Call::Purpose purpose, const std::string& address, MemberList list);
  void answer_list(std::uint64_t call, MemberList list);
  bool open_call(std::uint64_t call, Call entry);
  void expire_calls();
  void take_in(const MemberList& list);
  void send_what_it_lacks(const MemberList& list, const std::string& address);
  MemberList whole_view(bool join) const;
  MemberList digests() const;
  MemberList answer_to_digests(const MemberList& list) const;
  MemberList known_better(const MemberList& list) const;
  void add_recently_gone(std::vector<MemberClaim>& claims) const;

  MembershipOptions options_;
  MembershipTiming timing_;
  Rng rng_;
  MemberTable table_;
  GossipQueue queue_;
  LocalHealth health_;
  ProbeOrder order_;
  MembershipCounters counters_;

  bool started_ = false;
  bool superseded_ = false;
  std::set<std::tuple<NodeId, std::string, std::string>> conflicts_;
  bool told_full_ = false;

  std::uint32_t next_sequence_ = 0;
  std::optional<Probe> probe_;
  std::map<std::uint32_t, Relay> relays_;                     // by the sequence of our ping
  std::deque<std::pair<std::uint32_t, NodeId>> late_probes_;  // that ended without an answer
  Instant next_probe_{};
  Instant next_gossip_{};  // if there is anything to tell

  std::uint64_t next_call_ = 0;
  std::map<std::uint64_t, Call> calls_;
  Instant next_push_pull_{};
  Instant next_reconnect_{};
  Instant next_forget_{};

  std::vector<std::string> seeds_;
  Join join_ = Join::kNoSeeds;
  unsigned join_attempts_ = 0;
  std::size_t join_calls_ = 0;  // of the attempt in progress, not yet ended
  Instant next_join_{};

  Leave leave_ = Leave::kNo;
  Instant leave_until_{};

  Instant now_{};              // of the step in progress
  MembershipEffects effects_;  // of the step in progress
};

// The claim that `member`'s entry makes; with info if `with_info` and it is of that version.
MemberClaim claim_of(const Member& member, bool with_info);

}  // namespace skiptrain::core
