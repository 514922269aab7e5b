// One slow link must not set the pace of a cluster. Prints the figures that it checks:
//   bin/sim_cluster_test --gtest_filter='*SimStragglerTest.*'
#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/test_simulation.h"

namespace skiptrain::sim::testing {
namespace {

constexpr Position kSlow = 5;
constexpr std::size_t kNodes = 16;
constexpr std::size_t kDimension = 84'000;  // parameters: 336 kB, 2.7 s at 1 Mbit/s
constexpr double kMegabit = 1e6 / 8;        // bytes per second

// The rounds of all nodes but the slow one, and how far that one came by jumping.
class RoundTimes : public Observer {
 public:
  Duration median() {
    const auto middle = others_.begin() + static_cast<std::ptrdiff_t>(others_.size() / 2);
    std::ranges::nth_element(others_, middle);
    return *middle;
  }
  std::uint64_t jumps_of_slow() const { return jumps_of_slow_; }
  std::uint64_t jumps_of_others() const { return jumps_of_others_; }

 private:
  void node_committed(Position position, Instant, const core::Commit& commit) override {
    if (commit.record.caught_up)
      return void(++(position == kSlow ? jumps_of_slow_ : jumps_of_others_));
    if (position != kSlow) others_.push_back(commit.record.round_time);
  }

  std::vector<Duration> others_;
  std::uint64_t jumps_of_slow_ = 0;
  std::uint64_t jumps_of_others_ = 0;
};

SimulationOptions cluster_options(core::RoundMode mode, bool with_slow_link) {
  SimulationOptions options;
  options.topology = topology_of("regular:3", kNodes);
  options.total_rounds = 200;
  options.schedule = {core::Policy::kSkipTrain, 4, 4};
  options.rules.mode = mode;
  options.network = network_preset("lan").value();
  options.evaluate_at_end = false;
  if (!with_slow_link) return options;
  for (const Position neighbour : options.topology.neighbours(kSlow)) {
    LinkOverride slow{.from = kSlow, .to = neighbour, .link = options.network.link};
    slow.link.bandwidth_bytes_per_s = kMegabit;
    options.network.overrides.push_back(slow);
  }
  return options;
}

// Deadlines are automatic, as by default.
RoundTimes run_cluster(core::RoundMode mode, bool with_slow_link) {
  RoundTimes times;
  const auto problem = std::make_shared<const QuadraticProblem>(
      QuadraticOptions{.nodes = kNodes, .dimension = kDimension, .local_steps = 1});
  ParametersPool pool(kDimension, 4 * kNodes);
  auto made = Simulation::create(cluster_options(mode, with_slow_link),
                                 quadratic_trainers(problem, pool), pool);
  EXPECT_TRUE(made) << made.error().message;
  if (!made) return times;
  (*made)->add_observer(times);
  EXPECT_EQ((*made)->run(), Outcome::kEnded);
  return times;
}

class SimStragglerTest : public ::testing::TestWithParam<core::RoundMode> {};

TEST_P(SimStragglerTest, OneSlowLinkCostsTheOthersLittle) {
  RoundTimes without = run_cluster(GetParam(), false);
  RoundTimes with = run_cluster(GetParam(), true);
  const double ratio = to_seconds(with.median()) / to_seconds(without.median());
  std::printf(
      "%s: median round of the others %.1f ms, with a link at 1 Mbit/s %.1f ms (%.2fx); "
      "jumps: slow node %llu, others %llu\n",
      std::string(core::to_string(GetParam())).c_str(), 1e3 * to_seconds(without.median()),
      1e3 * to_seconds(with.median()), ratio, static_cast<unsigned long long>(with.jumps_of_slow()),
      static_cast<unsigned long long>(with.jumps_of_others()));
  EXPECT_LE(ratio, 1.2);
  EXPECT_GE(with.jumps_of_slow(), 1u) << "it keeps finding its place";
}

INSTANTIATE_TEST_SUITE_P(Modes, SimStragglerTest,
                         ::testing::Values(core::RoundMode::kDeadline, core::RoundMode::kAsync),
                         [](const auto& info) { return std::string(core::to_string(info.param)); });

}  // namespace
}  // namespace skiptrain::sim::testing
