// Every operation of a script in turn meets its end: the search behind the crash tests and behind
// the stores that are broken on purpose.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skiptrain::store::testing {

enum class Fault {
  kPowerCut,            // nothing unsynced survives
  kPowerCutWithTraces,  // a seeded part of it does
  kFailure,             // that one call fails with EIO; the daemon ends, the machine goes on
  kFailureThenPowerCut,
  kFullDisk,  // that one call fails with ENOSPC; the daemon goes on unless it was a sync
};

struct SearchResult {
  std::uint64_t cases = 0;
  std::uint64_t faults_fired = 0;
  std::uint64_t refused_by_full_disk = 0;
  std::vector<std::string> violations;  // at most kMaxViolations
};

inline constexpr std::size_t kMaxViolations = 10;
inline constexpr std::uint64_t kScriptRounds = 12;

// `seeds`: how often each operation is tried, with other survivors; 1 is enough but for traces.
SearchResult search(Fault fault, std::uint64_t seeds = 1, bool ignore_syncs = false);

}  // namespace skiptrain::store::testing
