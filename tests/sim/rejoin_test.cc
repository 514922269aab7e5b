// A node that crashed finds its place again, and keeps it.
#include <algorithm>
#include <ostream>

#include <gtest/gtest.h>

#include "tests/sim/test_simulation.h"

namespace skiptrain::sim::testing {
namespace {

using core::Policy;
using std::chrono::milliseconds;

struct RejoinCase {
  const char* name;
  const char* spec;
  std::size_t nodes;
  core::Schedule schedule;
  bool from_checkpoint;
};
// How the case is called in a list of tests.
void PrintTo(const RejoinCase& c, std::ostream* out) {
  *out << c.name;
}

class SimRejoinTest : public ::testing::TestWithParam<RejoinCase> {};

// The largest round among the neighbours of `position` that are up.
std::uint64_t newest_neighbour(Simulation& simulation, Position position) {
  std::uint64_t newest = 0;
  for (const Position j : simulation.options().topology.neighbours(position)) {
    if (simulation.is_up(j)) newest = std::max(newest, simulation.node(j).round().value());
  }
  return newest;
}

// Killed at round 10 and started again when the others are at round 20. In a cluster whose rounds
// last longer than a few messages it has jumped within two rounds. Without it the ends of a long
// path may have drifted apart, and closing the ring again takes a few jumps of others as well; by
// round 40, and from then on, its neighbours are at most one round ahead.
TEST_P(SimRejoinTest, ARestartedNodeIsBackWithinTwoRounds) {
  constexpr Position kVictim = 1;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SimulationOptions options;
    options.topology = topology_of(GetParam().spec, GetParam().nodes);
    options.total_rounds = 60;
    options.network_seed = seed;
    options.schedule = GetParam().schedule;
    options.devices = {Device{.train_time = Duration(0), .train_jitter = milliseconds(30)}};
    options.network = jittery_network(milliseconds(1));
    options.max_boot_time = milliseconds(1);
    options.round_deadline = milliseconds(300);
    const bool trains = options.schedule.gamma_sync == 0;
    TestSimulation cluster(options, 1, false);
    Simulation& simulation = cluster.simulation();
    const auto reach = [&simulation](std::uint64_t round) {
      return simulation.run({}, [&, round] { return simulation.newest_round() >= Round(round); });
    };
    ASSERT_EQ(reach(10), Outcome::kPaused);
    simulation.strike(Crash{kVictim});
    ASSERT_EQ(reach(20), Outcome::kPaused);
    const std::uint64_t catch_ups = cluster.invariants().catch_ups();
    simulation.strike(Restart{kVictim, GetParam().from_checkpoint});
    ASSERT_EQ(simulation.run({}, [&] { return cluster.invariants().catch_ups() > catch_ups; }),
              Outcome::kPaused);
    if (trains) {
      ASSERT_LE(simulation.newest_round(), Round(22));
    }
    // The ends of a long path may lag behind its newest node by some rounds.
    ASSERT_GE(simulation.node(kVictim).round(), Round(16));
    const auto left_behind = [&] {
      if (simulation.node(kVictim).round() < Round(40)) return false;
      return newest_neighbour(simulation, kVictim) > simulation.node(kVictim).round().value() + 1;
    };
    ASSERT_EQ(simulation.run({}, left_behind), Outcome::kEnded)
        << "its neighbours ran away at round " << simulation.node(kVictim).round().value();
    ASSERT_EQ(simulation.node(kVictim).phase(), core::Phase::kFinished);
    ASSERT_TRUE(cluster.invariants().violations().empty())
        << cluster.invariants().violations().front();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Clusters, SimRejoinTest,
    ::testing::Values(RejoinCase{"TrainingRing", "ring", 8, {Policy::kDpsgd, 1, 0}, false},
                      RejoinCase{
                          "SkipTrainRegular", "regular:3", 8, {Policy::kSkipTrain, 4, 4}, false},
                      RejoinCase{"Checkpoint", "regular:3", 8, {Policy::kSkipTrain, 4, 4}, true},
                      RejoinCase{"Complete", "complete", 5, {Policy::kSkipTrain, 1, 100}, false},
                      RejoinCase{"LeafOfAStar", "star", 6, {Policy::kSkipTrain, 1, 100}, false},
                      RejoinCase{"ClusterOfTwo", "ring", 2, {Policy::kSkipTrain, 1, 100}, false}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace skiptrain::sim::testing
