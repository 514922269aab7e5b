#include "sim/simulation.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sim/event_log.h"
#include "sim/memory_estimate.h"
#include "tests/sim/fuzz_case.h"
#include "tests/sim/test_simulation.h"

namespace skiptrain::sim {
namespace {

using core::Policy;
using std::chrono::milliseconds;
using testing::TestSimulation;
using testing::topology_of;

constexpr std::size_t kDimension = 6;

SimulationOptions small_run() {
  SimulationOptions options;
  options.topology = topology_of("regular:4", 10);
  options.total_rounds = 12;
  options.schedule = {Policy::kSkipTrain, 2, 2};
  options.network = network_preset("wifi").value();
  return options;
}

std::vector<std::vector<float>> final_parameters(Simulation& simulation) {
  std::vector<std::vector<float>> result;
  for (Position i = 0; i < simulation.size(); ++i) {
    const ModelUpdate state = simulation.committed(i);
    const auto values = state.parameters->values();
    result.emplace_back(values.begin(), values.end());
  }
  return result;
}

// ---- Determinism -------------------------------------------------------------------------------

std::string log_of(SimulationOptions options, std::size_t workers) {
  options.workers = workers;
  options.in_time_order = true;
  std::ostringstream text;
  EventLog log(text);
  TestSimulation run(options, kDimension, false);
  run.also_log_to(log);
  run.run_to_end();
  EXPECT_EQ(run.invariants().violations(), std::vector<std::string>());
  return text.str();
}

TEST(SimulationTest, OneSeedGivesOneLogWhateverTheWorkers) {
  for (const std::uint64_t seed : {3u, 4u, 5u, 6u}) {
    bool calm = false;
    const SimulationOptions options = testing::draw_case(seed, &calm);
    const std::string log = log_of(options, 1);
    EXPECT_GT(log.size(), 10'000u);
    EXPECT_EQ(log_of(options, 1), log) << "seed " << seed;
    EXPECT_EQ(log_of(options, 2), log) << "seed " << seed;
    EXPECT_EQ(log_of(options, 4), log) << "seed " << seed;
  }
}

TEST(SimulationTest, ALogIsInTheOrderOfTimeIfThatIsAskedFor) {
  std::istringstream log(log_of(small_run(), 1));
  std::string line;
  double newest = 0.0;
  while (std::getline(log, line)) {
    if (line.find("evaluated") != std::string::npos) continue;  // told later, dated when asked for
    const double when = std::stod(line);
    ASSERT_GE(when, newest) << line;
    newest = when;
  }
  EXPECT_GT(newest, 0.5);
}

// Taking nodes ahead of each other within the least latency shows nowhere.
TEST(SimulationTest, TheOrderOfNodesThatCannotKnowOfEachOtherDoesNotShow) {
  std::uint64_t compared = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    bool calm = false;
    SimulationOptions options = testing::draw_case(seed, &calm);
    if (options.network.link.latency < std::chrono::microseconds(1)) continue;
    ++compared;
    options.in_time_order = true;
    TestSimulation ordered(options, kDimension, calm);
    options.in_time_order = false;
    TestSimulation ahead(options, kDimension, calm);
    ordered.run_to_end();
    ahead.run_to_end();
    ASSERT_EQ(final_parameters(*ahead.operator->()), final_parameters(*ordered.operator->()))
        << "seed " << seed;
    ASSERT_EQ(ahead->now(), ordered->now()) << "seed " << seed;
    for (Position i = 0; i < ahead->size(); ++i) {
      ASSERT_EQ(ahead->is_up(i), ordered->is_up(i)) << "seed " << seed;
      ASSERT_EQ(ahead->committed(i).round, ordered->committed(i).round) << "seed " << seed;
      ASSERT_EQ(ahead->totals(i), ordered->totals(i)) << "seed " << seed << ", node " << i;
    }
  }
  EXPECT_GT(compared, 150u);
}

TEST(SimulationTest, TheNetworkSeedShowsInTheLogButNotInTheResult) {
  SimulationOptions options = small_run();
  TestSimulation one(options, kDimension, true);
  const std::string log = log_of(options, 1);
  options.network_seed = 2;
  TestSimulation two(options, kDimension, true);
  EXPECT_NE(log_of(options, 1), log);
  one.run_to_end();
  two.run_to_end();
  EXPECT_EQ(final_parameters(*one.operator->()), final_parameters(*two.operator->()));
}

TEST(SimulationTest, ARunThatPausedGoesOnAsIfItHadNot) {
  TestSimulation whole(small_run(), kDimension, true);
  TestSimulation paused(small_run(), kDimension, true);
  whole.run_to_end();
  std::uint64_t pauses = 0;
  while (paused->run({}, [&] { return paused->steps() % 100 == 99; }) == Outcome::kPaused) {
    ++pauses;
    const std::uint64_t before = paused->steps();
    paused->run({}, [&] { return paused->steps() > before; });
  }
  EXPECT_GT(pauses, 5u);
  EXPECT_EQ(final_parameters(*paused.operator->()), final_parameters(*whole.operator->()));
  EXPECT_EQ(paused->now(), whole->now());
}

// ---- What a run computes -----------------------------------------------------------------------

TEST(SimulationTest, ComesCloseToTheOptimum) {
  constexpr std::size_t kNodes = 12;
  const auto problem = std::make_shared<const QuadraticProblem>(QuadraticOptions{
      .nodes = kNodes, .dimension = kDimension, .local_steps = 1, .learning_rate = 0.05});
  ParametersPool pool(kDimension, 4 * kNodes);
  SimulationOptions options;
  options.topology = topology_of("regular:4", kNodes);
  options.total_rounds = 300;
  options.schedule = {Policy::kSkipTrain, 1, 2};
  auto simulation = Simulation::create(options, quadratic_trainers(problem, pool), pool).value();
  const double at_first = problem->global_loss(simulation->committed(0).parameters->values());
  ASSERT_EQ(simulation->run(), Outcome::kEnded);
  for (Position i = 0; i < kNodes; ++i) {
    const double loss = problem->global_loss(simulation->committed(i).parameters->values());
    EXPECT_LT(loss - problem->optimal_loss(), 0.01 * (at_first - problem->optimal_loss()));
  }
  EXPECT_LT(consensus_distance(*simulation), 0.1);
}

TEST(SimulationTest, WithCompressedUpdatesTooAndTheMeanIsKept) {
  constexpr std::size_t kBig = 4000;
  for (const char* compression : {"none", "bf16", "fp16", "int8", "top-k:0.2"}) {
    SimulationOptions options = small_run();
    options.compression = parse_compression(compression).value();
    options.total_rounds = 60;
    options.schedule = {Policy::kSkipTrain, 2, 4};
    TestSimulation run(options, kBig, /*is_calm=*/true);
    run.run_to_end();
    EXPECT_EQ(run.invariants().violations(), std::vector<std::string>()) << compression;
    EXPECT_EQ(run.invariants().means_checked(), 60U);
    // Of vectors of length 60 or so, which training pulls apart; top-k takes shorter steps
    // together.
    EXPECT_LT(consensus_distance(run.simulation()), options.compression.fraction > 0 ? 10.0 : 3.0)
        << compression;
    const Bytes whole = 4 * 60 * (kBig * sizeof(float) + kMessageOverheadBytes);
    const double part = static_cast<double>(run->totals(3).bytes_sent) / static_cast<double>(whole);
    const std::map<std::string, double> expected = {
        {"none", 1.0}, {"bf16", 0.5}, {"fp16", 0.5}, {"int8", 0.25}, {"top-k:0.2", 0.15}};
    EXPECT_NEAR(part, expected.at(compression), 0.04) << compression;
  }
}

TEST(SimulationTest, CountsTimeEnergyRoundsAndBytes) {
  SimulationOptions options = small_run();
  options.devices = {
      Device{.train_time = milliseconds(500), .energy_per_train_round = WattHours(2)}};
  TestSimulation run(options, kDimension, true);
  run.run_to_end();
  for (Position i = 0; i < run->size(); ++i) {
    const NodeTotals totals = run->totals(i);
    EXPECT_EQ(totals.train_rounds, 6u);
    EXPECT_EQ(totals.energy_spent, WattHours(12));
    EXPECT_EQ(totals.updates_mixed, 4u * 12u);
    EXPECT_EQ(totals.updates_missed, 0u);
    EXPECT_EQ(totals.train_time, milliseconds(3000));
    // Besides updates it says once that it has finished.
    const Bytes updates = 4 * 12 * (kDimension * sizeof(float) + kMessageOverheadBytes);
    EXPECT_EQ(totals.bytes_sent, updates + 4 * kMessageOverheadBytes);
    EXPECT_EQ(totals.messages_sent, 4u * 13u);
  }
  EXPECT_GT(run->now(), Instant(milliseconds(3000)));
  EXPECT_LT(run->now(), Instant(milliseconds(3500)));
  const Progress progress = run->progress();
  EXPECT_EQ(progress.rounds_committed, 120u);
  EXPECT_EQ(progress.rounds_total, 120u);
  EXPECT_GT(progress.virtual_time, Instant(milliseconds(3000)));
}

TEST(SimulationTest, ASlowerDeviceIsWaitedFor) {
  SimulationOptions options = small_run();
  options.devices.assign(10, Device{.train_time = milliseconds(10)});
  options.devices[3].train_time = milliseconds(700);
  TestSimulation run(options, kDimension, true);
  run.run_to_end();
  EXPECT_EQ(run.invariants().violations(), std::vector<std::string>());
  EXPECT_GT(run->now(), Instant(milliseconds(6 * 700)));
  EXPECT_GT(run->totals(run->options().topology.neighbours(3)[0]).wait_time, milliseconds(5 * 600));
}

struct EvaluationNotes : Observer {
  std::map<Position, std::vector<std::uint64_t>> after;
  std::vector<Instant> asked;
  std::uint64_t finals = 0;
  void node_evaluated(Position position, Instant when, const core::Evaluate& evaluate,
                      const Result<ports::Evaluation>& result) override {
    ASSERT_TRUE(result);
    EXPECT_GT(result->loss, 0.0);
    after[position].push_back(evaluate.after.value());
    asked.push_back(when);
    finals += evaluate.final ? 1 : 0;
  }
};

TEST(SimulationTest, EvaluationsComeInTheOrderInWhichTheyWereAskedFor) {
  for (const std::size_t workers : {1u, 3u}) {
    SimulationOptions options = small_run();
    options.evaluate_every = 5;
    options.workers = workers;
    options.in_time_order = true;
    TestSimulation run(options, kDimension, true);
    EvaluationNotes notes;
    run->add_observer(notes);
    run.run_to_end();
    ASSERT_EQ(notes.after.size(), 10u);
    for (const auto& [position, rounds] : notes.after) {
      EXPECT_EQ(rounds, (std::vector<std::uint64_t>{5, 10, 12})) << "node " << position;
    }
    EXPECT_TRUE(std::ranges::is_sorted(notes.asked));
    EXPECT_EQ(notes.finals, 10u);
  }
}

// ---- Stopping ----------------------------------------------------------------------------------

// Trains until it is told to stop.
class EndlessTrainer : public QuadraticTrainer {
 public:
  using QuadraticTrainer::QuadraticTrainer;
  Result<ports::TrainOutcome> train(const ports::TrainRequest& request) override {
    while (!request.cancel.stop_requested()) std::this_thread::yield();
    return fail(ErrorCode::kUnavailable, "cancelled");
  }
};

TEST(SimulationTest, AStopEndsTrainingThatIsUnderWay) {
  for (const std::size_t workers : {1u, 2u}) {
    const auto problem = std::make_shared<const QuadraticProblem>(QuadraticOptions{.nodes = 10});
    ParametersPool pool(16, 40);
    Trainers trainers;
    for (std::size_t i = 0; i < 10; ++i) {
      trainers.push_back(std::make_unique<EndlessTrainer>(problem, i, pool));
    }
    SimulationOptions options = small_run();
    options.workers = workers;
    auto simulation = Simulation::create(options, std::move(trainers), pool).value();
    std::stop_source stop;
    std::jthread stopper([&stop] {
      std::this_thread::sleep_for(milliseconds(20));
      stop.request_stop();
    });
    EXPECT_EQ(simulation->run(stop.get_token()), Outcome::kStopped);
    EXPECT_EQ(simulation->newest_round(), Round(0));
  }
}

TEST(SimulationTest, StopsBetweenStepsAndCanStillBeLookedAt) {
  TestSimulation run(small_run(), kDimension, true);
  std::stop_source stop;
  const Outcome outcome = run->run(stop.get_token(), [&] {
    if (run->newest_round() >= Round(5)) stop.request_stop();
    return false;
  });
  EXPECT_EQ(outcome, Outcome::kStopped);
  EXPECT_EQ(run->newest_round(), Round(5));
  EXPECT_EQ(run->committed(0).parameters->size(), kDimension);
}

TEST(SimulationTest, GivesUpAtItsStepLimit) {
  SimulationOptions options = small_run();
  options.step_limit = 50;
  TestSimulation run(options, kDimension, true);
  EXPECT_EQ(run->run(), Outcome::kStepLimit);
  EXPECT_EQ(run->steps(), 50u);
}

// ---- Bad input ---------------------------------------------------------------------------------

class BadOptionsTest : public ::testing::Test {
 protected:
  std::string refusal(const SimulationOptions& options, std::size_t trainers = 10,
                      std::size_t pooled = 16) {
    const auto problem =
        std::make_shared<const QuadraticProblem>(QuadraticOptions{.nodes = trainers});
    ParametersPool pool(pooled, 4);
    const auto made =
        Simulation::create(options, quadratic_trainers(problem, ParametersPool(16, 4)), pool);
    return made ? "" : made.error().message;
  }
};

TEST_F(BadOptionsTest, AreNamed) {
  EXPECT_EQ(refusal(small_run()), "");
  EXPECT_EQ(refusal(small_run(), 9), "9 trainers for 10 nodes: must be one for each");
  EXPECT_EQ(refusal(small_run(), 10, 17),
            "the pool's buffers hold 17 parameters, the trainers' model has 16");
  SimulationOptions options = small_run();
  options.devices.resize(3);
  EXPECT_EQ(refusal(options), "3 devices for 10 nodes: must be one for each, or one for all");
  options = small_run();
  options.workers = 0;
  EXPECT_EQ(refusal(options), "workers = 0: must be at least 1");
  options = small_run();
  options.topology = core::Topology(10);
  EXPECT_EQ(refusal(options), "the topology is not connected: its nodes could never agree");
  options = small_run();
  options.network.link.loss = 2;
  EXPECT_EQ(refusal(options), "network: loss = 2.000000 must be from 0 to 1");
  options = small_run();
  options.faults.faults = {{AtTime{}, Crash{10}}};
  EXPECT_EQ(refusal(options), "fault 0, crash of node 10: nodes are numbered from 0 to 9");
  options = small_run();
  options.epidemic = core::EpidemicOptions{};
  options.compression = parse_compression("int8").value();
  EXPECT_NE(refusal(options).find("compression int8 sends differences"), std::string::npos);
  options = small_run();
  options.schedule.gamma_train = 0;
  EXPECT_NE(refusal(options), "");
}

TEST(MemoryEstimateTest, GrowsWithWhatIsHeld) {
  const SimulationSize size{.nodes = 256, .parameter_count = 89'834, .degree = 6};
  const Bytes one_set = size.nodes * size.parameter_count * sizeof(float);
  const MemoryEstimate estimate = estimate_memory(size);
  EXPECT_GE(estimate.parameters, 3 * one_set);
  EXPECT_LE(estimate.total(), 3.2 * static_cast<double>(one_set));
  SimulationSize more = size;
  more.takes_snapshots = true;
  EXPECT_GE(estimate_memory(more).total(), estimate.total() + one_set);
  more = size;
  more.nodes = 4096;
  EXPECT_GE(estimate_memory(more).nodes, 16 * estimate.nodes);
}

}  // namespace
}  // namespace skiptrain::sim
