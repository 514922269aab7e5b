// Trials of a living cluster under faults. Each starts daemons of its own and returns what was
// measured. Throws std::runtime_error, with the cluster's state, where a wait was in vain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/integration/cluster/process.h"

namespace skiptrain::integration {

// One node after the other dies: by SIGKILL, which closes its connections, or by a cut cable, which
// does not.
enum class Death { kKilled, kCutOff };
struct DeathFigures {
  std::vector<double> known_after;  // seconds until all others held it for failed, for each try
  double deadline = 0;              // seconds, as configured
  double longest_wait = 0;          // seconds that any of the others waited in any round
};
DeathFigures try_deaths(std::size_t nodes, Death death, std::size_t tries, std::uint64_t seed);

// Every host loses a part of the UDP packets that reach it, and processes hog the processor.
struct UnrestFigures {
  std::size_t suspected = 0;  // times that a node suspected another
  std::size_t failed = 0;     // times that a node held another for failed; none had
  std::uint64_t rounds = 0;   // that the slowest node got on
};
UnrestFigures try_unrest(std::size_t nodes, double lost_share, std::size_t hogs, Seconds duration);

// Two halves, cut from each other until the faster one has done so many rounds.
struct PartitionFigures {
  std::uint64_t rounds_apart = 0;    // between the halves before the cut ended
  double one_view_after = 0;         // seconds from the end of the cut
  std::uint64_t rounds_to_step = 0;  // from there to the last round that some node had to jump to
  std::size_t jumps = 0;             // of all nodes together
  bool rolled_back = false;          // a round of some node came twice or went back
};
PartitionFigures try_partition(std::size_t nodes, std::uint64_t rounds);

// The last node starts when the others have done so many rounds.
struct JoinFigures {
  std::uint64_t behind = 0;          // rounds, of the joiner when it started
  std::uint64_t rounds_to_step = 0;  // from where it jumped to until it mixed with a neighbour
  double median_round_before = 0;    // seconds, of the others
  double median_round_joining = 0;   // from when they heard of it until it took part
  double median_round_after = 0;     // once it took part
};
JoinFigures try_join(std::size_t nodes, std::uint64_t rounds);

// The last node's link becomes slow, with a model of some 150 kB.
struct SlowLinkFigures {
  double median_round_before = 0;  // seconds, of the others
  double median_round_slow = 0;
  std::uint64_t rounds_slow = 0;  // that node 0 got on with the slow link
  std::uint64_t rounds_of_slow_node = 0;
};
SlowLinkFigures try_slow_link(std::size_t nodes, double megabits_per_second, Seconds duration);

}  // namespace skiptrain::integration
