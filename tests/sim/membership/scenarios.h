// What is measured and held of whole clusters: each from a seed, each with "" or what went wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/membership/cluster.h"

namespace skiptrain::sim::testing {

// (a) One of `nodes` is killed: how long until all others know it as failed.
struct Detection {
  double seconds = 0;
  std::string problem;
};
Detection detect_failure(std::size_t nodes, std::uint64_t seed);

// (b) Packets are lost at 10 %, and one node's CPU is hogged, so that all that happens to it waits
// for up to a second.
struct Hogged {
  std::uint64_t wrongly_failed = 0;  // of the healthy nodes: how often one was declared failed
  std::uint64_t hogged_failed = 0;   // the same of the hogged node, which often cannot answer
  std::uint64_t suspicions = 0;
  std::uint64_t packets_lost = 0;
  int hogged_score = 0;  // the highest local health score seen of the hogged node
  std::string problem;
};
Hogged hog_one(std::uint64_t seed, Duration duration);

// (c) Half is cut off from the other half until both count each other as failed, and beyond.
struct Healing {
  double seconds = 0;  // from the end of the partition until there is one view
  double push_pull_interval_seconds = 0;
  std::string problem;
};
Healing heal_partition(std::size_t nodes, std::uint64_t seed, Duration partitioned);

// (d) What one node sends per second, while every 30 s one member is killed and starts again, or
// leaves and comes back.
struct TrafficRate {
  std::size_t nodes = 0;
  double packets = 0;
  double packet_bytes = 0;
  double list_bytes = 0;
  std::string problem;
  double total() const { return packet_bytes + list_bytes; }
};
TrafficRate measure_traffic(std::size_t nodes, std::uint64_t seed, Duration duration);

// (e) All kinds of faults at random, then calm: versions never go back, and in the end all healthy
// nodes are known as alive to all.
struct Chaos {
  std::uint64_t faults = 0;
  std::uint64_t steps = 0;
  std::uint64_t stalls = 0;
  std::uint64_t udp_blocked = 0;
  double settled_seconds = 0;
  std::string problem;
};
Chaos run_chaos(std::uint64_t seed);

// The p-th percentile, 0 < p <= 100, by nearest rank.
double percentile(std::vector<double> values, double p);

}  // namespace skiptrain::sim::testing
