// A living cluster of real daemons, each on a host of its own, and what its members' logs and
// histories say of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/chaos/test_network.h"
#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {

using Nodes = std::vector<std::size_t>;

// Those from `first` up to and without `end`.
Nodes nodes_between(std::size_t first, std::size_t end);

// Seconds since 1970, as the logs have them to the millisecond.
double unix_seconds();

class LivingNetwork {
 public:
  // Profile lan, rings:3, rounds without end of about a millisecond's work for each node.
  explicit LivingNetwork(std::size_t nodes);

  std::size_t size() const { return cluster_.size(); }
  TestCluster& cluster() { return cluster_; }
  TestNetwork& network() { return network_; }

  Nodes all() const { return nodes_between(0, size()); }
  Nodes all_but(std::size_t node) const;

  // Before start: it gets less of the processor than others.
  void make_slower(std::size_t node);
  void start(const Nodes& nodes);

  // When each of `nodes` logged `text` for the first time since `since`; nullopt for those that did
  // not.
  std::vector<std::optional<double>> said_at(const Nodes& nodes, const std::string& text,
                                             double since) const;
  // Waits until all of them said it; the time of the last, or nullopt.
  std::optional<double> all_said(const Nodes& nodes, const std::string& text, double since,
                                 Seconds limit = kPatience) const;
  // Lines with `text` in the logs of these nodes since `since`.
  std::size_t lines_with(const Nodes& nodes, const std::string& text, double since) const;

  // The rounds that these nodes have jumped to since `since`, one after the other.
  std::vector<std::uint64_t> jumps(const Nodes& nodes, double since) const;

  bool sees_alive(std::size_t node, std::size_t members) const;
  bool all_see_alive(const Nodes& nodes, std::size_t members) const;
  std::vector<std::uint64_t> rounds_of(const Nodes& nodes) const;
  bool all_reach(const Nodes& nodes, std::uint64_t round, Seconds limit = kPatience) const;

  // One figure of all the committed rounds of these nodes, from `first` on, without jumps.
  std::vector<double> figures(const Nodes& nodes, const char* figure, std::uint64_t first) const;

 private:
  TestNetwork network_;
  TestCluster cluster_;
};

// Of a sorted or unsorted list that is not empty; `part` from 0 to 1, nearest rank.
double quantile(std::vector<double> values, double part);

}  // namespace skiptrain::integration
