// What must hold in a cluster after every single step of a node, whatever the network and the
// machines do: a checker apart from the cluster that it watches.
//
// It is told what goes in and what comes out, and keeps its own books: which updates were sent
// with which tag, which were mixed by whom, what energy was promised. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/node.h"

namespace skiptrain::core::testing {

class ClusterInvariants {
 public:
  struct Limits {
    std::optional<WattHours> budget;  // of each node, over all its incarnations
    Duration deadline{};              // of every exchange
  };
  // `degrees`: of every node of the cluster.
  ClusterInvariants(const Limits& limits, std::map<NodeId, std::uint32_t> degrees);

  // A new incarnation begins: it may start at any round and mix anything once more.
  void node_started(NodeId id);
  void state_fetched(NodeId id, const StateFetched& event) { fetched_[id] = event; }
  void node_stepped(const Node& node, const Effects& effects, Instant now);

  // Energy promised to training so far, over all incarnations of a node.
  WattHours charged(NodeId id) const;
  std::uint64_t mixes_checked() const { return mixes_checked_; }
  // Empty if all is well; else the first few things that were not, in words.
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  void violated(NodeId id, Instant now, const std::string& what);
  void check_clock(const Node& node, Instant now);
  void check_mix(const Node& node, const Mix& mix, Instant now);
  // Why `mix` is no regular mix of its round; "" if it is one.
  std::string why_not_regular(NodeId self, const Mix& mix) const;
  bool is_catch_up(NodeId self, const Mix& mix) const;

  Limits limits_;
  std::map<NodeId, std::uint32_t> degrees_;
  std::map<NodeId, Round> round_;
  std::map<NodeId, WattHours> charged_;
  std::map<NodeId, StateFetched> fetched_;
  // Holding the parameters keeps their addresses from being used again.
  std::map<std::pair<NodeId, Round>, std::vector<ParametersPtr>> sent_;
  std::map<NodeId, std::set<std::pair<NodeId, Round>>> mixed_;
  std::uint64_t mixes_checked_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace skiptrain::core::testing
