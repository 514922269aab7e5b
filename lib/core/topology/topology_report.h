// What an operator wants to know of a graph before nodes run on it.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "core/topology/spectral_gap.h"
#include "core/topology/topology.h"

namespace skiptrain::core {

// Up to this many nodes the diameter is exact; above it is the longest path that was found from
// kDiameterSamples nodes, the furthest one found so far each time in turn with a random one.
inline constexpr std::size_t kExactDiameterNodes = 4096;
inline constexpr std::size_t kDiameterSamples = 64;

// Consensus is when the nodes' distance from their mean has fallen to this part of what it was.
inline constexpr double kConsensusFraction = 0.01;

struct TopologyReport {
  std::size_t nodes = 0;
  std::size_t edges = 0;
  std::size_t min_degree = 0;
  double mean_degree = 0.0;
  std::size_t max_degree = 0;
  // The connected parts, each in ascending order, the largest first (of equals, that of the
  // smallest position).
  std::vector<std::vector<Topology::Position>> parts;
  bool connected() const { return parts.size() <= 1; }

  std::optional<std::size_t> diameter;  // in edges; none if the graph is disconnected
  bool diameter_is_exact = true;        // else the true one may be longer
  SpectralGap gap;
  // Rounds of mixing alone until the consensus distance is kConsensusFraction of what it was, from
  // the worst start: by the spectral gap. None if they never get there.
  std::optional<double> rounds_to_consensus;
};

// About a second for 4096 nodes, most of it the exact diameter. Requires at least one node.
TopologyReport report_topology(const Topology& topology);

// ln(kConsensusFraction) / ln(1 - gap), rounded up; 1 if the gap is 1, none if it is 0.
std::optional<double> rounds_to_consensus(double spectral_gap);

}  // namespace skiptrain::core
