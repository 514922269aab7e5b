// The figures of membership in simulated clusters, on a virtual clock:
//
//   membership_sim [all|detection|hogged|healing|traffic|chaos] [--seeds N] [--first S]
//                  [--nodes N] [--seconds S]
//
//   detection  how long until all know of a killed node: 16 nodes, profile lan
//   hogged     10 % loss and one node short of CPU: is a living one declared failed?
//   healing    half of 16 nodes partitioned from the other: how long to one view after it
//   traffic    bytes a node sends per second, from 16 to 512 nodes, with churn
//   chaos      random faults, invariants checked after every step
// Exits with 1 at anything that breaks what is promised, and prints its seed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "tests/sim/membership/scenarios.h"

namespace skiptrain::sim::testing {
namespace {

struct Arguments {
  std::string what = "all";
  std::uint64_t seeds = 0;  // 0: as many as the figure takes
  std::uint64_t first = 1;
  std::size_t nodes = 0;
  double seconds = 0;
};

bool parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const bool has_value = i + 1 < count;
    if (word == "--seeds" && has_value) {
      arguments.seeds = std::stoull(words[++i]);
    } else if (word == "--first" && has_value) {
      arguments.first = std::stoull(words[++i]);
    } else if (word == "--nodes" && has_value) {
      arguments.nodes = std::stoull(words[++i]);
    } else if (word == "--seconds" && has_value) {
      arguments.seconds = std::stod(words[++i]);
    } else if (word[0] != '-') {
      arguments.what = word;
    } else {
      return false;
    }
  }
  return true;
}

bool fail(const std::string& problem) {
  if (!problem.empty()) std::printf("FAILED: %s\n", problem.c_str());
  return !problem.empty();
}

std::uint64_t seeds_of(const Arguments& arguments, std::uint64_t usual) {
  return arguments.seeds > 0 ? arguments.seeds : usual;
}

int detection(const Arguments& arguments) {
  const std::size_t nodes = arguments.nodes > 0 ? arguments.nodes : 16;
  std::vector<double> seconds;
  const std::uint64_t seeds = seeds_of(arguments, 200);
  for (std::uint64_t seed = arguments.first; seed < arguments.first + seeds; ++seed) {
    const Detection result = detect_failure(nodes, seed);
    if (fail(result.problem)) return 1;
    seconds.push_back(result.seconds);
  }
  const double p99 = percentile(seconds, 99);
  std::printf(
      "detection: %zu nodes, lan, one killed; known to all after: median %.2f s, p90 %.2f s, "
      "p99 %.2f s, max %.2f s (%zu seeds)\n",
      nodes, percentile(seconds, 50), percentile(seconds, 90), p99, percentile(seconds, 100),
      seconds.size());
  return nodes == 16 && p99 > 10 && fail("p99 is above 10 s");
}

int hogged(const Arguments& arguments) {
  const double seconds = arguments.seconds > 0 ? arguments.seconds : 600;
  const std::uint64_t seeds = seeds_of(arguments, 20);
  Hogged sum;
  for (std::uint64_t seed = arguments.first; seed < arguments.first + seeds; ++seed) {
    const Hogged result = hog_one(seed, from_seconds(seconds));
    if (fail(result.problem)) return 1;
    sum.suspicions += result.suspicions;
    sum.hogged_failed += result.hogged_failed;
    sum.packets_lost += result.packets_lost;
    sum.hogged_score = std::max(sum.hogged_score, result.hogged_score);
  }
  std::printf(
      "hogged: 16 nodes, 10 %% loss, one short of CPU, %.0f s: no healthy node declared "
      "failed, the hogged one %llu times (once per observer); %llu suspicions, %llu packets lost, "
      "health score of the hogged up to %d "
      "(%llu seeds)\n",
      seconds, static_cast<unsigned long long>(sum.hogged_failed),
      static_cast<unsigned long long>(sum.suspicions),
      static_cast<unsigned long long>(sum.packets_lost), sum.hogged_score,
      static_cast<unsigned long long>(seeds));
  return 0;
}

