// Node: one round, from training to the committed model, and whom it waits for.
#include <cmath>

#include <gmock/gmock.h>

#include "tests/unit/core/node_harness.h"

namespace skiptrain::core::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(NodeRoundTest, TrainsSendsMixesAndCommits) {
  NodeHarness h;
  const Effects begun = h.start(1.0f);
  EXPECT_EQ(only<Train>(begun).round, Round(0));
  EXPECT_EQ(value_of(only<Train>(begun).start), 1.0f);

  const Send send = only<Send>(h.trained(0, 2.0f));
  EXPECT_THAT(send.to, ElementsAre(NodeId(2), NodeId(3)));
  EXPECT_EQ(send.update.round, Round(0));
  EXPECT_EQ(send.update.degree, 2u);
  EXPECT_EQ(value_of(send.update.parameters), 2.0f);

  EXPECT_FALSE(has<Mix>(h.receive(3, 0, 30.0f)));
  const Mix mix = only<Mix>(h.receive(2, 0, 20.0f));
  ASSERT_EQ(mix.inputs.size(), 3u);
  EXPECT_EQ(mix.self, NodeId(1));
  EXPECT_EQ(value_of(mix.inputs[0].parameters), 2.0f);
  EXPECT_EQ(value_of(mix.inputs[1].parameters), 20.0f);
  EXPECT_EQ(value_of(mix.inputs[2].parameters), 30.0f);

  const Effects done = h.mixed(0, 9.0f);
  EXPECT_EQ(only<Commit>(done).state.round, Round(1));
  EXPECT_EQ(value_of(only<Commit>(done).state.parameters), 9.0f);
  EXPECT_EQ(only<Train>(done).round, Round(1));
  EXPECT_EQ(value_of(only<Train>(done).start), 9.0f);
}

TEST(NodeRoundTest, ChargesTheBudgetBeforeItTrains) {
  NodeHarness h;
  const Effects begun = h.start();
  EXPECT_EQ(only<RecordEnergyIntent>(begun).round, Round(0));
  EXPECT_EQ(only<RecordEnergyIntent>(begun).cost, WattHours(1));
  EXPECT_LT(position_of<RecordEnergyIntent>(begun), position_of<Train>(begun));
  EXPECT_EQ(h.node().energy().spent(), WattHours(1));
}

TEST(NodeRoundTest, CommitsBeforeItBeginsTheNextRound) {
  NodeHarness h;
  h.start();
  const Effects done = h.play_round();
  EXPECT_LT(position_of<Commit>(done), position_of<RecordEnergyIntent>(done));
}

TEST(NodeRoundTest, TheRecordTellsHowTheRoundWent) {
  NodeHarness h;
  h.start();
  h.sleep(milliseconds(20));
  h.trained(0);
  h.sleep(milliseconds(30));
  h.receive(2, 0);
  h.receive(3, 0);
  h.sleep(milliseconds(1));
  const RoundRecord record = only<Commit>(h.mixed(0)).record;
  EXPECT_EQ(record.round, Round(0));
  EXPECT_TRUE(record.train_slot);
  EXPECT_TRUE(record.trained);
  EXPECT_EQ(record.loss, 0.5);
  EXPECT_EQ(record.energy, WattHours(1));
  EXPECT_EQ(record.train_time, milliseconds(20));
  EXPECT_EQ(record.wait_time, milliseconds(30));
  EXPECT_EQ(record.mix_time, milliseconds(1));
  EXPECT_EQ(record.round_time, milliseconds(51));
  EXPECT_EQ(record.neighbours_mixed, 2u);
  EXPECT_EQ(record.consensus_distance, 0.25);
  EXPECT_THAT(record.missing, IsEmpty());
  EXPECT_FALSE(record.deadline_hit);
  EXPECT_FALSE(record.caught_up);
}

TEST(NodeRoundTest, InASyncRoundItSendsWhatItHas) {
  NodeOptions options = default_options();
  options.schedule = {Policy::kSkipTrain, 1, 1};
  NodeHarness h(options);
  h.start();
  const Effects begun = h.play_round();
  EXPECT_FALSE(has<Train>(begun));
  EXPECT_FALSE(has<RecordEnergyIntent>(begun));
  EXPECT_EQ(only<Send>(begun).update.round, Round(1));
  EXPECT_EQ(value_of(only<Send>(begun).update.parameters), 3.0f);
  const Effects next = h.play_round();
  EXPECT_TRUE(std::isnan(only<Commit>(next).record.loss));
  EXPECT_FALSE(only<Commit>(next).record.train_slot);
  EXPECT_TRUE(has<Train>(next));
  EXPECT_EQ(h.node().train_rounds(), 1u);
}

