// When a round closes: the mode that all nodes of a run share, and how much of the neighbourhood is
// enough. Plain values; round_controller.h carries them out.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"

namespace skiptrain::core {

enum class RoundMode {
  kDeadline,  // when all live neighbours' updates are in, or at the deadline
  kBarrier,   // when all live neighbours' updates are in, however long that takes
  kAsync,     // after the local phase, with the updates that have come until then
};

// All of them, in the order above.
std::span<const RoundMode> round_modes();
std::string_view to_string(RoundMode mode);
Result<RoundMode> parse_round_mode(std::string_view text);

struct RoundRules {
  static constexpr std::uint64_t kMaxStalenessLimit = 1'000'000;

  RoundMode mode = RoundMode::kDeadline;
  // The part of the live neighbours whose updates close a round, above 0 to 1; at least one update
  // if there is a live neighbour. Of no effect in kAsync. Each node's own affair.
  double quorum = 1.0;
  // kAsync: how many rounds older than the node's own an update may be, at least 1; a node that is
  // further than this behind a neighbour fetches its state.
  std::uint64_t max_staleness = 8;

  // kInvalidArgument, naming the first value out of its range.
  Status validate() const;
  // How many of `live` neighbours' updates close a round.
  std::size_t needed_of(std::size_t live) const;
  // How many rounds a neighbour may be ahead before this node counts as behind.
  std::uint64_t allowed_lead() const { return mode == RoundMode::kAsync ? max_staleness : 1; }

  bool operator==(const RoundRules&) const = default;
};

}  // namespace skiptrain::core
