// What is believed of what is said. Of two claims about one member the one of the later version
// counts; of one version, the worse one: alive < suspect < failed < left (SWIM, section 4.2). Only
// the member itself makes versions, so it has the last word.
#include <limits>
#include <utility>

#include "core/membership/membership.h"

namespace skiptrain::core {
namespace {

bool same_address(const MemberInfo& a, const MemberInfo& b) {
  return a.peer_address == b.peer_address && a.gossip_address == b.gossip_address;
}

// Of these many members, on average, each suspects soon after the first if it has cause to: three
// for each confirmation that is waited for.
constexpr double kHastenedProbes = 6;

}  // namespace

MemberClaim claim_of(const Member& member, bool with_info) {
  MemberClaim claim{member.id, member.state, member.version, member.by, std::nullopt};
  if (with_info && member.info_version == member.version) claim.info = member.info;
  return claim;
}

void Membership::take_in(const MemberClaim& claim, Heard heard, NodeId from) {
  const bool too_large = claim.info && encoded_bound(*claim.info) > kMaxMemberInfoBytes;
  if (too_large || (claim.state == MemberState::kAlive && !claim.info)) {
    ++counters_.claims_dropped;
    return;
  }
  if (claim.node == options_.id) return on_self_claim(claim);
  switch (claim.state) {
    case MemberState::kAlive:
      return on_alive(claim);
    case MemberState::kSuspect:
      if (claim.info) on_alive(claim);  // of a list: who it is, to those who do not know it
      return on_suspect(claim);
    case MemberState::kFailed:
      // A whole list may be the view of another side of a partition. The member gets its chance to
      // refute, as with any suspicion.
      if (heard == Heard::kInList) {
        return on_suspect({claim.node, MemberState::kSuspect, claim.version, from, std::nullopt});
      }
      return on_failed(claim);
    case MemberState::kLeft:
      return on_left(claim);
  }
  ++counters_.claims_dropped;
}

// ---- About this node -------------------------------------------------------------------------

void Membership::on_self_claim(const MemberClaim& claim) {
  Member& own = table_.self();
  if (leave_ != Leave::kNo || superseded_) return;
  if (claim.info && is_conflict(own, claim)) return;
  if (claim.version.incarnation < own.version.incarnation) return;
  if (claim.version.incarnation > own.version.incarnation) {
    if (!claim.info)
      return;  // whether it is of another node or of a start forgotten: wait for more
    if (!same_address(*claim.info, own.info)) {
      superseded_ = true;
      report_conflict(own.id, claim.info->peer_address, own.info.peer_address);
      effects_.push_back(Superseded{claim.version.incarnation, claim.info->peer_address});
      return;
    }
    return refute(claim.version);
  }
  if (claim.state == MemberState::kAlive) {
    // Something that this start did not say, or not yet.
    if (claim.version > own.version) refute(claim.version);
    return;
  }
  if (claim.version < own.version) {
    ++counters_.claims_stale;
    return;
  }
  health_.worsen(1);
  refute(claim.version);
}

// Makes the next version after `at_least`, and says that it is alive.
void Membership::refute(MemberVersion at_least) {
  Member& own = table_.self();
  MemberVersion next = std::max(at_least, own.version);
  // A start that this one knows nothing of is no start of its own to go on with: what was sealed
  // then has used up its sequence numbers.
  const bool forgotten = next.incarnation > own.version.incarnation;
  if (!forgotten && next.refutation < std::numeric_limits<std::uint32_t>::max()) {
    ++next.refutation;
  } else if (next.incarnation.value() < std::numeric_limits<std::uint64_t>::max()) {
    next = {Incarnation(next.incarnation.value() + 1), 0};
  } else {
    return;  // no later version exists
  }
  ++counters_.refutations;
  const bool raised = next.incarnation != own.version.incarnation;
  own.version = own.info_version = next;
  if (raised) {
    options_.incarnation = next.incarnation;
    effects_.push_back(IncarnationRaised{next.incarnation});
  }
  tell(own);
}

// ---- About others ----------------------------------------------------------------------------

void Membership::on_alive(const MemberClaim& claim) {
  Member* member = table_.find(claim.node);
  if (member == nullptr) {
    member = table_.insert(claim.node, now_);
    if (member == nullptr) {
      ++counters_.claims_dropped;
      if (!std::exchange(told_full_, true)) {
        effects_.push_back(Warn{"the cluster has more than " + std::to_string(kMaxMembers) +
                                " members; node " + to_string(claim.node) +
                                " and others to come are not let in"});
      }
      return;
    }
    member->version = member->info_version = claim.version;
    member->info = *claim.info;
    order_.add(claim.node, rng_);
    ++counters_.claims_taken;
    changed(claim.node, MemberChange::kJoined);
    return tell(*member);
  }
  if (is_conflict(*member, claim)) return;
  const bool newer = claim.version > member->version;
  const bool completes = claim.version == member->version && claim.version > member->info_version;
  if (!newer && !completes) {
    ++counters_.claims_stale;
    return;
  }
  ++counters_.claims_taken;
  const bool other_info = *claim.info != member->info;
  const bool other_start = claim.version.incarnation != member->version.incarnation;
  member->info = *claim.info;
  member->info_version = claim.version;
  if (completes) {  // a suspicion, say, of a version that this claim came too late for
    if (other_info) changed(claim.node, MemberChange::kUpdated);
    return tell(*member);
  }
  member->version = claim.version;
  const MemberState before = member->state;
  table_.set_state(*member, MemberState::kAlive, claim.node, now_);
  if (before == MemberState::kAlive) {
    if (other_info || other_start) changed(claim.node, MemberChange::kUpdated);
  } else if (before == MemberState::kLeft || (before == MemberState::kFailed && other_start)) {
    changed(claim.node, MemberChange::kJoined);
  } else {
    changed(claim.node, MemberChange::kRecovered);
    if (other_info || other_start) changed(claim.node, MemberChange::kUpdated);
  }
  if (before == MemberState::kFailed || before == MemberState::kLeft) order_.add(claim.node, rng_);
  tell(*member);
}

void Membership::on_suspect(const MemberClaim& claim) {
  Member* member = table_.find(claim.node);
  if (member == nullptr || !member->counts() || claim.version < member->version) {
    ++counters_.claims_stale;
    return;
  }
  const bool first = member->state != MemberState::kSuspect || claim.version > member->version;
  if (!first) {
    if (!member->suspicion->confirm(claim.by)) {
      ++counters_.claims_stale;
      return;
    }
    // A confirmation is told on, so that all count the same.
    ++counters_.claims_taken;
    member->by = claim.by;
    return tell(*member);
  }
  ++counters_.claims_taken;
  member->version = claim.version;
  const bool was_alive = member->state == MemberState::kAlive;
  table_.set_state(*member, MemberState::kSuspect, claim.by, now_);
  member->suspicion.emplace(Suspicion::limits(timing_, table_.size()), claim.by, now_);
  // Some of the members look for themselves, out of turn: a member that is gone is soon confirmed
  // to be, and one that is not hears the sooner that it is suspected.
  if (claim.by != options_.id &&
      rng_.uniform() * static_cast<double>(table_.size()) < kHastenedProbes) {
    order_.hasten(claim.node);
  }
  if (was_alive) changed(claim.node, MemberChange::kSuspected);
  tell(*member);
}

void Membership::on_failed(const MemberClaim& claim) {
  Member* member = table_.find(claim.node);
  if (member == nullptr || claim.version < member->version ||
      (!member->counts() && claim.version == member->version) ||
      member->state == MemberState::kLeft) {
    ++counters_.claims_stale;
    return;
  }
  ++counters_.claims_taken;
  const bool counted = member->counts();
  member->version = claim.version;
  table_.set_state(*member, MemberState::kFailed, claim.by, now_);
  if (counted) changed(claim.node, MemberChange::kFailed);
  tell(*member);
}

void Membership::on_left(const MemberClaim& claim) {
  Member* member = table_.find(claim.node);
  if (member == nullptr || claim.version < member->version ||
      (member->state == MemberState::kLeft && claim.version == member->version)) {
    ++counters_.claims_stale;
    return;
  }
  ++counters_.claims_taken;
  const bool had_left = member->state == MemberState::kLeft;
  member->version = claim.version;
  table_.set_state(*member, MemberState::kLeft, claim.by, now_);
  if (!had_left) changed(claim.node, MemberChange::kLeft);
  tell(*member);
}

void Membership::expire_suspicions() {
  const std::vector<NodeId> suspects = table_.suspects();
  for (const NodeId suspect : suspects) {
    const Member& member = *table_.find(suspect);
    if (now_ < member.suspicion->deadline()) continue;
    ++counters_.failures;
    on_failed({suspect, MemberState::kFailed, member.version, options_.id, std::nullopt});
  }
}

// ---- Two nodes of one id ---------------------------------------------------------------------

// True if `claim`, which has info, is of another node than the one that is believed, and not of a
// later start: it must not be taken in. A single claim of an earlier start at another address is
// nothing but old news. If that start goes on making versions, it lives.
bool Membership::is_conflict(Member& member, const MemberClaim& claim) {
  if (!claim.info || same_address(*claim.info, member.info)) return false;
  const Incarnation known = member.version.incarnation;
  const Incarnation heard = claim.version.incarnation;
  auto& earlier = member.earlier;
  if (heard > known) {
    if (member.id != options_.id && member.counts()) {
      earlier = Member::EarlierStart{member.version, member.info.peer_address};
    }
    return false;
  }
  if (heard == known) {
    // A failed member may come back at another address; one that counts is where it is. What is old
    // may be from before such a move.
    const bool moved = !member.counts() && claim.version > member.version;
    if (moved && member.id != options_.id) return false;
    if (claim.version < member.info_version) return false;
    report_conflict(member.id, member.info.peer_address, claim.info->peer_address);
    ++counters_.claims_dropped;
    return true;
  }
  const bool lives = earlier && earlier->version.incarnation == heard &&
                     claim.version > earlier->version && claim.state == MemberState::kAlive;
  if (lives) report_conflict(member.id, member.info.peer_address, claim.info->peer_address);
  if (!earlier || claim.version > earlier->version) {
    earlier = Member::EarlierStart{claim.version, claim.info->peer_address};
  }
  ++counters_.claims_stale;
  return true;
}

// The earlier start may live on, unaware of the later one, since nobody sends to its address any
// more. It is told who took its place.
void Membership::on(const EarlierStartCalled& event) {
  MemberList answer{options_.id, false, {}, {}};
  if (const Member* member = table_.find(event.node); member != nullptr) {
    answer.members.push_back(claim_of(*member, true));
    const auto& earlier = member->earlier;
    if (earlier && earlier->address != member->info.peer_address) {
      report_conflict(member->id, member->info.peer_address, earlier->address);
    }
  }
  answer_list(event.call, std::move(answer));
}

void Membership::report_conflict(NodeId node, const std::string& address,
                                 const std::string& other) {
  if (conflicts_.size() >= kMaxConflicts) conflicts_.clear();
  const auto& [first, second] = std::minmax(address, other);
  if (!conflicts_.emplace(node, first, second).second) return;
  ++counters_.conflicts;
  effects_.push_back(ConflictFound{node, address, other});
}

// ---- Telling ---------------------------------------------------------------------------------

void Membership::tell(const Member& member) {
  queue_.push(claim_of(member, member.state == MemberState::kAlive));
}

void Membership::changed(NodeId node, MemberChange change) {
  effects_.push_back(MemberChanged{node, change});
}

}  // namespace skiptrain::core
