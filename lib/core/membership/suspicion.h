// The clock of one suspicion: how long a suspect has to refute before it counts as failed.
//
// Lifeguard's dynamic timeout (Dadgar, Phillips, Currey, DSN 2018, section IV-B): it starts at
// `max`, and falls with the logarithm of the number of members that suspect independently, down to
// `min` when there are K of them. A node that alone sees others fail, because it is slow itself,
// thus gives them long to refute; a member that is really gone is found so by several, and fails
// soon. Plain value; not thread-safe.
#pragma once

#include <cstddef>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "core/membership/timing.h"

namespace skiptrain::core {

class Suspicion {
 public:
  // Bounds of the time to refute, and K, in a cluster of `members`.
  struct Limits {
    Duration min{};
    Duration max{};
    std::size_t confirmations = 0;  // K
  };
  static Limits limits(const MembershipTiming& timing, std::size_t members);

  // `by`: who suspects first; never counts as a confirmation.
  Suspicion(Limits limits, NodeId by, Instant now);

  // True if `by` is new and counts: worth passing on. Others after the K-th do not count.
  bool confirm(NodeId by);
  std::size_t confirmations() const { return suspecting_.size() - 1; }

  Duration timeout() const;
  Instant deadline() const { return start_ + timeout(); }
  // The clock stood still so long: this process did not run, and could not hear a refutation.
  void postpone(Duration duration) { start_ += duration; }

 private:
  Limits limits_;
  Instant start_;
  std::vector<NodeId> suspecting_;  // the first one, then at most K
};

}  // namespace skiptrain::core
