// From which round on an edge is used, agreed between its two ends.
//
// Two nodes hear of a join or a leave at different times and in different rounds, so the living
// topology alone would have one end wait for updates that the other does not send yet. Each end
// therefore makes claims on each edge, (wanted or not, from a round a little ahead), and tells them
// to the other end. An edge is used in a round that both ends want it in:
//   both want it        from the larger of the two rounds on
//   either does not     until the round from which that end does not
//   the other failed    dropped at once, by drop(): nobody is left to agree with
// A wish that comes so late that its round has begun is answered with a later one, each time twice
// as far ahead, until one comes in time; an end that uses the edge already stays on it. So while
// messages take fewer rounds than kLead, no round has an edge that only one end uses; and in any
// case both ends name the same round once messages stop.
//
// Every message says what its sender has heard of the other's claim. An end whose claim was not
// heard says it again: whatever was lost or forgotten (a member that was thought failed, a restart)
// is repaired by the next message either way, and link_up() brings that one about. An exchange of
// messages that come in time ends after at most three. Messages between two nodes must arrive in
// the order in which they were sent, as those of one stream do.
//
// Sans-IO: messages come out as values, and the caller sends them. Not thread-safe. What counts is
// the logical clock, so it is for rounds with a barrier or a deadline; in asynchronous rounds,
// where clocks drift apart without limit, an edge can be used as soon as it is wanted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/flat_map.h"
#include "base/ids.h"

namespace skiptrain::core {

// One end's word on an edge: wanted from round `from` on, or no longer wanted from it on.
struct EdgeClaim {
  bool wanted = false;
  Round from;

  // Two claims of not wanting it are the same, whatever the round.
  bool operator==(const EdgeClaim& other) const {
    return wanted == other.wanted && (!wanted || from == other.from);
  }
};

// A claim on the way to or from `peer`, the other end.
struct EdgeMessage {
  NodeId peer;
  EdgeClaim claim;  // the sender's
  EdgeClaim heard;  // the receiver's, as the sender knows it
  bool operator==(const EdgeMessage&) const = default;
};
using EdgeMessages = std::vector<EdgeMessage>;

// For logs: "wanted from round 12" or "not wanted".
std::string to_string(const EdgeClaim& claim);

// What one end wants, round by round, from its claims so far.
class EdgeWish {
 public:
  // A neighbour that changes its mind for more coming rounds than this has the oldest forgotten.
  static constexpr std::size_t kMaxChanges = 32;

  // A claim made or heard while `open` is the first round that has not begun; those before it stay
  // as they began. Two wishes in a row move the edge to the later round.
  void claim(const EdgeClaim& claim, Round open);
  // Forgets what no longer matters from `open` on, but for what is wanted in the round before it.
  void forget_before(Round open);

  const EdgeClaim& last() const { return last_; }
  // For rounds from the one in progress on.
  bool wanted_in(Round round) const { return wanted_before(round.next()); }
  // In the last round before `open`; false if there is none.
  bool wanted_before(Round open) const;
  // No change is to come from `open` on.
  bool settled(Round open) const;

 private:
  EdgeClaim last_;
  std::vector<std::pair<Round, bool>> changes_;  // ascending; not wanted before the first
};

class EdgeAgreement {
 public:
  // A claim is for this many rounds after the one in progress. One would do where the news of a
  // change travels with the updates; a second is for news that comes by another way.
  static constexpr std::uint64_t kLead = 2;
  // The furthest ahead that a wish is moved for coming late.
  static constexpr std::uint64_t kMaxLead = 1024;
  // Wishes of nodes that this one does not want are kept up to here, for when it does; later ones
  // are answered and forgotten, and come again when this node asks.
  static constexpr std::size_t kMaxEntries = 4096;

  // `round`: the one in progress.
  explicit EdgeAgreement(Round round) : open_(round.next()) {}
  // No round has begun yet, and `first` is the first to come: wishes are for it, without a lead, so
  // that a cluster that starts together has its edges from its first round on.
  static EdgeAgreement before(Round first);

  // Rounds go forward only; a smaller one is ignored.
  void begin_round(Round round);
  Round first_open() const { return open_; }

  // The neighbours that this node wants from now on, strictly ascending: those of its newest
  // topology. Others lose their edge from kLead rounds on.
  EdgeMessages want(std::span<const NodeId> neighbours);
  // A member failed or left, neighbour or not: neither used nor wanted from this moment.
  void drop(NodeId peer);
  // A claim from the other end, which must be a member that counts. At most one message.
  EdgeMessages receive(const EdgeMessage& message);
  // A link to `peer` came up, or messages to it may have been lost: what to say. It is enough if
  // one end says so.
  EdgeMessage link_up(NodeId peer) const;

  // Is the edge used in `round`, the one in progress or a later one, as far as is known now?
  bool uses(NodeId peer, Round round) const;
  // Is every edge that this node wants used in `round`, or put off to a later one?
  bool has_all_wanted(Round round) const;
  // The neighbours of the round in progress, in ascending order; none before the first.
  std::vector<NodeId> neighbours() const;
  // All with whom a link is needed, in ascending order: the neighbours, those wanted in coming
  // rounds, and those who have not heard yet that they are wanted no more.
  std::vector<NodeId> peers() const;
  // Those that both ends want, in ascending order: the neighbours of asynchronous rounds.
  std::vector<NodeId> agreed() const;
  bool has_all_agreed() const;
  // From when on the edge is used, if both ends want it.
  std::optional<Round> agreed_from(NodeId peer) const;

 private:
  struct Entry {
    EdgeWish own;
    EdgeWish peer;    // theirs, as last heard
    EdgeClaim heard;  // ours, as they last heard it
    std::uint64_t lead = kLead;

    bool uses(Round round) const { return in_use(round.next()); }
    bool in_use(Round open) const { return own.wanted_before(open) && peer.wanted_before(open); }
    bool both_want() const { return own.last().wanted && peer.last().wanted; }
    Round agreed() const { return std::max(own.last().from, peer.last().from); }
  };

  EdgeMessage message_to(NodeId peer, const Entry& entry) const {
    return {peer, entry.own.last(), entry.peer.last()};
  }
  void forget_finished();
  // `lead` rounds after the one in progress.
  Round ahead(std::uint64_t lead) const { return Round(open_.value() + lead - 1); }
  // For which round a wish made now is.
  Round next_change() const { return begun_ ? ahead(kLead) : open_; }

  Round open_;  // the first round that has not begun
  bool begun_ = true;
  FlatMap<NodeId, Entry> entries_;
};

}  // namespace skiptrain::core
