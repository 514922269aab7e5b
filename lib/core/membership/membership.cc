#include "core/membership/membership.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace skiptrain::core {
namespace {

using namespace std::chrono_literals;

// How often members that are gone for long are looked for.
constexpr Duration kForgetEvery = 30s;

std::vector<std::string> without_repeats(std::vector<std::string> addresses) {
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

}  // namespace

Membership::Membership(MembershipOptions options)
    : options_(std::move(options)),
      timing_(options_.timing),
      rng_(derive_seed({options_.seed, options_.id.value(), options_.incarnation.value()})),
      table_(options_.id) {
  SKIPTRAIN_CHECK(encoded_bound(options_.info) <= kMaxMemberInfoBytes,
                  "what a node says of itself must fit a packet");
  // Differs from that of an earlier start, so that acks meant for that one are not taken for ours.
  next_sequence_ = static_cast<std::uint32_t>(rng_.next());
}

MembershipEffects Membership::start(Instant now) {
  SKIPTRAIN_CHECK(!started_, "a membership starts once");
  now_ = now;
  effects_.clear();
  started_ = true;
  Member& own = *table_.insert(options_.id, now);
  own.version = own.info_version = {options_.incarnation, 0};
  own.info = options_.info;
  const auto within = [&](Duration interval) {
    return from_seconds(to_seconds(interval) * rng_.uniform());
  };
  next_probe_ = now + within(timing_.probe_interval);
  next_gossip_ = now + within(timing_.gossip_interval);
  next_push_pull_ = now + within(timing_.push_pull_interval);
  next_reconnect_ = now + within(timing_.reconnect_interval);
  next_forget_ = now + kForgetEvery;
  if (!options_.seeds.empty()) on(SeedsResolved{options_.seeds});
  return std::exchange(effects_, {});
}

MembershipEffects Membership::step(const MembershipEvent& event, Instant now) {
  SKIPTRAIN_CHECK(started_, "start() comes before step()");
  now_ = std::max(now_, now);
  effects_.clear();
  if (leave_ == Leave::kDone) return {};
  const auto due = next_deadline();
  if (due && now_ - *due > timing_.probe_timeout) on_stall(now_ - *due);
  std::visit([this](const auto& e) { on(e); }, event);
  run_timers();
  return std::exchange(effects_, {});
}

std::optional<Instant> Membership::next_deadline() const {
  if (!started_ || leave_ == Leave::kDone) return std::nullopt;
  Instant due = next_forget_;
  const auto at = [&due](Instant when) { due = std::min(due, when); };
  if (!queue_.empty() && !table_.others().empty()) at(next_gossip_);
  for (const auto& [sequence, relay] : relays_) at(relay.nacked ? relay.until : relay.nack_at);
  for (const NodeId suspect : table_.suspects()) at(table_.find(suspect)->suspicion->deadline());
  if (!calls_.empty()) at(calls_.begin()->second.until);
  if (leave_ == Leave::kTelling) {
    at(leave_until_);
    return due;
  }
  at(next_probe_);
  if (probe_ && !probe_->timed_out) at(probe_->timeout);
  at(next_push_pull_);
  at(next_reconnect_);
  if (join_ == Join::kWaiting) at(next_join_);
  return due;
}

void Membership::run_timers() {
  run_relays();
  expire_suspicions();
  expire_calls();
  if (leave_ == Leave::kNo) {
    if (probe_ && !probe_->timed_out && now_ >= probe_->timeout) ask_others();
    if (now_ >= next_probe_) {
      end_probe();
      begin_probe();
    }
    if (now_ >= next_push_pull_) begin_push_pull();
    if (now_ >= next_reconnect_) begin_reconnect();
    if (join_ == Join::kWaiting && now_ >= next_join_) begin_join();
  }
  if (now_ >= next_gossip_) gossip();
  if (now_ >= next_forget_) {
    next_forget_ = now_ + std::min(kForgetEvery, timing_.forget_after);
    for (const NodeId node : table_.forget_gone_before(now_ - timing_.forget_after)) {
      queue_.erase(node);
    }
  }
  run_leave();
}

// This process did not run for `late`: stopped, swapped out, or its machine asleep. Whoever
// answered meanwhile was not heard, so probes under way show nothing, and suspects had less time to
// refute than it seems. What arrived meanwhile is still to be read, which takes some time as well.
void Membership::on_stall(Duration late) {
  ++counters_.stalls;
  if (probe_) ++counters_.probes_given_up;
  probe_.reset();
  relays_.clear();
  const auto intervals = late / timing_.probe_interval;
  health_.worsen(1 + static_cast<int>(std::min<std::int64_t>(intervals, LocalHealth::kMaxScore)));
  for (const NodeId suspect : table_.suspects()) {
    table_.find(suspect)->suspicion->postpone(late + timing_.probe_interval);
  }
  next_probe_ = now_ + timing_.probe_interval;
  // Away for so long that others may have given this node up, or that much has changed.
  if (late >= timing_.suspicion_mult * timing_.probe_interval) next_push_pull_ = now_;
}

// ---- Operators -------------------------------------------------------------------------------

void Membership::on(const SeedsResolved& event) {
  seeds_ = without_repeats(event.addresses);
  std::erase(seeds_, table_.self().info.peer_address);
  if (seeds_.size() > kMaxSeeds) seeds_.resize(kMaxSeeds);
  if (join_ == Join::kDone || join_ == Join::kCalling || leave_ != Leave::kNo) return;
  join_attempts_ = 0;
  if (!seeds_.empty()) return begin_join();
  join_ = Join::kDone;
  effects_.push_back(ClusterJoined{});
}

void Membership::on(const OwnInfoChanged& event) {
  if (event.info == table_.self().info || leave_ != Leave::kNo) return;
  if (encoded_bound(event.info) > kMaxMemberInfoBytes) {
    effects_.push_back(Warn{"what this node says of itself stays as it was: the new one takes " +
                            std::to_string(encoded_bound(event.info)) + " bytes, of at most " +
                            std::to_string(kMaxMemberInfoBytes)});
    return;
  }
  Member& own = table_.self();
  own.info = event.info;
  ++own.version.refutation;
  own.info_version = own.version;
  tell(own);
}

void Membership::on(const ForceLeaveRequested& event) {
  const Member* member = table_.find(event.node);
  if (member == nullptr || event.node == options_.id) {
    effects_.push_back(Warn{
        "node " + to_string(event.node) + " cannot be removed: " +
        (member ? "it is this node, which can leave by itself" : "no such member is known here")});
    return;
  }
  on_left({event.node, MemberState::kLeft, member->version, options_.id, std::nullopt});
}

void Membership::on(const LeaveRequested&) {
  if (leave_ != Leave::kNo) return;
  leave_ = Leave::kTelling;
  leave_until_ = now_ + timing_.leave_timeout;
  probe_.reset();
  Member& own = table_.self();
  table_.set_state(own, MemberState::kLeft, own.id, now_);
  queue_.push(claim_of(own, false));
  gossip();
}

// ---- Looking in ------------------------------------------------------------------------------

std::vector<NodeId> Membership::view() const {
  std::vector<NodeId> view = table_.others();
  view.insert(std::lower_bound(view.begin(), view.end(), options_.id), options_.id);
  return view;
}

MemberCounts Membership::counts() const {
  MemberCounts counts;
  for (const auto& [id, member] : table_.all()) {
    counts.alive += member.state == MemberState::kAlive;
    counts.suspect += member.state == MemberState::kSuspect;
    counts.failed += member.state == MemberState::kFailed;
    counts.left += member.state == MemberState::kLeft;
    counts.udp_blocked += member.udp_blocked;
  }
  return counts;
}

Duration Membership::push_pull_interval() const {
  return timing_.push_pull_interval * push_pull_scale(table_.size());
}

void PacketCounts::add(const GossipPacket& packet, std::size_t packet_bytes) {
  struct Count {
    PacketCounts& to;
    void operator()(std::monostate) { ++to.gossip; }
    void operator()(const Ping&) { ++to.pings; }
    void operator()(const PingRequest&) { ++to.ping_requests; }
    void operator()(const Ack&) { ++to.acks; }
    void operator()(const Nack&) { ++to.nacks; }
  };
  std::visit(Count{*this}, packet.body);
  bytes += packet_bytes;
}

const char* to_string(MemberChange change) {
  switch (change) {
    case MemberChange::kJoined:
      return "joined";
    case MemberChange::kSuspected:
      return "suspected";
    case MemberChange::kFailed:
      return "failed";
    case MemberChange::kRecovered:
      return "recovered";
    case MemberChange::kLeft:
      return "left";
    case MemberChange::kUpdated:
      return "updated";
  }
  return "unknown";
}

}  // namespace skiptrain::core
