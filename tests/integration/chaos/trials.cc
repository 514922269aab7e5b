#include "tests/integration/chaos/trials.h"

#include <algorithm>
#include <csignal>
#include <random>
#include <stdexcept>
#include <thread>

#include "tests/integration/chaos/living_network.h"

namespace skiptrain::integration {
namespace {

constexpr double kMedian = 0.5;
// What is usual for an idle cluster to reach soon.
constexpr std::uint64_t kWarmRounds = 30;
constexpr Seconds kLong{300};

void require(bool held, LivingNetwork& living, const std::string& what) {
  if (!held) throw std::runtime_error(what + "\n" + living.cluster().describe());
}

std::string failed_line(std::size_t node) {
  return "member " + std::to_string(node) + " (node-" + std::to_string(node) + ") failed";
}

void start_all(LivingNetwork& living, const Nodes& nodes, std::uint64_t until) {
  living.cluster().set("membership.expect", std::to_string(nodes.size()));
  living.start(nodes);
  require(living.all_reach(nodes, until, kLong), living, "the cluster does not get going");
}

double median(const std::vector<double>& values) {
  return quantile(values, kMedian);
}

std::uint64_t highest(const std::vector<std::uint64_t>& rounds) {
  return *std::ranges::max_element(rounds);
}

}  // namespace

DeathFigures try_deaths(std::size_t nodes, Death death, std::size_t tries, std::uint64_t seed) {
  DeathFigures figures{.known_after = {}, .deadline = 3.0, .longest_wait = 0};
  std::mt19937_64 random(seed);
  LivingNetwork living(nodes);
  living.cluster().set("round.deadline", "\"3s\"");
  start_all(living, living.all(), kWarmRounds);
  for (std::size_t i = 0; i < tries; ++i) {
    const std::size_t victim = random() % nodes;
    const Nodes others = living.all_but(victim);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 500'000));
    const std::uint64_t round = living.cluster().round(others.front());
    const double since = unix_seconds();
    if (death == Death::kKilled) {
      living.cluster().kill(victim);
    } else {
      living.network().cut_off(victim);
    }
    const auto known = living.all_said(others, failed_line(victim), since);
    require(known.has_value(), living, "not all hold " + std::to_string(victim) + " for failed");
    figures.known_after.push_back(*known - since);
    require(living.all_reach(others, round + 5), living, "the others do not go on");
    figures.longest_wait = std::max(figures.longest_wait,
                                    quantile(living.figures(others, "wait_seconds", round), 1.0));
    if (death == Death::kCutOff) {
      living.cluster().kill(victim);
      living.network().heal();
    }
    living.cluster().start(victim);
    require(eventually([&] { return living.all_see_alive(living.all(), nodes); }, kLong), living,
            "the victim does not come back");
    const std::uint64_t back_at = living.cluster().round(others.front());
    require(living.all_reach(living.all(), back_at), living, "the victim does not take part");
  }
  return figures;
}

UnrestFigures try_unrest(std::size_t nodes, double lost_share, std::size_t hogs, Seconds duration) {
  LivingNetwork living(nodes);
  start_all(living, living.all(), kWarmRounds);
  for (const std::size_t node : living.all()) living.network().lose_udp(node, lost_share);
  std::vector<Process> hogging;
  for (std::size_t i = 0; i < hogs; ++i) {
    hogging.emplace_back(Launch{{"/bin/sh", "-c", "while :; do :; done"}, "", {}});
  }
  const double since = unix_seconds();
  const auto before = living.rounds_of(living.all());
  std::this_thread::sleep_for(duration);
  const auto after = living.rounds_of(living.all());
  UnrestFigures figures;
  figures.suspected = living.lines_with(living.all(), ") suspected", since);
  figures.failed = living.lines_with(living.all(), ") failed", since);
  figures.rounds = after[0] - before[0];
  for (std::size_t i = 1; i < nodes; ++i) {
    figures.rounds = std::min(figures.rounds, after[i] - before[i]);
  }
  return figures;
}

PartitionFigures try_partition(std::size_t nodes, std::uint64_t rounds) {
  LivingNetwork living(nodes);
  const Nodes fast = nodes_between(0, nodes / 2);
  const Nodes slow = nodes_between(nodes / 2, nodes);
  // So that there is something to catch up with.
  for (const std::size_t node : slow) living.make_slower(node);
  start_all(living, living.all(), kWarmRounds);
  living.network().partition(fast, slow);
  require(eventually([&] { return living.all_see_alive(living.all(), nodes / 2); }, kLong), living,
          "the halves do not notice that they are apart");
  const std::uint64_t apart_at = living.cluster().round(fast.front());
  require(living.all_reach(fast, apart_at + rounds, kLong), living, "the fast half stands still");
  require(living.all_reach(slow, apart_at + 1, kLong), living, "the slow half stands still");

  PartitionFigures figures;
  figures.rounds_apart = living.cluster().round(fast[0]) - living.cluster().round(slow[0]);
  // Host after host; the first may jump before the last is reached again.
  const double healing_since = unix_seconds();
  living.network().heal();
  const double since = unix_seconds();
  require(eventually([&] { return living.all_see_alive(living.all(), nodes); }, kLong), living,
          "the views do not become one");
  figures.one_view_after = unix_seconds() - since;
  const std::uint64_t leader = highest(living.rounds_of(living.all()));
  // Whoever is still behind by then will have jumped.
  require(living.all_reach(living.all(), leader + 3 * kWarmRounds, kLong), living,
          "the halves do not get in step");
  for (const std::uint64_t round : living.jumps(living.all(), healing_since)) {
    ++figures.jumps;
    if (round > leader) figures.rounds_to_step = std::max(figures.rounds_to_step, round - leader);
  }
  for (const std::size_t node : living.all()) {
    const Json history = living.cluster().rounds(node);
    for (std::size_t i = 1; i < history.size(); ++i) {
      figures.rolled_back |= history[i].at("round") <= history[i - 1].at("round");
    }
  }
  return figures;
}

JoinFigures try_join(std::size_t nodes, std::uint64_t rounds) {
  LivingNetwork living(nodes);
  const std::size_t joiner = nodes - 1;
  const Nodes others = living.all_but(joiner);
  start_all(living, others, kWarmRounds);
  const std::uint64_t first = living.cluster().round(0);
  require(living.all_reach(others, first + rounds, kLong), living, "the others stand still");

  JoinFigures figures;
  figures.median_round_before = median(living.figures(others, "round_seconds", first));
  figures.behind = living.cluster().round(0);
  const double started = unix_seconds();
  living.cluster().start(joiner);
  const auto taking_part = [&]() -> std::optional<Json> {
    std::uint64_t jumped_to = 0;
    for (const Json& round : living.cluster().rounds(joiner)) {
      if (round.at("caught_up")) {
        jumped_to = round.at("round");
      } else if (round.at("neighbours_mixed") > 0) {
        figures.rounds_to_step = round.at("round").get<std::uint64_t>() - jumped_to;
        return round;
      }
    }
    return std::nullopt;
  };
  require(living.all_said({0}, "(node-" + std::to_string(joiner) + ") joined", started).has_value(),
          living, "nobody hears of the joiner");
  const std::uint64_t heard_of_at = living.cluster().round(0);
  require(eventually([&] { return taking_part().has_value(); }, kLong), living,
          "the joiner does not take part");
  const std::uint64_t part_from = (*taking_part()).at("round");
  require(living.all_reach(others, part_from + rounds, kLong), living, "the others stand still");
  std::vector<double> joining;
  for (const std::size_t node : others) {
    for (const Json& round : living.cluster().rounds(node)) {
      const std::uint64_t number = round.at("round");
      if (number >= heard_of_at && number < part_from) joining.push_back(round.at("round_seconds"));
    }
  }
  // In rounds of some milliseconds it may have taken part before the question was answered.
  figures.median_round_joining = joining.empty() ? figures.median_round_before : median(joining);
  figures.median_round_after = median(living.figures(others, "round_seconds", part_from));
  return figures;
}

SlowLinkFigures try_slow_link(std::size_t nodes, double megabits_per_second, Seconds duration) {
  LivingNetwork living(nodes);
  living.cluster().set("model.hidden", "[512]");
  const std::size_t slow = nodes - 1;
  const Nodes others = living.all_but(slow);
  start_all(living, living.all(), kWarmRounds);
  const std::uint64_t first = living.cluster().round(0);
  require(living.all_reach(others, first + 100, kLong), living, "the cluster stands still");
  SlowLinkFigures figures;
  figures.median_round_before = median(living.figures(others, "round_seconds", first));
  living.network().limit_rate(slow, megabits_per_second);
  const std::uint64_t slow_from = living.cluster().round(0);
  const std::uint64_t slow_node_from = living.cluster().round(slow);
  std::this_thread::sleep_for(duration);
  figures.rounds_slow = living.cluster().round(0) - slow_from;
  figures.rounds_of_slow_node = living.cluster().round(slow) - slow_node_from;
  figures.median_round_slow = median(living.figures(others, "round_seconds", slow_from));
  return figures;
}

}  // namespace skiptrain::integration
