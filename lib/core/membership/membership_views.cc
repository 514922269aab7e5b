// Joining, and making two views one over the reliable call: push/pull of memberlist, by digests.
#include <algorithm>

#include "core/membership/membership.h"
#include "core/membership/view_digest.h"

namespace skiptrain::core {
namespace {

// Says `claim` more than `other`, both about one member?
bool is_better(const Member& member, const MemberClaim& claim) {
  if (member.version != claim.version) return member.version > claim.version;
  return member.state > claim.state;
}

}  // namespace

// ---- Joining ---------------------------------------------------------------------------------

void Membership::begin_join() {
  join_ = Join::kCalling;
  ++join_attempts_;
  join_calls_ = 0;
  for (const std::string& seed : seeds_) {
    const std::size_t before = calls_.size();
    call_list(Call::Purpose::kJoin, seed, whole_view(true));
    join_calls_ += calls_.size() - before;
  }
  if (join_calls_ == 0) join_call_ended(false, "");
}

void Membership::join_call_ended(bool ok, const std::string& address) {
  if (join_calls_ > 0) --join_calls_;
  if (join_ != Join::kCalling) return;
  if (ok) {
    join_ = Join::kDone;
    effects_.push_back(ClusterJoined{address});
    return;
  }
  if (join_calls_ > 0) return;
  if (options_.join_attempts > 0 && join_attempts_ >= options_.join_attempts) {
    join_ = Join::kGivenUp;
    effects_.push_back(JoinFailed{"none of " + std::to_string(seeds_.size()) +
                                  " seeds answered in " + std::to_string(join_attempts_) +
                                  " attempts; the first is " +
                                  (seeds_.empty() ? "missing" : seeds_.front())});
    return;
  }
  join_ = Join::kWaiting;
  const unsigned doublings = std::min(join_attempts_ - 1, 16u);
  const Duration wait =
      std::min(timing_.join_backoff * (1u << doublings), timing_.join_backoff_max);
  // Not all at once, where a whole site has lost its power.
  next_join_ = now_ + from_seconds(to_seconds(wait) * (0.5 + rng_.uniform() / 2));
}

// ---- Calls -----------------------------------------------------------------------------------

bool Membership::open_call(std::uint64_t call, Call entry) {
  if (calls_.size() >= kMaxCalls) return false;
  calls_.emplace(call, std::move(entry));
  return true;
}

void Membership::call_list(Call::Purpose purpose, const std::string& address, MemberList list) {
  const std::uint64_t call = next_call_++;
  if (!open_call(call, {purpose, address, 0, now_ + kCallTimeout})) return;
  ++counters_.lists_sent;
  counters_.list_bytes_sent += encoded_bound(list);
  effects_.push_back(CallMemberList{call, address, std::move(list)});
}

void Membership::expire_calls() {
  while (!calls_.empty() && now_ >= calls_.begin()->second.until) {
    on(CallFailed{calls_.begin()->first, "no answer"});
  }
}

void Membership::on(const CallFailed& event) {
  const auto call = calls_.find(event.call);
  if (call == calls_.end()) return;
  const Call ended = std::move(call->second);
  calls_.erase(call);
  if (ended.purpose == Call::Purpose::kJoin) join_call_ended(false, ended.address);
}

void Membership::begin_push_pull() {
  next_push_pull_ = now_ + push_pull_interval();
  const auto with = draw(table_.others(), 1, rng_, [](NodeId) { return true; });
  if (with.empty()) return;
  call_list(Call::Purpose::kPushPull, table_.find(with.front())->info.peer_address, digests());
}

// One of those that cannot be reached: a failed member, or a seed that no member has the address
// of. On average one node of those on this side tries each of them per interval.
void Membership::begin_reconnect() {
  next_reconnect_ = now_ + timing_.reconnect_interval;
  std::vector<std::string> addresses;
  for (const NodeId node : table_.failed())
    addresses.push_back(table_.find(node)->info.peer_address);
  if (join_ == Join::kDone) {
    for (const std::string& seed : seeds_) {
      const auto is_it = [&](const auto& entry) { return entry.second.info.peer_address == seed; };
      const auto& all = table_.all();
      if (std::none_of(all.begin(), all.end(), is_it)) addresses.push_back(seed);
    }
  }
  if (addresses.empty()) return;
  const double chance = static_cast<double>(addresses.size()) / static_cast<double>(table_.size());
  if (rng_.uniform() >= chance) return;
  call_list(Call::Purpose::kReconnect, addresses[rng_.below(addresses.size())], whole_view(true));
}

// ---- Lists -----------------------------------------------------------------------------------

void Membership::on(const MemberListRequested& event) {
  if (event.list.from == options_.id && !event.list.join) {
    effects_.push_back(
        RefuseCall{event.call, "this is node " + to_string(options_.id) + " itself"});
    return;
  }
  take_in(event.list);
  MemberList answer;
  if (event.list.join) {
    answer = whole_view(false);
  } else if (!event.list.digests.empty()) {
    answer = answer_to_digests(event.list);
  } else {
    answer = known_better(event.list);
  }
  answer.from = options_.id;
  answer_list(event.call, std::move(answer));
}

void Membership::answer_list(std::uint64_t call, MemberList list) {
  ++counters_.lists_sent;
  counters_.list_bytes_sent += encoded_bound(list);
  effects_.push_back(AnswerMemberList{call, std::move(list)});
}

void Membership::on(const MemberListAnswered& event) {
  const auto call = calls_.find(event.call);
  if (call == calls_.end()) return;
  const Call ended = std::move(call->second);
  calls_.erase(call);
  // Also instead of an answer to a ping: see EarlierStartCalled. To a join such an answer says only
  // what this node must be to be heard.
  const Incarnation before = options_.incarnation;
  take_in(event.list);
  if (ended.purpose == Call::Purpose::kJoin) {
    join_call_ended(options_.incarnation == before, ended.address);
  }
  if (ended.purpose == Call::Purpose::kPushPull) send_what_it_lacks(event.list, ended.address);
}

void Membership::take_in(const MemberList& list) {
  ++counters_.lists_received;
  counters_.list_bytes_received += encoded_bound(list);
  const std::size_t count = std::min(list.members.size(), kMaxMembers);
  counters_.claims_dropped += list.members.size() - count;
  for (std::size_t i = 0; i < count; ++i) take_in(list.members[i], Heard::kInList, list.from);
}

MemberList Membership::whole_view(bool join) const {
  MemberList list{options_.id, join, {}, {}};
  for (const auto& [id, member] : table_.all()) list.members.push_back(claim_of(member, true));
  return list;
}

MemberList Membership::digests() const {
  MemberList list{options_.id, false, view_digest(table_, kDigestBuckets), {}};
  add_recently_gone(list.members);
  return list;
}

// Nothing if the views are one, but for those gone of late.
MemberList Membership::answer_to_digests(const MemberList& list) const {
  MemberList answer{options_.id, false, {}, {}};
  const std::size_t buckets = std::min(list.digests.size(), kMaxMemberDigests);
  auto own = view_digest(table_, buckets);
  bool differs = false;
  for (const auto& [id, member] : table_.all()) {
    const std::size_t bucket = digest_bucket(id, buckets);
    if (member.counts() && own[bucket] != list.digests[bucket]) {
      answer.members.push_back(claim_of(member, true));
    }
  }
  for (std::size_t i = 0; i < buckets; ++i) differs |= own[i] != list.digests[i];
  if (differs) answer.digests = std::move(own);
  add_recently_gone(answer.members);
  return answer;
}

// The second half of a push/pull: where the hashes differed, what this node knows better than the
// answer did.
void Membership::send_what_it_lacks(const MemberList& list, const std::string& address) {
  if (list.digests.empty() || list.digests.size() != kDigestBuckets) return;
  std::map<NodeId, const MemberClaim*> theirs;
  for (const MemberClaim& claim : list.members) theirs[claim.node] = &claim;
  const auto own = view_digest(table_, kDigestBuckets);
  MemberList lacking{options_.id, false, {}, {}};
  for (const auto& [id, member] : table_.all()) {
    const std::size_t bucket = digest_bucket(id, kDigestBuckets);
    if (own[bucket] == list.digests[bucket]) continue;
    const auto claim = theirs.find(id);
    const bool lacks = claim == theirs.end() ? member.counts() : is_better(member, *claim->second);
    if (lacks) lacking.members.push_back(claim_of(member, true));
  }
  if (!lacking.members.empty()) {
    call_list(Call::Purpose::kDelta, address, std::move(lacking));
  }
}

MemberList Membership::known_better(const MemberList& list) const {
  MemberList answer{options_.id, false, {}, {}};
  for (const MemberClaim& claim : list.members) {
    const Member* member = table_.find(claim.node);
    if (member != nullptr && is_better(*member, claim)) {
      answer.members.push_back(claim_of(*member, true));
    }
  }
  return answer;
}

// Members that are gone are in no digest. Those gone of late go along with every list instead, for
// whoever missed the gossip about them.
void Membership::add_recently_gone(std::vector<MemberClaim>& claims) const {
  const Duration lately = 2 * push_pull_interval();
  for (const auto& [id, member] : table_.all()) {
    if (!member.counts() && now_ - member.since < lately) claims.push_back(claim_of(member, false));
  }
}

}  // namespace skiptrain::core
