#include "runtime/driver.h"

#include <cmath>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/runtime/fakes.h"

namespace skiptrain::runtime::testing {
namespace {

constexpr NodeId kSelf{1};
constexpr NodeId kPeer{2};

struct Rig {
  explicit Rig(core::NodeOptions options) {
    options.id = kSelf;
    options.energy_per_train_round = WattHours(2);
    driver = std::make_unique<Driver>(DriverOptions{std::move(options), 1000, 7});
    auto owned_trainer = std::make_unique<FakeTrainer>(8);
    auto owned_transport = std::make_unique<FakeTransport>();
    trainer = owned_trainer.get();
    transport = owned_transport.get();
    machinery.ready = {Round(0), trainer->initial_parameters(), std::nullopt};
    machinery.trainer = std::move(owned_trainer);
    machinery.transport = std::move(owned_transport);
    driver->start();
  }

  core::Phase phase() {
    return driver->inspect([](const core::Node& node) { return node.phase(); });
  }

  FakeTrainer* trainer = nullptr;
  FakeTransport* transport = nullptr;
  Machinery machinery;
  std::unique_ptr<Driver> driver;
};

core::NodeOptions alone(std::uint64_t rounds) {
  core::NodeOptions options;
  options.total_rounds = rounds;
  options.schedule = {core::Policy::kSkipTrain, 1, 1};
  return options;
}

core::NodeOptions with_peer(std::uint64_t rounds) {
  core::NodeOptions options = alone(rounds);
  options.neighbours = {kPeer};
  return options;
}

TEST(DriverTest, RunsAllRoundsOfALoneNodeAndEvaluatesAtTheEnd) {
  Rig rig(alone(6));
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return rig.driver->last_evaluation().has_value(); }));
  EXPECT_EQ(rig.phase(), core::Phase::kFinished);
  EXPECT_EQ(rig.trainer->calls, 3);
  const auto entries = rig.driver->history().newest(0);
  ASSERT_EQ(entries.size(), 6u);
  EXPECT_TRUE(entries[0].record.trained);
  EXPECT_FALSE(entries[1].record.trained);
  EXPECT_EQ(rig.driver->last_evaluation()->round, Round(6));
  EXPECT_FLOAT_EQ(rig.driver->last_evaluation()->evaluation.loss, 3.0);  // trained three times
  EXPECT_EQ(rig.driver->last_evaluation()->evaluation.samples, 1000u);   // the whole test set
}

TEST(DriverTest, MixesWithThePeersUpdate) {
  Rig rig(with_peer(1));
  rig.transport->on_start = [&] {
    rig.transport->deliver(core::PeerConnected{kPeer, Incarnation(1), {Round(0)}});
  };
  rig.transport->on_send = [&](const ModelUpdate& own) {
    ModelUpdate theirs{own.round, 1, copy_parameters(std::vector<float>(8, 5.0f))};
    rig.transport->deliver(core::UpdateReceived{kPeer, theirs});
  };
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return rig.phase() == core::Phase::kFinished; }));
  const auto state = rig.driver->inspect([](const core::Node& n) { return n.committed_state(); });
  EXPECT_FLOAT_EQ(state.parameters->values()[7], 3.0f);  // (1 + 5) / 2
  EXPECT_NEAR(rig.driver->last_distance(), std::sqrt(8.0 * 4.0), 1e-6);
}

TEST(DriverTest, ChargesTheEstimateWithoutAMeterAndAnswersWhileItTrains) {
  Rig rig(alone(2));
  rig.trainer->hold = true;
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return rig.phase() == core::Phase::kTraining; }));
  const auto spent = rig.driver->inspect([](const core::Node& n) { return n.energy().spent(); });
  EXPECT_DOUBLE_EQ(spent.value(), 2.0);
  rig.trainer->hold = false;
  EXPECT_TRUE(eventually([&] { return rig.phase() == core::Phase::kFinished; }));
}

TEST(DriverTest, AStuckLoopDoesNotAnswerAndALivingOneDoes) {
  Rig rig(alone(0));
  EXPECT_TRUE(rig.driver->answers_within(std::chrono::seconds(10)));
  std::promise<void> entered;
  std::promise<void> free;
  std::thread stuck([&] {
    rig.driver->inspect([&](const core::Node&) {
      entered.set_value();
      free.get_future().wait();
      return 0;
    });
  });
  entered.get_future().wait();
  EXPECT_FALSE(rig.driver->answers_within(std::chrono::milliseconds(50)));
  free.set_value();
  stuck.join();
  EXPECT_TRUE(rig.driver->answers_within(std::chrono::seconds(10)));
}

class StepMeter final : public ports::EnergyMeter {
 public:
  Result<WattHours> read_total() override { return WattHours(total_ += 3.5); }
  std::string_view source() const override { return "test"; }

 private:
  double total_ = 0;
};

TEST(DriverTest, AMeterReplacesTheEstimate) {
  Rig rig(alone(2));
  rig.machinery.meter = std::make_unique<StepMeter>();
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return rig.phase() == core::Phase::kFinished; }));
  const auto spent = rig.driver->inspect([](const core::Node& n) { return n.energy().spent(); });
  EXPECT_DOUBLE_EQ(spent.value(), 3.5);
}

