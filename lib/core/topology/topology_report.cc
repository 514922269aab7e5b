#include "core/topology/topology_report.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/check.h"
#include "base/rng.h"

namespace skiptrain::core {
namespace {

using Position = Topology::Position;

std::vector<std::vector<Position>> connected_parts(const Topology& graph) {
  std::vector<std::vector<Position>> parts;
  std::vector<bool> seen(graph.node_count(), false);
  for (Position start = 0; start < graph.node_count(); ++start) {
    if (seen[start]) continue;
    parts.push_back(graph.reachable_from(start));
    std::ranges::sort(parts.back());
    for (const Position node : parts.back()) seen[node] = true;
  }
  std::ranges::stable_sort(parts, std::ranges::greater(),
                           [](const auto& part) { return part.size(); });
  return parts;
}

// A lower bound of the diameter. The node furthest from a node is a good place to look from: in
// a tree it is an end of a longest path.
std::size_t sampled_diameter(const Topology& graph) {
  Rng rng(derive_seed({0xd1a, graph.node_count()}));
  std::size_t longest = 0;
  for (std::size_t sample = 0; sample < kDiameterSamples; sample += 2) {
    const auto start = static_cast<Position>(rng.below(graph.node_count()));
    const Position furthest = graph.reachable_from(start).back();
    longest = std::max(longest, graph.eccentricity(furthest));
  }
  return longest;
}

}  // namespace

std::optional<double> rounds_to_consensus(double spectral_gap) {
  if (spectral_gap <= 0.0) return std::nullopt;
  if (spectral_gap >= 1.0) return 1.0;
  return std::max(1.0, std::ceil(std::log(kConsensusFraction) / std::log1p(-spectral_gap)));
}

TopologyReport report_topology(const Topology& topology) {
  const std::size_t n = topology.node_count();
  SKIPTRAIN_CHECK(n > 0, "a report is about nodes");
  TopologyReport report;
  report.nodes = n;
  report.min_degree = report.max_degree = topology.degree(0);
  std::size_t degrees = 0;
  for (Position node = 0; node < n; ++node) {
    const std::size_t degree = topology.degree(node);
    report.min_degree = std::min(report.min_degree, degree);
    report.max_degree = std::max(report.max_degree, degree);
    degrees += degree;
  }
  report.edges = degrees / 2;
  report.mean_degree = static_cast<double>(degrees) / static_cast<double>(n);
  report.parts = connected_parts(topology);
  report.gap = spectral_gap(topology);
  report.rounds_to_consensus = n == 1 ? 0.0 : rounds_to_consensus(report.gap.value);
  if (report.connected()) {
    report.diameter_is_exact = n <= kExactDiameterNodes;
    report.diameter = report.diameter_is_exact ? topology.diameter() : sampled_diameter(topology);
  }
  return report;
}

}  // namespace skiptrain::core