int healing(const Arguments& arguments) {
  const std::size_t nodes = arguments.nodes > 0 ? arguments.nodes : 16;
  const double partitioned = arguments.seconds > 0 ? arguments.seconds : 600;
  const std::uint64_t seeds = seeds_of(arguments, 50);
  std::vector<double> seconds;
  double interval = 0;
  for (std::uint64_t seed = arguments.first; seed < arguments.first + seeds; ++seed) {
    const Healing result = heal_partition(nodes, seed, from_seconds(partitioned));
    if (fail(result.problem)) return 1;
    interval = result.push_pull_interval_seconds;
    seconds.push_back(result.seconds);
  }
  const double worst = percentile(seconds, 100);
  std::printf(
      "healing: %zu nodes, half partitioned for %.0f s; one view after: median %.1f s, max "
      "%.1f s; push/pull interval %.0f s (%zu seeds)\n",
      nodes, partitioned, percentile(seconds, 50), worst, interval, seconds.size());
  return worst > 2 * interval && fail("that is more than two push/pull intervals");
}

int traffic(const Arguments& arguments) {
  std::vector<std::size_t> sizes{16, 32, 64, 128, 256, 512};
  if (arguments.nodes > 0) sizes = {arguments.nodes};
  const double seconds = arguments.seconds > 0 ? arguments.seconds : 600;
  std::printf(
      "traffic: what one node sends, lan, one leaves or fails and comes back each 30 s, "
      "over %.0f s\n",
      seconds);
  std::printf("%6s %11s %12s %12s %12s\n", "nodes", "packets/s", "packets B/s", "lists B/s",
              "total B/s");
  double least = 0;
  double most = 0;
  for (const std::size_t nodes : sizes) {
    const TrafficRate rate = measure_traffic(nodes, arguments.first, from_seconds(seconds));
    if (fail(rate.problem)) return 1;
    std::printf("%6zu %11.2f %12.1f %12.1f %12.1f\n", nodes, rate.packets, rate.packet_bytes,
                rate.list_bytes, rate.total());
    std::fflush(stdout);
    least = least > 0 ? std::min(least, rate.total()) : rate.total();
    most = std::max(most, rate.total());
  }
  const double middle = (least + most) / 2;
  const double off = 100 * (most - middle) / middle;
  std::printf("total within %.1f B/s +- %.1f %%\n", middle, off);
  return off > 15 && fail("that is not within +- 15 %");
}

int chaos(const Arguments& arguments) {
  const std::uint64_t seeds = seeds_of(arguments, 200);
  Chaos sum;
  std::vector<double> settled;
  for (std::uint64_t seed = arguments.first; seed < arguments.first + seeds; ++seed) {
    const Chaos result = run_chaos(seed);
    if (fail(result.problem)) return 1;
    sum.faults += result.faults;
    sum.steps += result.steps;
    sum.stalls += result.stalls;
    sum.udp_blocked += result.udp_blocked;
    settled.push_back(result.settled_seconds);
  }
  std::printf(
      "chaos: %llu faults in %llu steps, no invariant broken; %llu stalls; one view after "
      "the last fault: median %.1f s, max %.1f s (%llu seeds)\n",
      static_cast<unsigned long long>(sum.faults), static_cast<unsigned long long>(sum.steps),
      static_cast<unsigned long long>(sum.stalls), percentile(settled, 50),
      percentile(settled, 100), static_cast<unsigned long long>(seeds));
  return 0;
}

int run(const Arguments& arguments) {
  struct Figure {
    const char* name;
    int (*run)(const Arguments&);
  };
  const Figure figures[] = {{"detection", detection},
                            {"hogged", hogged},
                            {"healing", healing},
                            {"chaos", chaos},
                            {"traffic", traffic}};
  bool known = false;
  for (const Figure& figure : figures) {
    if (arguments.what != "all" && arguments.what != figure.name) continue;
    known = true;
    if (const int status = figure.run(arguments); status != 0) return status;
    std::fflush(stdout);
  }
  return known ? 0 : 2;
}

}  // namespace
}  // namespace skiptrain::sim::testing

int main(int argc, char** argv) {
  skiptrain::sim::testing::Arguments arguments;
  const int status = skiptrain::sim::testing::parse(argc, argv, arguments)
                         ? skiptrain::sim::testing::run(arguments)
                         : 2;
  if (status == 2) {
    std::fprintf(stderr,
                 "usage: membership_sim [all|detection|hogged|healing|traffic|chaos] "
                 "[--seeds N] [--first S] [--nodes N] [--seconds S]\n");
  }
  return status;
}
