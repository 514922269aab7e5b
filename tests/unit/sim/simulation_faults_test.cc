// Each kind of fault, one at a time, and what it does to a run.
#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/test_simulation.h"

namespace skiptrain::sim {
namespace {

using core::Policy;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::TestSimulation;
using testing::topology_of;

// Notes what nodes commit, and what is told of faults and starts.
struct Notes : Observer {
  std::vector<std::pair<Position, core::RoundRecord>> records;
  std::vector<std::string> faults;
  std::vector<std::pair<Position, std::uint64_t>> starts;
  std::vector<std::string> warnings;

  void node_committed(Position position, Instant, const core::Commit& commit) override {
    records.emplace_back(position, commit.record);
  }
  void fault_struck(Instant, const FaultKind& fault) override {
    faults.push_back(to_string(fault));
  }
  void node_started(Position position, Instant, Incarnation incarnation) override {
    starts.emplace_back(position, incarnation.value());
  }
  void warned(Position, Instant, const std::string& message) override {
    warnings.push_back(message);
  }

  std::uint64_t missed(Position position, NodeId whom) const {
    return static_cast<std::uint64_t>(std::ranges::count_if(records, [&](const auto& entry) {
      const auto& missing = entry.second.missing;
      return entry.first == position && std::ranges::count(missing, whom) > 0;
    }));
  }
  std::uint64_t catch_ups() const {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(records, [](const auto& e) { return e.second.caught_up; }));
  }
};

// Six nodes in a ring that train in every round, 100 ms each, with deadlines of 500 ms.
class SimulationFaultsTest : public ::testing::Test {
 protected:
  SimulationFaultsTest() {
    options_.topology = topology_of("ring", 6);
    options_.total_rounds = 20;
    options_.round_deadline = milliseconds(500);
    options_.start_timeout = milliseconds(500);
    options_.devices = {Device{.train_time = milliseconds(100)}};
    options_.network.reconnect_delay = milliseconds(1);
    options_.network.keepalive = milliseconds(700);
  }

  void at_commit(Position node, std::uint64_t round, FaultKind what) {
    options_.faults.faults.push_back({AtCommit{node, Round(round)}, std::move(what)});
  }
  void at(Duration when, FaultKind what) {
    options_.faults.faults.push_back({AtTime{Instant(when)}, std::move(what)});
  }

  void run() {
    run_.emplace(options_, 4, false);
    (*run_)->add_observer(notes_);
    run_->run_to_end();
    EXPECT_EQ(run_->invariants().violations(), std::vector<std::string>());
  }
  Simulation& simulation() { return run_->simulation(); }

