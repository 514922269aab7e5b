// One slow link must not set the pace of a cluster. Prints the figures that it checks:
//   bin/sim_cluster_test --gtest_filter='*SimStragglerTest.*'
#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>
#include <optional>
#include <ostream>
#include <string>
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
  Duration mean() const {
    return std::accumulate(others_.begin(), others_.end(), Duration(0)) /
           static_cast<Duration::rep>(others_.size());
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

struct StragglerCase {
  const char* name;
  core::RoundMode mode;
  std::optional<Duration> deadline;  // nullopt: automatic
};
void PrintTo(const StragglerCase& c, std::ostream* out) {
  *out << c.name;
}

SimulationOptions cluster_options(const StragglerCase& c, bool with_slow_link) {
  SimulationOptions options;
  options.topology = topology_of("regular:3", kNodes);
  options.total_rounds = 400;
  options.schedule = {core::Policy::kSkipTrain, 4, 4};
  options.devices = {Device{.train_time = std::chrono::seconds(2)}};
  options.rules.mode = c.mode;
  options.round_deadline = c.deadline;
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

RoundTimes run_cluster(const StragglerCase& c, bool with_slow_link) {
  RoundTimes times;
  const auto problem = std::make_shared<const QuadraticProblem>(
      QuadraticOptions{.nodes = kNodes, .dimension = kDimension, .local_steps = 1});
  ParametersPool pool(kDimension, 4 * kNodes);
  auto made = Simulation::create(cluster_options(c, with_slow_link),
                                 quadratic_trainers(problem, pool), pool);
  EXPECT_TRUE(made) << made.error().message;
  if (!made) return times;
  (*made)->add_observer(times);
  EXPECT_EQ((*made)->run(), Outcome::kEnded);
  return times;
}

class SimStragglerTest : public ::testing::TestWithParam<StragglerCase> {};

TEST_P(SimStragglerTest, OneSlowLinkCostsTheOthersLittle) {
  RoundTimes without = run_cluster(GetParam(), false);
  RoundTimes with = run_cluster(GetParam(), true);
  const double ratio = to_seconds(with.median()) / to_seconds(without.median());
  std::printf(
      "%s: round of the others, median %.1f ms, mean %.1f ms; with a link at 1 Mbit/s %.1f ms "
      "(%.2fx), mean %.1f ms; jumps: slow node %llu, others %llu\n",
      GetParam().name, to_milliseconds(without.median()), to_milliseconds(without.mean()),
      to_milliseconds(with.median()), ratio, to_milliseconds(with.mean()),
      static_cast<unsigned long long>(with.jumps_of_slow()),
      static_cast<unsigned long long>(with.jumps_of_others()));
  EXPECT_LE(ratio, 1.2);
  // A straggler that is waited for again and again shows in the mean alone.
  EXPECT_LE(to_seconds(with.mean()), 1.25 * to_seconds(without.mean()));
  EXPECT_GE(with.jumps_of_slow(), 1u) << "it keeps finding its place";
}

INSTANTIATE_TEST_SUITE_P(
    Modes, SimStragglerTest,
    ::testing::Values(StragglerCase{"AutomaticDeadline", core::RoundMode::kDeadline, std::nullopt},
                      StragglerCase{"FixedDeadline", core::RoundMode::kDeadline,
                                    std::chrono::milliseconds(2500)},
                      StragglerCase{"Async", core::RoundMode::kAsync, std::nullopt}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace skiptrain::sim::testing