TEST(NodeRoundTest, WithoutEnergyItOnlySyncs) {
  NodeOptions options = default_options();
  options.budget = WattHours(2);
  NodeHarness h(options);
  EXPECT_TRUE(has<Train>(h.start()));
  EXPECT_TRUE(has<Train>(h.play_round()));
  EXPECT_FALSE(has<Train>(h.play_round()));
  EXPECT_TRUE(only<Commit>(h.play_round()).record.train_slot);
  EXPECT_EQ(h.node().energy().spent(), WattHours(2));
}

TEST(NodeRoundTest, AMetersReadingReplacesTheEstimate) {
  NodeHarness h;
  h.start();
  h.trained(0, 2.0f, WattHours(0.25));
  EXPECT_EQ(h.node().energy().spent(), WattHours(0.25));
  EXPECT_EQ(only<Commit>(h.play_round()).record.energy, WattHours(0.25));
}

TEST(NodeRoundTest, IfTrainingFailsItSendsTheParametersFromBefore) {
  NodeHarness h;
  h.start(1.0f);
  const Effects failed = h.step(TrainingFailed{Round(0), "loss is NaN"});
  EXPECT_THAT(only<Warn>(failed).message, HasSubstr("loss is NaN"));
  EXPECT_EQ(value_of(only<Send>(failed).update.parameters), 1.0f);
  h.receive(2, 0);
  h.receive(3, 0);
  const RoundRecord record = only<Commit>(h.mixed(0)).record;
  EXPECT_FALSE(record.trained);
  // The energy is gone all the same.
  EXPECT_EQ(record.energy, WattHours(1));
  EXPECT_EQ(h.node().train_rounds(), 0u);
}

TEST(NodeRoundTest, IgnoresResultsOfAnotherRound) {
  NodeHarness h;
  h.start();
  EXPECT_TRUE(h.trained(7).empty());
  EXPECT_TRUE(h.mixed(0).empty());
  EXPECT_EQ(h.node().phase(), Phase::kTraining);
}

TEST(NodeExchangeTest, SendsOnlyToTheConnected) {
  NodeHarness h;
  h.start();
  h.disconnect(2);
  EXPECT_THAT(only<Send>(h.trained(0)).to, ElementsAre(NodeId(3)));
}

TEST(NodeExchangeTest, SendsAgainToANeighbourThatReconnects) {
  NodeHarness h;
  h.start();
  h.trained(0, 2.0f);
  h.disconnect(2);
  const Send again = only<Send>(h.connect(2, 0));
  EXPECT_THAT(again.to, ElementsAre(NodeId(2)));
  EXPECT_EQ(again.update.round, Round(0));
  EXPECT_EQ(value_of(again.update.parameters), 2.0f);
}

TEST(NodeExchangeTest, DoesNotSendToANeighbourThatIsPastTheRound) {
  NodeHarness h;
  h.start();
  h.trained(0);
  h.disconnect(2);
  EXPECT_FALSE(has<Send>(h.connect(2, 1)));
}

TEST(NodeExchangeTest, HasNothingToSendAgainWhileItTrains) {
  NodeHarness h;
  h.start();
  h.disconnect(2);
  EXPECT_FALSE(has<Send>(h.connect(2, 0)));
}

TEST(NodeExchangeTest, CountsLateDuplicateEarlyAndAheadUpdates) {
  NodeHarness h(mixing_options());
  h.start();
  h.receive(2, 0);
  h.receive(2, 0);
  h.receive(2, 1);
  h.receive(3, 0);
  h.mixed(0);
  h.receive(3, 0);
  h.receive(3, 4);
  const UpdateCounters& counters = h.node().update_counters();
  EXPECT_EQ(counters.accepted, 2u);
  EXPECT_EQ(counters.duplicate, 1u);
  EXPECT_EQ(counters.early, 1u);
  EXPECT_EQ(counters.late, 1u);
  EXPECT_EQ(counters.ahead, 1u);
  EXPECT_EQ(h.node().neighbours().find(NodeId(3))->late, 1u);
}

TEST(NodeExchangeTest, UsesAnEarlyUpdateInItsOwnRound) {
  NodeHarness h(mixing_options());
  h.start();
  h.receive(2, 0, 20.0f);
  h.receive(2, 1, 21.0f);
  const Mix first = only<Mix>(h.receive(3, 0, 30.0f));
  EXPECT_EQ(value_of(first.inputs[1].parameters), 20.0f);
  h.mixed(0);
  const Mix second = only<Mix>(h.receive(3, 1, 31.0f));
  EXPECT_EQ(value_of(second.inputs[1].parameters), 21.0f);
}

