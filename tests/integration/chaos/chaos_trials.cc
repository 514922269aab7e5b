// Figures of a living cluster of 16 real daemons under faults. As root:
//   chaos_trials killed [TRIES]     how soon a killed node is known everywhere (default 50)
//   chaos_trials cut-off [TRIES]    the same of a node whose cable is cut
//   chaos_trials unrest [SECONDS]   10 % of UDP lost, processors hogged (default 600)
//   chaos_trials partition [ROUNDS] 8 and 8 apart for so long, then healed (default 50)
//   chaos_trials join [ROUNDS]      a node that comes so much later (default 100)
//   chaos_trials slow [SECONDS]     one node at 1 Mbit/s (default 180)
// Exit status 0: measured; 1: a wait was in vain; 77: there can be no namespaces here.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "tests/integration/chaos/living_network.h"
#include "tests/integration/chaos/trials.h"

namespace skiptrain::integration {
namespace {

constexpr std::size_t kNodes = 16;
constexpr std::uint64_t kSeed = 1;
constexpr int kSkipped = 77;

using Count = unsigned long long;

void print_deaths(Death death, std::size_t tries) {
  const DeathFigures figures = try_deaths(kNodes, death, tries, kSeed);
  std::printf(
      "%zu tries: known everywhere after %.2f s (median), %.2f s (p99), %.2f s (longest); longest "
      "wait in a round %.2f s, deadline %.1f s\n",
      tries, quantile(figures.known_after, 0.5), quantile(figures.known_after, 0.99),
      quantile(figures.known_after, 1), figures.longest_wait, figures.deadline);
}

void print_unrest(Seconds duration) {
  constexpr double kLost = 0.1;
  constexpr std::size_t kHogs = 2;
  const UnrestFigures figures = try_unrest(kNodes, kLost, kHogs, duration);
  std::printf("%.0f s: suspected %zu times, held for failed %zu times, %llu rounds\n",
              duration.count(), figures.suspected, figures.failed, Count{figures.rounds});
}

void print_partition(std::uint64_t rounds) {
  const PartitionFigures figures = try_partition(kNodes, rounds);
  std::printf(
      "%llu rounds apart: one view %.1f s after the cut, in step %llu rounds later (%zu jumps), "
      "%s\n",
      Count{figures.rounds_apart}, figures.one_view_after, Count{figures.rounds_to_step},
      figures.jumps, figures.rolled_back ? "ROLLED BACK" : "nothing rolled back");
}

void print_join(std::uint64_t rounds) {
  const JoinFigures figures = try_join(kNodes, rounds);
  std::printf(
      "%llu rounds behind: took part %llu rounds after its jump; the others' median round %.2f ms "
      "before, %.2f ms (%.2fx) while it joined, %.2f ms (%.2fx) after\n",
      Count{figures.behind}, Count{figures.rounds_to_step}, 1e3 * figures.median_round_before,
      1e3 * figures.median_round_joining,
      figures.median_round_joining / figures.median_round_before, 1e3 * figures.median_round_after,
      figures.median_round_after / figures.median_round_before);
}

void print_slow(Seconds duration) {
  constexpr double kMegabits = 1;
  const SlowLinkFigures figures = try_slow_link(kNodes, kMegabits, duration);
  std::printf(
      "the others' median round %.2f ms before, %.2f ms (%.2fx) with a node at 1 Mbit/s; %llu "
      "rounds in %.0f s, of the slow node %llu\n",
      1e3 * figures.median_round_before, 1e3 * figures.median_round_slow,
      figures.median_round_slow / figures.median_round_before, Count{figures.rounds_slow},
      duration.count(), Count{figures.rounds_of_slow_node});
}

int run_trial(const std::string& trial, std::optional<std::uint64_t> size) {
  if (trial == "killed") {
    print_deaths(Death::kKilled, size.value_or(50));
  } else if (trial == "cut-off") {
    print_deaths(Death::kCutOff, size.value_or(50));
  } else if (trial == "unrest") {
    print_unrest(Seconds(size.value_or(600)));
  } else if (trial == "partition") {
    print_partition(size.value_or(50));
  } else if (trial == "join") {
    print_join(size.value_or(100));
  } else if (trial == "slow") {
    print_slow(Seconds(size.value_or(180)));
  } else {
    std::fprintf(stderr, "no such trial: \"%s\"; see the head of chaos_trials.cc\n", trial.c_str());
    return 2;
  }
  return 0;
}

int main_of(int argc, char** argv) {
  const std::string why = TestNetwork::why_unavailable();
  if (!why.empty()) {
    std::fprintf(stderr, "skipped: %s\n", why.c_str());
    return kSkipped;
  }
  std::optional<std::uint64_t> size;
  if (argc > 2) size = std::strtoull(argv[2], nullptr, 10);
  return run_trial(argc > 1 ? argv[1] : "", size);
}

}  // namespace
}  // namespace skiptrain::integration

int main(int argc, char** argv) {
  try {
    return skiptrain::integration::main_of(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
