#include "tests/sim/membership/scenarios.h"

#include <algorithm>
#include <cmath>

namespace skiptrain::sim::testing {
namespace {

using namespace std::chrono_literals;
using core::MemberState;

std::string with_seed(std::uint64_t seed, const std::string& what) {
  return "seed " + std::to_string(seed) + ": " + what;
}

std::string not_formed(const Cluster& cluster, std::uint64_t seed) {
  if (!cluster.violation().empty()) return cluster.violation();
  return with_seed(seed, "the cluster did not form: " + cluster.describe_differences());
}

}  // namespace

Detection detect_failure(std::size_t nodes, std::uint64_t seed) {
  Cluster cluster({.nodes = nodes, .seed = seed});
  Detection result;
  if (!cluster.form()) {
    result.problem = not_formed(cluster, seed);
    return result;
  }
  // At any moment of the probes, with nothing left to gossip about.
  cluster.run_for(20s + from_seconds(5 * cluster.rng().uniform()));
  const auto victim = static_cast<Cluster::Index>(cluster.rng().below(nodes));
  const Instant killed = cluster.now();
  cluster.kill(victim);
  const bool known = cluster.run_until(
      [&] {
        for (Cluster::Index i = 0; i < nodes; ++i) {
          if (i != victim && !cluster.knows_as(i, victim, MemberState::kFailed)) return false;
        }
        return true;
      },
      120s);
  result.seconds = to_seconds(cluster.now() - killed);
  result.problem = cluster.violation();
  if (!known && result.problem.empty()) {
    result.problem = with_seed(seed, "not all knew of the failure within 120 s");
  }
  if (cluster.wrongly_failed() > 0) {
    result.problem = with_seed(seed, "a node that lived was declared failed");
  }
  return result;
}

Hogged hog_one(std::uint64_t seed, Duration duration) {
  Cluster cluster({.nodes = 16, .seed = seed, .loss = 0.1});
  Hogged result;
  if (!cluster.form()) {
    result.problem = not_formed(cluster, seed);
    return result;
  }
  const auto hogged = static_cast<Cluster::Index>(cluster.rng().below(16));
  cluster.hog(hogged, true);
  const Instant end = cluster.now() + duration;
  while (cluster.now() < end) {
    cluster.run_for(1s);
    result.hogged_score = std::max(result.hogged_score, cluster.at(hogged).health_score());
  }
  result.hogged_failed = cluster.wrongly_failed(hogged);
  result.wrongly_failed = cluster.wrongly_failed() - result.hogged_failed;
  result.packets_lost = cluster.packets_lost();
  for (Cluster::Index i = 0; i < 16; ++i) {
    result.suspicions += cluster.at(i).counters().suspicions;
  }
  result.problem = cluster.violation();
  if (result.wrongly_failed > 0) {
    result.problem = with_seed(seed, "a healthy node was declared failed, by " +
                                         std::to_string(result.wrongly_failed) + " nodes");
  }
  return result;
}

Healing heal_partition(std::size_t nodes, std::uint64_t seed, Duration partitioned) {
  Cluster cluster({.nodes = nodes, .seed = seed});
  Healing result;
  if (!cluster.form()) {
    result.problem = not_formed(cluster, seed);
    return result;
  }
  std::vector<Cluster::Index> side;
  for (Cluster::Index i = 0; i < nodes / 2; ++i) side.push_back(2 * i);
  cluster.partition(side);
  cluster.run_for(partitioned + from_seconds(30 * cluster.rng().uniform()));
  for (Cluster::Index i = 0; i < nodes; ++i) {
    for (Cluster::Index j = 0; j < nodes; ++j) {
      if (i % 2 != j % 2 && !cluster.knows_as(i, j, MemberState::kFailed)) {
        result.problem = with_seed(seed, "the partition was too short to be noticed by all");
      }
    }
  }
  if (!result.problem.empty()) return result;
  const Instant healed = cluster.now();
  cluster.heal();
  result.push_pull_interval_seconds =
      to_seconds(core::timing_of(core::NetworkProfile::kLan).push_pull_interval *
                 core::push_pull_scale(nodes));
  const bool one_view = cluster.run_until([&] { return cluster.one_view(); }, 600s);
  result.seconds = to_seconds(cluster.now() - healed);
  result.problem = cluster.violation();
  if (!one_view && result.problem.empty()) {
    result.problem = with_seed(seed, "no one view: " + cluster.describe_differences());
  }
  return result;
}

TrafficRate measure_traffic(std::size_t nodes, std::uint64_t seed, Duration duration) {
  Cluster cluster({.nodes = nodes, .seed = seed});
  TrafficRate result{.nodes = nodes};
  if (!cluster.form(120s)) {
    result.problem = not_formed(cluster, seed);
    return result;
  }
  cluster.run_for(60s);
  const Instant begin = cluster.now();
  const Cluster::Traffic before = cluster.traffic();
  for (int turn = 0; cluster.now() < begin + duration; ++turn) {
    // Nodes 0 and 1 are those through which others join.
    const auto node = static_cast<Cluster::Index>(2 + cluster.rng().below(nodes - 2));
    turn % 2 == 0 ? cluster.kill(node) : cluster.leave(node);
    cluster.run_for(15s);
    cluster.start(node);
    cluster.run_for(15s);
  }
  const Cluster::Traffic after = cluster.traffic();
  const double node_seconds = to_seconds(cluster.now() - begin) * static_cast<double>(nodes);
  result.packets = static_cast<double>(after.packets - before.packets) / node_seconds;
  result.packet_bytes =
      static_cast<double>(after.packet_bytes - before.packet_bytes) / node_seconds;
  result.list_bytes = static_cast<double>(after.list_bytes - before.list_bytes) / node_seconds;
  const bool one_view = cluster.run_until([&] { return cluster.one_view(); }, 60s);
  result.problem = cluster.violation();
  if (!one_view && result.problem.empty()) {
    result.problem = with_seed(seed, "no one view: " + cluster.describe_differences());
  }
  return result;
}

namespace {

// One fault, somewhere.
void inflict(Cluster& cluster) {
  Rng& rng = cluster.rng();
  const std::size_t nodes = cluster.size();
  const auto node = static_cast<Cluster::Index>(rng.below(nodes));
  const auto other = static_cast<Cluster::Index>(rng.below(nodes));
  switch (rng.below(10)) {
    case 0:
      return cluster.kill(node);
    case 1:
      return cluster.start(node);
    case 2:
      if (cluster.up(node)) cluster.leave(node);
      return;
    case 3:
      if (cluster.up(other)) cluster.force_leave(other, node);
      return;
    case 4:
      return cluster.stop_process(node, from_seconds(30 * rng.uniform()));
    case 5:
      return cluster.hog(node, rng.below(2) == 0);
    case 6:
      return cluster.set_loss(0.2 * rng.uniform());
    case 7:
      return cluster.cut(node, other, true);
    case 8:
      return cluster.block_udp(node, rng.below(2) == 0);
    default: {
      std::vector<Cluster::Index> side;
      for (Cluster::Index i = 0; i < nodes; ++i) {
        if (rng.below(2) == 0) side.push_back(i);
      }
      return rng.below(2) == 0 ? cluster.partition(side) : cluster.heal();
    }
  }
}

}  // namespace

Chaos run_chaos(std::uint64_t seed) {
  Rng rng(derive_seed({seed, 0xca05}));
  const std::size_t nodes = 3 + rng.below(14);
  // Everybody is a seed: who starts again while the two usual ones are gone must find the others.
  Cluster cluster({.nodes = nodes, .seeds = nodes, .seed = seed, .duplication = 0.02});
  Chaos result;
  if (!cluster.form()) {
    result.problem = not_formed(cluster, seed);
    return result;
  }
  for (int i = 0; i < 40; ++i) {
    inflict(cluster);
    ++result.faults;
    cluster.run_for(from_seconds(10 * rng.uniform()));
  }
  // Calm, but some nodes stay without UDP, and those that are gone stay gone.
  cluster.heal();
  cluster.set_loss(0);
  for (Cluster::Index i = 0; i < nodes; ++i) cluster.hog(i, false);
  cluster.start(0);
  const Instant calm = cluster.now();
  const bool one_view = cluster.run_until([&] { return cluster.one_view(); }, 300s);
  result.settled_seconds = to_seconds(cluster.now() - calm);
  // And stays.
  cluster.run_for(60s);
  result.problem = cluster.violation();
  if ((!one_view || !cluster.one_view()) && result.problem.empty()) {
    result.problem = with_seed(seed, "no one view: " + cluster.describe_differences());
  }
  result.steps = cluster.steps();
  for (Cluster::Index i = 0; i < nodes; ++i) {
    if (!cluster.up(i)) continue;
    result.stalls += cluster.at(i).counters().stalls;
    result.udp_blocked += cluster.at(i).counts().udp_blocked;
  }
  return result;
}

double percentile(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  const auto rank =
      static_cast<std::size_t>(std::ceil(p / 100 * static_cast<double>(values.size())));
  return values.at(std::max<std::size_t>(rank, 1) - 1);
}

}  // namespace skiptrain::sim::testing