TEST(NodeExchangeTest, TheDeadlineClosesTheRoundAndListsTheMissing) {
  NodeHarness h(mixing_options());
  h.start();
  h.receive(2, 0);
  ASSERT_TRUE(h.node().waiting());
  EXPECT_THAT(h.node().waiting()->neighbours, ElementsAre(NodeId(3)));
  EXPECT_EQ(h.node().waiting()->until, h.now() + seconds(10));
  EXPECT_EQ(h.node().next_deadline(), h.now() + seconds(10));
  const Mix mix = only<Mix>(h.tick());
  ASSERT_EQ(mix.inputs.size(), 2u);
  EXPECT_DOUBLE_EQ(mix.inputs[0].weight, 2.0 / 3.0);
  EXPECT_EQ(h.node().waiting(), std::nullopt);
  const RoundRecord record = only<Commit>(h.mixed(0)).record;
  EXPECT_THAT(record.missing, ElementsAre(NodeId(3)));
  EXPECT_TRUE(record.deadline_hit);
  EXPECT_EQ(record.wait_time, seconds(10));
  EXPECT_EQ(h.node().updates_missed(), 1u);
}

TEST(NodeExchangeTest, ANeighbourThatDiesMidRoundIsWaitedForNoLonger) {
  NodeHarness h(mixing_options());
  h.start();
  h.receive(2, 0);
  const Effects died = h.disconnect(3);
  EXPECT_EQ(only<Mix>(died).inputs.size(), 2u);
  EXPECT_THAT(only<Commit>(h.mixed(0)).record.missing, IsEmpty());
}

TEST(NodeExchangeTest, APausedNeighbourIsNotWaitedFor) {
  NodeHarness h(mixing_options());
  h.start();
  h.receive(2, 0);
  EXPECT_TRUE(has<Mix>(h.peer_state(3, 0, Activity::kPaused)));
}

TEST(NodeExchangeTest, ANeighbourThatResumesIsWaitedForAgain) {
  NodeHarness h(mixing_options());
  h.start();
  h.peer_state(3, 0, Activity::kPaused);
  h.peer_state(3, 0, Activity::kRunning);
  EXPECT_FALSE(has<Mix>(h.receive(2, 0)));
  EXPECT_TRUE(has<Mix>(h.receive(3, 0)));
}

TEST(NodeExchangeTest, ALoneNodeIsPaced) {
  NodeHarness h(mixing_options());
  h.start();
  h.disconnect(2);
  EXPECT_FALSE(has<Commit>(h.disconnect(3)));
  const Instant begun = h.now();
  for (std::uint64_t round = 0; round < 3; ++round) {
    const Commit commit = only<Commit>(h.tick());
    EXPECT_FALSE(commit.record.deadline_hit) << "it waited for nobody";
    EXPECT_EQ(h.now(), begun + RoundController::kAloneHold * (round + 1));
    h.tick();
  }
  EXPECT_EQ(h.node().round(), Round(3));
}

TEST(NodeExchangeTest, ALoneNodeWaitsNoLongerThanItsDeadline) {
  NodeHarness h(mixing_options());
  h.node().set_fixed_deadline(seconds(1));
  h.start();
  h.disconnect(2);
  h.disconnect(3);
  EXPECT_EQ(h.node().waiting()->until, h.now() + seconds(1));
}

// A run of T rounds has the updates 0 to T - 1 and the states 0 to T; anything else is a lie, and
// must neither move the clock nor be held.
TEST(NodeExchangeTest, RefusesRoundsThatTheRunDoesNotHave) {
  NodeOptions options = mixing_options();
  options.total_rounds = 5;
  NodeHarness h(options);
  h.start();
  h.receive(2, 5);
  h.receive(2, ~std::uint64_t{0});
  EXPECT_EQ(h.node().updates_rejected(), 2u);
  EXPECT_EQ(h.node().updates_held(), 0u);
  h.peer_state(3, ~std::uint64_t{0}, Activity::kRunning);
  EXPECT_EQ(h.node().neighbours().find(NodeId(3))->round, Round(5));
}

TEST(NodeExchangeTest, ALoneNodesWaitEndsWhenANeighbourReturns) {
  NodeHarness h(mixing_options());
  h.start();
  h.disconnect(2);
  h.disconnect(3);
  EXPECT_TRUE(has<Send>(h.connect(2, 0)));
  EXPECT_TRUE(has<Mix>(h.receive(2, 0)));
}

TEST(NodeExchangeTest, TheDeadlineCanBeChangedWhileRunning) {
  NodeHarness h(mixing_options());
  h.node().set_fixed_deadline(seconds(3));
  h.start();
  EXPECT_EQ(h.node().waiting()->until, h.now() + seconds(3));
}

TEST(NodeDeathTest, TimeNeverGoesBack) {
  Node node(default_options());
  node.step(Tick{}, Instant(seconds(5)));
  EXPECT_DEATH(node.step(Tick{}, Instant(seconds(4))), "never goes back");
}

}  // namespace
}  // namespace skiptrain::core::testing
