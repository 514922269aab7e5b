// The protocol fuzz: random clusters under random faults, the invariants checked after every step.
//
//   sim_fuzz [--seeds N] [--first S] [--log FILE] [--expect-violation]
//
// Runs seeds S to S + N - 1 (default: 300 from 1). At the first that violates an invariant it
// prints what was violated, the end of the event log, and the command that replays that seed with
// its whole log, and exits with 1. --log writes the log of all seeds run. --expect-violation turns
// the result round: exit 0 if some seed violates an invariant (for cores broken on purpose).
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "tests/sim/fuzz_case.h"

namespace skiptrain::sim::testing {
namespace {

constexpr std::size_t kTailLines = 40;

struct Arguments {
  std::uint64_t seeds = 300;
  std::uint64_t first = 1;
  std::string log;
  bool expect_violation = false;
};

bool parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    const std::string flag = words[i];
    const bool has_value = i + 1 < count;
    if (flag == "--expect-violation") {
      arguments.expect_violation = true;
    } else if (flag == "--seeds" && has_value) {
      arguments.seeds = std::stoull(words[++i]);
    } else if (flag == "--first" && has_value) {
      arguments.first = std::stoull(words[++i]);
    } else if (flag == "--log" && has_value) {
      arguments.log = words[++i];
    } else {
      return false;
    }
  }
  return true;
}

void add(FaultCounts& total, const FaultCounts& one) {
  total.crashes += one.crashes;
  total.restarts += one.restarts;
  total.partitions += one.partitions;
  total.cuts += one.cuts;
  total.link_breaks += one.link_breaks;
  total.slow_downs += one.slow_downs;
  total.clock_changes += one.clock_changes;
  total.training_failures += one.training_failures;
  total.fetch_failures += one.fetch_failures;
  total.lost_messages += one.lost_messages;
  total.duplicated_messages += one.duplicated_messages;
  total.reordered_messages += one.reordered_messages;
  total.dropped_updates += one.dropped_updates;
}

// The last lines of the log, which tell what led to the violation.
void print_tail(std::uint64_t seed) {
  std::ostringstream log;
  run_case(seed, &log);
  const std::string text = log.str();
  std::size_t begin = text.size();
  for (std::size_t lines = 0; lines <= kTailLines && begin != std::string::npos; ++lines) {
    begin = begin == 0 ? std::string::npos : text.rfind('\n', begin - 1);
  }
  std::cout << text.substr(begin == std::string::npos ? 0 : begin + 1);
}

void report_violation(const char* program, std::uint64_t seed, const FuzzResult& result) {
  print_tail(seed);
  std::cout << "seed " << seed << " violates the protocol:\n";
  for (const std::string& violation : result.violations) std::cout << "  " << violation << "\n";
  std::cout << "replay: " << program << " --first " << seed << " --seeds 1 --log seed-" << seed
            << ".log\n";
}

struct Totals {
  FaultCounts faults;
  std::uint64_t steps = 0;
  std::uint64_t mixes = 0;
  std::uint64_t means = 0;
  std::uint64_t catch_ups = 0;
  std::uint64_t deadline_hits = 0;
  std::uint64_t stale_mixed = 0;
  std::map<core::RoundMode, std::uint64_t> modes;
  std::uint64_t quorums = 0;
};

std::uint64_t seeds_in(const Totals& totals, core::RoundMode mode) {
  const auto found = totals.modes.find(mode);
  return found == totals.modes.end() ? 0 : found->second;
}

void print_totals(const Arguments& arguments, const Totals& totals, double seconds) {
  const FaultCounts& f = totals.faults;
  std::printf("%llu seeds from %llu, no violation, %.1f s\n",
              static_cast<unsigned long long>(arguments.seeds),
              static_cast<unsigned long long>(arguments.first), seconds);
  const std::pair<const char*, std::uint64_t> counts[] = {
      {"steps", totals.steps},
      {"mixes checked", totals.mixes},
      {"means checked", totals.means},
      {"catch-ups", totals.catch_ups},
      {"deadline hits", totals.deadline_hits},
      {"older updates mixed", totals.stale_mixed},
      {"seeds in mode barrier", seeds_in(totals, core::RoundMode::kBarrier)},
      {"seeds in mode async", seeds_in(totals, core::RoundMode::kAsync)},
      {"seeds with a quorum below 1", totals.quorums},
      {"crashes", f.crashes},
      {"restarts", f.restarts},
      {"partitions", f.partitions},
      {"cuts", f.cuts},
      {"link breaks", f.link_breaks},
      {"slow-downs", f.slow_downs},
      {"clock changes", f.clock_changes},
      {"training failures", f.training_failures},
      {"fetch failures", f.fetch_failures},
      {"lost", f.lost_messages},
      {"duplicated", f.duplicated_messages},
      {"reordered", f.reordered_messages},
      {"dropped by full queues", f.dropped_updates}};
  for (const auto& [name, count] : counts) {
    std::printf("%10llu %s\n", static_cast<unsigned long long>(count), name);
  }
}

int run(const char* program, const Arguments& arguments) {
  std::unique_ptr<std::ofstream> log;
  if (!arguments.log.empty()) {
    log = std::make_unique<std::ofstream>(arguments.log);
    if (!*log) {
      std::cerr << arguments.log << ": cannot be written\n";
      return 2;
    }
  }
  const auto start = std::chrono::steady_clock::now();
  Totals totals;
  for (std::uint64_t seed = arguments.first; seed < arguments.first + arguments.seeds; ++seed) {
    const FuzzResult result = run_case(seed, log.get());
    if (!result.violations.empty()) {
      if (log) log->flush();
      report_violation(program, seed, result);
      return arguments.expect_violation ? 0 : 1;
    }
    add(totals.faults, result.faults);
    totals.steps += result.steps;
    totals.mixes += result.mixes_checked;
    totals.means += result.means_checked;
    totals.catch_ups += result.catch_ups;
    totals.deadline_hits += result.deadline_hits;
    totals.stale_mixed += result.stale_mixed;
    ++totals.modes[result.rules.mode];
    totals.quorums += result.rules.quorum < 1.0 ? 1 : 0;
  }
  print_totals(arguments, totals,
               std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return arguments.expect_violation ? 1 : 0;
}

}  // namespace
}  // namespace skiptrain::sim::testing

int main(int argc, char** argv) {
  skiptrain::sim::testing::Arguments arguments;
  if (!skiptrain::sim::testing::parse(argc, argv, arguments)) {
    std::cerr << "usage: sim_fuzz [--seeds N] [--first S] [--log FILE] [--expect-violation]\n";
    return 2;
  }
  return skiptrain::sim::testing::run(argv[0], arguments);
}