TEST(DriverTest, ADivergedRoundKeepsTheLastGoodParameters) {
  Rig rig(alone(1));
  rig.trainer->diverge = true;
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return rig.phase() == core::Phase::kFinished; }));
  EXPECT_FALSE(rig.driver->history().newest(0).at(0).record.trained);
  const auto state = rig.driver->inspect([](const core::Node& n) { return n.committed_state(); });
  EXPECT_FLOAT_EQ(state.parameters->values()[0], 0.0f);
}

TEST(DriverTest, StopCancelsTrainingAndTellsTheNeighbours) {
  Rig rig(with_peer(3));
  rig.trainer->hold = true;
  rig.transport->on_start = [&] {
    rig.transport->deliver(core::PeerConnected{kPeer, Incarnation(1), {Round(0)}});
  };
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return rig.trainer->calls == 1; }));
  const auto transport = rig.driver->transport();  // keeps the fakes alive
  const auto started = std::chrono::steady_clock::now();
  rig.driver->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - started, 5s);
  EXPECT_TRUE(rig.transport->stopped);
  EXPECT_EQ(rig.transport->announced.back().first.activity, core::Activity::kLeaving);
  EXPECT_TRUE(rig.transport->announced.back().second);
}

TEST(DriverTest, CancelEndsTheEvaluationAtWorkAndTheOneBehindIt) {
  Rig rig(alone(0));
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return rig.driver->last_evaluation().has_value(); }));
  rig.trainer->hold = true;
  auto at_work = rig.driver->evaluate(0);
  ASSERT_TRUE(eventually([&] { return rig.trainer->evaluations == 2; }));
  auto waiting = rig.driver->evaluate(0);
  rig.driver->cancel();
  for (auto* result : {&at_work, &waiting}) {
    ASSERT_EQ(result->wait_for(10s), std::future_status::ready);
    const auto evaluated = result->get();
    ASSERT_FALSE(evaluated);
    EXPECT_EQ(evaluated.error().code, ErrorCode::kUnavailable);
  }
}

TEST(DriverTest, AnEvaluationAskedForAfterCancelIsRefused) {
  Rig rig(alone(0));
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return rig.driver->last_evaluation().has_value(); }));
  rig.driver->cancel();
  const auto evaluated = rig.driver->evaluate(0).get();
  ASSERT_FALSE(evaluated);
  EXPECT_EQ(evaluated.error().code, ErrorCode::kUnavailable);
}

TEST(DriverTest, ATakenPortIsReported) {
  Rig rig(alone(1));
  rig.transport->start_error = "address 127.0.0.1:1 is in use";
  const Status attached = rig.driver->attach(std::move(rig.machinery));
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().message, "address 127.0.0.1:1 is in use");
}

TEST(DriverTest, EvaluateWhileWarmingUpIsRefused) {
  Rig rig(alone(1));
  const auto evaluated = rig.driver->evaluate(0).get();
  ASSERT_FALSE(evaluated);
  EXPECT_EQ(evaluated.error().code, ErrorCode::kPreconditionFailed);
}

// Rounds without training may be a thousand times faster than an evaluation.
TEST(DriverTest, EvaluationsThatTheComputeThreadIsTooSlowForDoNotQueue) {
  core::NodeOptions options = alone(60);
  options.budget = WattHours(0);
  options.evaluate_every = 1;
  Rig rig(std::move(options));
  rig.trainer->hold = true;
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return rig.phase() == core::Phase::kFinished; }));
  rig.trainer->hold = false;
  ASSERT_TRUE(eventually([&] {
    const auto last = rig.driver->last_evaluation();
    return last && last->round == Round(60);
  }));
  EXPECT_LE(rig.trainer->evaluations, 2) << "the first, which was at work, and the last";
  EXPECT_EQ(rig.driver->last_evaluation()->evaluation.samples, 1000u) << "all, at the end";
}

TEST(DriverTest, ALowerQuorumEndsTheRoundInProgress) {
  core::NodeOptions options = with_peer(1);
  options.neighbours.push_back(NodeId(3));
  options.rules.mode = core::RoundMode::kBarrier;
  Rig rig(std::move(options));
  rig.transport->on_start = [&] {
    for (const NodeId peer : {kPeer, NodeId(3)}) {
      rig.transport->deliver(core::PeerConnected{peer, Incarnation(1), {Round(0)}});
    }
  };
  rig.transport->on_send = [&](const ModelUpdate& own) {
    ModelUpdate theirs{own.round, 2, copy_parameters(std::vector<float>(8, 5.0f))};
    rig.transport->deliver(core::UpdateReceived{kPeer, theirs});
  };
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] {
    return rig.driver->inspect([](const core::Node& node) {
      return node.phase() == core::Phase::kExchanging &&
             node.waiting()->neighbours == std::vector<NodeId>{NodeId(3)};
    });
  }));
  rig.driver->configure([](core::Node& node) { node.set_quorum(0.5); });
  EXPECT_TRUE(eventually([&] { return rig.phase() == core::Phase::kFinished; }));
}

TEST(DriverTest, ARefusedRequestDoesNotStepTheNode) {
  Rig rig(alone(100));
  const auto refused = rig.driver->request(
      core::PauseRequested{},
      [](const core::Node&) -> Status { return fail(ErrorCode::kPreconditionFailed, "no"); },
      [](const core::Node&) { return 0; });
  EXPECT_FALSE(refused);
  EXPECT_FALSE(rig.driver->inspect([](const core::Node& n) { return n.pause_requested(); }));
}

}  // namespace
}  // namespace skiptrain::runtime::testing