  SimulationOptions options_;
  std::optional<TestSimulation> run_;
  Notes notes_;
};

TEST_F(SimulationFaultsTest, WithoutAnyNobodyMissesAnything) {
  run();
  EXPECT_EQ(notes_.records.size(), 6u * 20u);
  for (const auto& [position, record] : notes_.records) EXPECT_TRUE(record.missing.empty());
  EXPECT_EQ(notes_.catch_ups(), 0u);
}

TEST_F(SimulationFaultsTest, ACrashedNodeStaysAwayAndTheOthersGoOn) {
  at_commit(2, 5, Crash{2});
  run();
  EXPECT_FALSE(simulation().is_up(2));
  EXPECT_EQ(simulation().committed(2).round, Round(5));
  EXPECT_EQ(simulation().node(3).round(), Round(20));
  EXPECT_EQ(notes_.faults, std::vector<std::string>{"crash of node 2"});
  EXPECT_EQ(simulation().fault_counts().crashes, 1u);
}

TEST_F(SimulationFaultsTest, ARestartedNodeStartsFromNothingOrFromItsCheckpoint) {
  for (const bool from_checkpoint : {true, false}) {
    SCOPED_TRACE(from_checkpoint ? "from its checkpoint" : "from nothing");
    options_.faults.faults.clear();
    notes_ = {};
    at_commit(2, 5, Crash{2});
    at_commit(3, 9, Restart{2, from_checkpoint});
    run();
    EXPECT_EQ(notes_.starts.back(), (std::pair<Position, std::uint64_t>{2, 2}));
    EXPECT_EQ(simulation().node(2).round(), Round(20));
    EXPECT_GE(notes_.catch_ups(), 1u);
    // What it had spent stays spent.
    const NodeTotals totals = simulation().totals(2);
    EXPECT_GT(totals.energy_spent, WattHours(10));
    EXPECT_EQ(totals.energy_spent, run_->invariants().charged(2));
    EXPECT_EQ(simulation().progress().rounds_committed, 6u * 20u);
  }
}

TEST_F(SimulationFaultsTest, ACrashWhileTrainingCostsItsEnergy) {
  options_.devices.front().budget = WattHours(8);
  for (int k = 0; k < 5; ++k) {
    at(milliseconds(250 + 700 * k), Crash{1});
    at(milliseconds(450 + 700 * k), Restart{1, false});
  }
  run();
  EXPECT_EQ(simulation().fault_counts().crashes, 5u);
  EXPECT_EQ(run_->invariants().charged(1), WattHours(8));
  EXPECT_LT(simulation().totals(1).train_rounds, 8u);
}

TEST_F(SimulationFaultsTest, HalvesOfAPartitionGoOnAndFindEachOtherAgain) {
  at(milliseconds(550), Partition{{{0, 1, 2}}});
  at(seconds(5), Heal{});
  options_.total_rounds = 80;
  // One half is slower, so it is behind when they meet.
  for (const Position node : {0u, 1u, 2u}) at(milliseconds(550), SlowDown{node, 3.0});
  for (const Position node : {0u, 1u, 2u}) at(seconds(5), SlowDown{node, 1.0});
  run();
  EXPECT_EQ(simulation().fault_counts().partitions, 1u);
  EXPECT_GT(simulation().fault_counts().lost_messages, 0u);
  EXPECT_GE(simulation().fault_counts().link_breaks, 2u);
  EXPECT_GE(notes_.catch_ups(), 1u);
  for (Position i = 0; i < 6; ++i) EXPECT_EQ(simulation().node(i).round(), Round(80));
}

TEST_F(SimulationFaultsTest, AShortPartitionBreaksNoLink) {
  at(milliseconds(550), Partition{{{0, 1, 2}}});
  at(milliseconds(1000), Heal{});
  run();
  EXPECT_EQ(simulation().fault_counts().link_breaks, 0u);
  EXPECT_GT(notes_.missed(0, NodeId(5)), 0u);
}

TEST_F(SimulationFaultsTest, AOneWayCutIsNoticedAtOneEnd) {
  options_.network.keepalive = seconds(60);
  at(milliseconds(350), Cut{2, 3});
  at(milliseconds(2000), Mend{2, 3});
  run();
  EXPECT_EQ(simulation().fault_counts().cuts, 1u);
  EXPECT_GT(notes_.missed(3, NodeId(2)), 0u);
  EXPECT_EQ(notes_.missed(1, NodeId(2)), 0u);
  EXPECT_EQ(notes_.missed(2, NodeId(1)), 0u);
}

TEST_F(SimulationFaultsTest, ALongCutBreaksTheLinkUntilItIsMended) {
  at(milliseconds(350), Cut{2, 3});
  at(milliseconds(1500), Mend{2, 3});
  run();
  EXPECT_EQ(simulation().fault_counts().link_breaks, 1u);
  // Nobody waits for a neighbour that is known to be away.
  EXPECT_LE(notes_.missed(3, NodeId(2)), 2u);
  EXPECT_TRUE(simulation().node(3).neighbours().find(NodeId(2))->connected);
}

TEST_F(SimulationFaultsTest, ABrokenLinkIsDialledAgain) {
  at(milliseconds(350), BreakLink{0, 1, milliseconds(400)});
  run();
  EXPECT_EQ(simulation().fault_counts().link_breaks, 1u);
  EXPECT_TRUE(simulation().node(0).neighbours().find(NodeId(1))->connected);
  std::uint64_t without = 0;
  for (const auto& [position, record] : notes_.records) {
    if (position == 0 && record.neighbours_mixed == 1) ++without;
  }
  EXPECT_GE(without, 3u);
  EXPECT_LE(without, 6u);
}

TEST_F(SimulationFaultsTest, ASlowNodeIsMissedAtTheDeadline) {
  at_commit(4, 5, SlowDown{4, 20.0});
  run();
  EXPECT_GT(notes_.missed(3, NodeId(4)), 0u);
  EXPECT_GT(notes_.missed(5, NodeId(4)), 0u);
  EXPECT_EQ(notes_.missed(1, NodeId(2)), 0u);
  EXPECT_GE(notes_.catch_ups(), 1u);
}

// Node 1 trains for 300 ms, node 0 for 100 ms. While node 0 waits its clock jumps past its
// deadline.
TEST_F(SimulationFaultsTest, AClockThatJumpsEndsAWait) {
  options_.devices.assign(6, Device{.train_time = milliseconds(100)});
  options_.devices[1].train_time = milliseconds(300);
  at(milliseconds(200), StepClock{0, seconds(1)});
  run();
  EXPECT_EQ(notes_.missed(0, NodeId(1)), 1u);
  EXPECT_EQ(simulation().fault_counts().clock_changes, 1u);
}

TEST_F(SimulationFaultsTest, AClockThatStandsStillPutsOffADeadline) {
  options_.devices.assign(6, Device{.train_time = milliseconds(100)});
  at_commit(1, 1, SlowDown{1, 8.0});  // 800 ms: missed at the deadline of 500 ms
  at_commit(1, 2, SlowDown{1, 1.0});
  at_commit(0, 1, StepClock{0, -seconds(2)});
  run();
  EXPECT_EQ(notes_.missed(0, NodeId(1)), 0u);
  EXPECT_GT(notes_.missed(2, NodeId(1)), 0u);
}

TEST_F(SimulationFaultsTest, AFastClockMakesDeadlinesShort) {
  options_.devices.assign(6, Device{.train_time = milliseconds(100)});
  options_.devices[1].train_time = milliseconds(500);  // waited for 400 ms of 500
  at(Duration(1), SkewClock{0, 1.5});
  run();
  // Two make it a straggler, that is then waited for now and then.
  EXPECT_GE(notes_.missed(0, NodeId(1)), core::Patience::kMisses);
  EXPECT_EQ(notes_.missed(2, NodeId(1)), 0u);
}

TEST_F(SimulationFaultsTest, TrainingFailsAsOftenAsPlanned) {
  at_commit(3, 4, FailTraining{3, 2});
  run();
  EXPECT_EQ(simulation().fault_counts().training_failures, 2u);
  EXPECT_EQ(simulation().totals(3).train_rounds, 18u);
  EXPECT_EQ(notes_.warnings.size(), 2u);
  EXPECT_EQ(notes_.records.size(), 6u * 20u);
}

// The restarted node connects, and then asks neighbours that do not hear it.
TEST_F(SimulationFaultsTest, ARequestForAStateThatGetsNoAnswerTimesOut) {
  options_.total_rounds = 60;
  options_.network.fetch_timeout = milliseconds(300);
  options_.network.keepalive = seconds(60);
  const Duration restart = milliseconds(1200);
  at(milliseconds(550), Crash{2});
  at(restart, Restart{2, false});
  for (const Position neighbour : {1u, 3u}) {
    at(restart + std::chrono::microseconds(300), Cut{2, neighbour});
    at(seconds(3), Mend{2, neighbour});
  }
  run();
  const auto timed_out = std::ranges::count_if(notes_.warnings, [](const std::string& warning) {
    return warning.find("no answer") != std::string::npos;
  });
  EXPECT_GE(timed_out, 1);
  EXPECT_GE(simulation().fault_counts().fetch_failures, 1u);
  EXPECT_GE(notes_.catch_ups(), 1u);
  EXPECT_EQ(simulation().node(2).round(), Round(60));
}

}  // namespace
}  // namespace skiptrain::sim
