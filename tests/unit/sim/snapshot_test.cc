#include "sim/snapshot.h"

#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/test_simulation.h"

namespace skiptrain::sim {
namespace {

using core::Policy;
using std::chrono::milliseconds;
using testing::topology_of;

constexpr std::size_t kNodes = 9;
constexpr std::size_t kDimension = 5;

struct Collector : Observer {
  std::vector<Snapshot> snapshots;
  void snapshot_taken(const Snapshot& snapshot) override { snapshots.push_back(snapshot); }
};

SimulationOptions options_of_run() {
  SimulationOptions options;
  options.topology = topology_of("torus", kNodes);
  options.total_rounds = 30;
  options.schedule = {Policy::kSkipTrainConstrained, 2, 1};
  options.network = network_preset("wifi").value();
  options.devices.clear();
  for (std::size_t i = 0; i < kNodes; ++i) {
    options.devices.push_back({.train_time = milliseconds(50 + 10 * i),
                               .energy_per_train_round = WattHours(0.3 + 0.1 * i),
                               .budget = WattHours(5)});
  }
  options.snapshot_every = 7;
  return options;
}

std::unique_ptr<Simulation> build(const SimulationOptions& options,
                                  const Snapshot* resume = nullptr) {
  const auto problem = std::make_shared<const QuadraticProblem>(
      QuadraticOptions{.nodes = kNodes, .dimension = kDimension, .noise = 0.5});
  ParametersPool pool(kDimension, 4 * kNodes);
  auto made = Simulation::create(options, quadratic_trainers(problem, pool), pool, resume);
  EXPECT_TRUE(made) << made.error().message;
  return made ? std::move(*made) : nullptr;
}

std::vector<float> values_of(const ParametersPtr& parameters) {
  return {parameters->values().begin(), parameters->values().end()};
}

TEST(SnapshotTest, IsTakenEverySoManyRoundsWithAllNodesAtThem) {
  const auto simulation = build(options_of_run());
  Collector collector;
  simulation->add_observer(collector);
  ASSERT_EQ(simulation->run(), Outcome::kEnded);
  ASSERT_EQ(collector.snapshots.size(), 4u);
  for (std::size_t k = 0; k < 4; ++k) {
    const Snapshot& snapshot = collector.snapshots[k];
    EXPECT_EQ(snapshot.round, Round(7 * (k + 1)));
    ASSERT_EQ(snapshot.nodes.size(), kNodes);
    for (const NodeSnapshot& node : snapshot.nodes) {
      EXPECT_EQ(node.round, snapshot.round);
      EXPECT_TRUE(node.up);
      EXPECT_LE(node.committed_at, snapshot.virtual_time);
    }
  }
}

// The policy draws with a probability that depends on the budget, and its energy is the sum of the
// whole run's: both show if the resumed run forgot what was spent.
TEST(SnapshotTest, AResumedRunComputesTheSameBits) {
  const auto whole = build(options_of_run());
  Collector collector;
  whole->add_observer(collector);
  ASSERT_EQ(whole->run(), Outcome::kEnded);
  for (const Snapshot& snapshot : collector.snapshots) {
    SCOPED_TRACE("from round " + to_string(snapshot.round));
    SimulationOptions options = options_of_run();
    options.network_seed = 99;  // messages take other times
    const auto resumed = build(options, &snapshot);
    EXPECT_EQ(resumed->now(), snapshot.virtual_time);
    EXPECT_EQ(resumed->progress().rounds_committed, kNodes * snapshot.round.value());
    ASSERT_EQ(resumed->run(), Outcome::kEnded);
    for (Position i = 0; i < kNodes; ++i) {
      EXPECT_EQ(values_of(resumed->committed(i).parameters),
                values_of(whole->committed(i).parameters));
      const NodeTotals here = resumed->totals(i);
      const NodeTotals there = whole->totals(i);
      EXPECT_EQ(here.energy_spent, there.energy_spent);
      EXPECT_EQ(here.train_rounds, there.train_rounds);
      EXPECT_EQ(here.updates_mixed, there.updates_mixed);
      EXPECT_EQ(here.bytes_sent, there.bytes_sent);
    }
  }
}

TEST(SnapshotTest, ANodeThatIsDownIsInItWithItsLastState) {
  SimulationOptions options = options_of_run();
  options.round_deadline = milliseconds(500);
  options.faults.faults = {{AtCommit{4, Round(5)}, Crash{4}}};
  const auto simulation = build(options);
  Collector collector;
  simulation->add_observer(collector);
  ASSERT_EQ(simulation->run(), Outcome::kEnded);
  ASSERT_EQ(collector.snapshots.size(), 4u);
  const NodeSnapshot& down = collector.snapshots[1].nodes[4];
  EXPECT_FALSE(down.up);
  EXPECT_EQ(down.round, Round(5));
  // It stays down when the run is resumed.
  const auto resumed = build(options, &collector.snapshots[1]);
  EXPECT_FALSE(resumed->is_up(4));
  EXPECT_EQ(resumed->run(), Outcome::kEnded);
  EXPECT_EQ(resumed->fault_counts().crashes, 0u);
}

TEST(SnapshotTest, OneOfAnotherRunIsRefused) {
  const auto simulation = build(options_of_run());
  Collector collector;
  simulation->add_observer(collector);
  simulation->run();
  const auto refusal = [&](auto change) {
    Snapshot snapshot = collector.snapshots.front();
    change(snapshot);
    const auto problem = std::make_shared<const QuadraticProblem>(
        QuadraticOptions{.nodes = kNodes, .dimension = kDimension});
    ParametersPool pool(kDimension, 4);
    const auto made =
        Simulation::create(options_of_run(), quadratic_trainers(problem, pool), pool, &snapshot);
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(refusal([](Snapshot&) {}), "");
  EXPECT_EQ(refusal([](Snapshot& s) { s.run_seed = 5; }),
            "the snapshot is of another run: seed 5, here 1");
  EXPECT_EQ(refusal([](Snapshot& s) { s.total_rounds = 31; }),
            "the snapshot is of another run: rounds 31, here 30");
  EXPECT_EQ(refusal([](Snapshot& s) { s.nodes.pop_back(); }),
            "the snapshot is of another run: nodes 8, here 9");
  EXPECT_EQ(refusal([](Snapshot& s) {
              s.nodes[2].parameters = copy_parameters(std::vector<float>(6, 0.0f));
            }),
            "the snapshot is of another run: parameters 6, here 5");
}

}  // namespace
}  // namespace skiptrain::sim
