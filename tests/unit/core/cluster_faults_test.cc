// Whole clusters under crashes, restarts, broken links, drops, delays and failures: the invariants
// hold after every step, and every node that is up ends its run.
#include <algorithm>
#include <ostream>

#include <gtest/gtest.h>

#include "tests/unit/core/test_cluster.h"

namespace skiptrain::core::testing {
namespace {

using std::chrono::milliseconds;

Topology build(const std::string& spec, std::size_t nodes) {
  return build_topology(parse_topology_spec(spec).value(), nodes, 11).value();
}

ClusterOptions random_trouble(std::uint64_t seed) {
  Rng rng(derive_seed({seed, 0x7e57}));
  const std::vector<std::pair<std::string, std::size_t>> graphs = {
      {"ring", 2}, {"ring", 6}, {"complete", 5}, {"star", 5}, {"torus", 9}, {"regular:3", 8}};
  const std::vector<Schedule> schedules = {{Policy::kDpsgd, 1, 0},
                                           {Policy::kGreedy, 1, 0},
                                           {Policy::kSkipTrain, 2, 3},
                                           {Policy::kSkipTrainConstrained, 2, 2},
                                           {Policy::kSkipTrainAdaptive, 3, 1}};
  ClusterOptions options;
  const auto& [spec, nodes] = graphs[rng.below(graphs.size())];
  options.topology = build(spec, nodes);
  options.total_rounds = 30;
  options.run_seed = seed;
  options.chaos_seed = seed;
  options.schedule = schedules[rng.below(schedules.size())];
  options.budget = WattHours(static_cast<double>(5 + rng.below(20)) + 0.5);
  options.deadline = milliseconds(50 + rng.below(100));
  options.max_train_time = milliseconds(5 + rng.below(150));
  options.start_timeout = milliseconds(200);
  options.faults.period = milliseconds(600);
  options.faults.crashes = static_cast<std::uint32_t>(rng.below(4));
  options.faults.link_breaks = static_cast<std::uint32_t>(rng.below(5));
  options.faults.drop_probability = 0.1 * rng.uniform();
  options.faults.training_failure_probability = 0.1 * rng.uniform();
  options.faults.fetch_failure_probability = 0.3 * rng.uniform();
  return options;
}

void add(FaultCounts& total, const FaultCounts& counts) {
  total.crashes += counts.crashes;
  total.restarts += counts.restarts;
  total.link_breaks += counts.link_breaks;
  total.drops += counts.drops;
  total.training_failures += counts.training_failures;
  total.fetch_failures += counts.fetch_failures;
  total.catch_ups += counts.catch_ups;
  total.deadline_hits += counts.deadline_hits;
}

TEST(ClusterFaultsTest, InvariantsHoldAndEveryNodeEndsItsRun) {
  constexpr std::uint64_t kSeeds = 400;
  FaultCounts total;
  std::uint64_t mixes = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    TestCluster cluster(random_trouble(seed));
    const bool ended = cluster.run();
    const auto& violations = cluster.invariants().violations();
    ASSERT_TRUE(violations.empty()) << "seed " << seed << ": " << violations.front();
    ASSERT_TRUE(ended) << "seed " << seed << ": not all nodes ended their run";
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      if (!cluster.is_up(i)) continue;
      ASSERT_EQ(cluster.node(i).phase(), Phase::kFinished) << "seed " << seed << ", node " << i;
      ASSERT_GE(cluster.node(i).round(), Round(30)) << "seed " << seed << ", node " << i;
    }
    add(total, cluster.faults());
    mixes += cluster.invariants().mixes_checked();
  }
  // The faults did happen, and so did what they are meant to cause.
  EXPECT_GT(total.crashes, 100u);
  EXPECT_GT(total.restarts, 100u);
  EXPECT_GT(total.link_breaks, 100u);
  EXPECT_GT(total.drops, 1000u);
  EXPECT_GT(total.training_failures, 100u);
  EXPECT_GT(total.fetch_failures, 100u);
  EXPECT_GT(total.catch_ups, 100u);
  EXPECT_GT(total.deadline_hits, 1000u);
  EXPECT_GT(mixes, 10'000u);
}

struct RejoinCase {
  const char* name;
  const char* spec;
  std::size_t nodes;
  Schedule schedule;
  bool from_checkpoint;
};
// How the case is called in a list of tests.
void PrintTo(const RejoinCase& c, std::ostream* out) {
  *out << c.name;
}

class ClusterRejoinTest : public ::testing::TestWithParam<RejoinCase> {};

// The largest round among the neighbours of `position` that are up.
std::uint64_t newest_neighbour(const TestCluster& cluster, const Topology& topology,
                               std::size_t position) {
  std::uint64_t newest = 0;
  for (const auto j : topology.neighbours(static_cast<Topology::Position>(position))) {
    if (cluster.is_up(j)) newest = std::max(newest, cluster.node(j).round().value());
  }
  return newest;
}

// Killed at round 10 and started again when the others are at round 20. In a cluster whose rounds
// last longer than a few messages it has jumped within two rounds. Without it the ends of a long
// path may have drifted apart, and closing the ring again takes a few jumps of others as well; by
// round 40, and from then on, its neighbours are at most one round ahead.
TEST_P(ClusterRejoinTest, ARestartedNodeIsBackWithinTwoRounds) {
  constexpr std::size_t kVictim = 1;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ClusterOptions options;
    options.topology = build(GetParam().spec, GetParam().nodes);
    options.total_rounds = 60;
    options.chaos_seed = seed;
    options.schedule = GetParam().schedule;
    options.max_message_delay = milliseconds(1);
    options.deadline = milliseconds(300);
    const bool trains = options.schedule.gamma_sync == 0;
    TestCluster cluster(options);
    const auto reaches = [&cluster](std::uint64_t round) {
      return [&cluster, round] { return cluster.newest_round() >= Round(round); };
    };
    ASSERT_TRUE(cluster.run(reaches(10)));
    cluster.crash(kVictim);
    ASSERT_TRUE(cluster.run(reaches(20)));
    const std::uint64_t catch_ups = cluster.faults().catch_ups;
    cluster.restart(kVictim, GetParam().from_checkpoint);
    ASSERT_TRUE(cluster.run([&] { return cluster.faults().catch_ups > catch_ups; }));
    if (trains) {
      ASSERT_LE(cluster.newest_round(), Round(22));
    }
    ASSERT_GE(cluster.node(kVictim).round(), Round(18));
    const auto left_behind = [&] {
      if (cluster.node(kVictim).round() < Round(40)) return false;
      return newest_neighbour(cluster, options.topology, kVictim) >
             cluster.node(kVictim).round().value() + 1;
    };
    ASSERT_TRUE(cluster.run(left_behind));
    ASSERT_FALSE(left_behind()) << "its neighbours ran away at round "
                                << cluster.node(kVictim).round().value();
    ASSERT_EQ(cluster.node(kVictim).phase(), Phase::kFinished);
    ASSERT_TRUE(cluster.invariants().violations().empty())
        << cluster.invariants().violations().front();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Clusters, ClusterRejoinTest,
    ::testing::Values(RejoinCase{"TrainingRing", "ring", 8, {Policy::kDpsgd, 1, 0}, false},
                      RejoinCase{
                          "SkipTrainRegular", "regular:3", 8, {Policy::kSkipTrain, 4, 4}, false},
                      RejoinCase{"Checkpoint", "regular:3", 8, {Policy::kSkipTrain, 4, 4}, true},
                      RejoinCase{"Complete", "complete", 5, {Policy::kSkipTrain, 1, 100}, false},
                      RejoinCase{"LeafOfAStar", "star", 6, {Policy::kSkipTrain, 1, 100}, false},
                      RejoinCase{"ClusterOfTwo", "ring", 2, {Policy::kSkipTrain, 1, 100}, false}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace skiptrain::core::testing
