#include "core/topology/epidemic.h"

#include <algorithm>

#include "base/check.h"
#include "base/rng.h"

namespace skiptrain::core {
namespace {

using Position = Topology::Position;

// Tells these draws from other streams of the same seed.
constexpr std::uint64_t kStream = 0x657069;  // "epi"

}  // namespace

std::vector<Position> epidemic_out_neighbours(const EpidemicDraw& draw, Position position) {
  SKIPTRAIN_CHECK(position < draw.nodes, "a sender is one of the nodes");
  const std::size_t others = draw.nodes - 1;
  const std::size_t wanted = std::min<std::size_t>(draw.receivers, others);
  Rng rng(derive_seed({draw.seed, kStream, draw.round.value(), position}));
  // Floyd's sampling: `wanted` distinct numbers below `others`, kept in order.
  std::vector<Position> drawn;
  drawn.reserve(wanted);
  for (std::size_t i = others - wanted; i < others; ++i) {
    const auto candidate = static_cast<Position>(rng.below(i + 1));
    const auto at = std::ranges::lower_bound(drawn, candidate);
    if (at == drawn.end() || *at != candidate) {
      drawn.insert(at, candidate);
    } else {
      drawn.push_back(static_cast<Position>(i));  // larger than any before
    }
  }
  // The others, numbered without the sender.
  for (Position& receiver : drawn) receiver += receiver >= position ? 1 : 0;
  return drawn;
}

std::vector<Position> epidemic_in_neighbours(const EpidemicDraw& draw, Position position) {
  std::vector<Position> senders;
  for (Position sender = 0; sender < draw.nodes; ++sender) {
    if (sender == position) continue;
    if (std::ranges::binary_search(epidemic_out_neighbours(draw, sender), position)) {
      senders.push_back(sender);
    }
  }
  return senders;
}

}  // namespace skiptrain::core
