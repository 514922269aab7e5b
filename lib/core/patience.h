// How long a node goes on waiting for a neighbour that does not keep up: a straggler, behind a slow
// link or on an overloaded machine, must not make every round of the cluster last to its deadline.
//
// A neighbour whose update was missing at kMisses deadlines in a row is a straggler: rounds are no
// longer held open for it, though its updates are mixed when they are in time. It is waited for
// again after some of its updates in a row were in time, or, as a probe, after some rounds; a probe
// that misses ends it at once. Each relapse doubles both numbers, and a long time without one
// forgets them. So a link that is slow for good costs a few deadlines in hundreds of rounds, and
// one that was slow for a moment is back in two.
//
// One for each neighbour. A plain value of eight bytes; not thread-safe.
#pragma once

#include <cstdint>

namespace skiptrain::core {

class Patience {
 public:
  static constexpr unsigned kMisses = 2;
  // Updates in time, in a row, that end the first time as a straggler.
  static constexpr unsigned kFirstProof = 2;
  static constexpr unsigned kMostDoublings = 6;
  // A probe comes after this many rounds for each update of proof.
  static constexpr unsigned kRoundsPerProof = 4;
  // In time this many times the proof in a row: the relapses are forgotten.
  static constexpr unsigned kForgivenAfter = 4;

  bool is_straggler() const { return straggler_; }
  // A straggler that is not being probed: nobody waits for it.
  bool is_spent() const { return straggler_ && rounds_to_probe_ > 0; }

  // Its update of the round in progress, or of a coming one, is in.
  void came_in_time();
  // Its update came after its round.
  void came_late() { in_time_ = 0; }
  // A round closed at its deadline without its update, though it was waited for.
  void missed();
  // A round closed; to be told after `missed`.
  void round_closed();

 private:
  unsigned proof() const { return kFirstProof << doublings_; }

  bool straggler_ = false;
  std::uint8_t misses_ = 0;     // in a row
  std::uint8_t doublings_ = 0;  // of the proof asked for the next time that it is a straggler
  std::uint16_t in_time_ = 0;   // updates in a row
  std::uint16_t rounds_to_probe_ = 0;
};

}  // namespace skiptrain::core
