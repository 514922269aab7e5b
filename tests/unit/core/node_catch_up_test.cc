// Node: falling behind, fetching a neighbour's state, and serving one.
#include <gmock/gmock.h>

#include "tests/unit/core/node_harness.h"

namespace skiptrain::core::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(NodeCatchUpTest, OneRoundBehindIsNotBehind) {
  NodeHarness h(mixing_options());
  h.start();
  EXPECT_FALSE(has<FetchState>(h.receive(2, 0)));
  EXPECT_FALSE(has<FetchState>(h.peer_state(2, 1, Activity::kRunning)));
}

// A neighbour that heard from all of its own may finish our round before we do.
TEST(NodeCatchUpTest, AnEarlyUpdateIsNoSignOfBeingBehind) {
  NodeHarness h(mixing_options());
  h.start();
  h.receive(2, 0);
  EXPECT_FALSE(has<FetchState>(h.receive(2, 1)));
  EXPECT_EQ(h.node().phase(), Phase::kExchanging);
  EXPECT_TRUE(has<FetchState>(h.receive(2, 2)));
}

TEST(NodeCatchUpTest, TwoRoundsBehindFetchesTheNeighboursState) {
  NodeHarness h(mixing_options());
  h.start();
  const FetchState fetch = only<FetchState>(h.peer_state(2, 2, Activity::kRunning));
  EXPECT_EQ(fetch.from, NodeId(2));
  EXPECT_EQ(fetch.at_least, Round(1));
  EXPECT_EQ(h.node().phase(), Phase::kCatchingUp);
}

TEST(NodeCatchUpTest, AnUpdateFromTheFutureShowsThatItIsBehind) {
  NodeHarness h(mixing_options());
  h.start();
  EXPECT_EQ(only<FetchState>(h.receive(3, 5)).from, NodeId(3));
}

TEST(NodeCatchUpTest, ANeighbourFarAheadIsKnownFromItsHello) {
  NodeHarness h(mixing_options());
  h.ready();
  EXPECT_EQ(only<FetchState>(h.connect(2, 7)).from, NodeId(2));
  // No round begins meanwhile, though all have connected.
  EXPECT_FALSE(has<Send>(h.connect(3, 7)));
}

TEST(NodeCatchUpTest, FetchesFromTheFurthestAndOnlyOnce) {
  NodeHarness h(mixing_options());
  h.start();
  EXPECT_TRUE(has<FetchState>(h.peer_state(2, 4, Activity::kRunning)));
  EXPECT_FALSE(has<FetchState>(h.peer_state(3, 6, Activity::kRunning)));
  EXPECT_FALSE(has<FetchState>(h.receive(3, 6)));
}

TEST(NodeCatchUpTest, WithNothingOfItsOwnTakesTheStateWholeAndJumps) {
  NodeHarness h(mixing_options());
  h.start(1.0f);
  h.peer_state(2, 5, Activity::kRunning);
  const Effects jumped = h.state_fetched(2, 5, 8.0f);
  EXPECT_FALSE(has<Mix>(jumped));
  const Commit commit = only<Commit>(jumped);
  EXPECT_EQ(commit.state.round, Round(5));
  EXPECT_EQ(value_of(commit.state.parameters), 8.0f);
  EXPECT_TRUE(commit.record.caught_up);
  EXPECT_EQ(commit.record.round, Round(4));
  EXPECT_EQ(only<Send>(jumped).update.round, Round(5));
}

TEST(NodeCatchUpTest, MixesHalfAndHalfIfItHasTrained) {
  NodeHarness h;
  h.start(1.0f);
  h.trained(0, 2.0f);
  h.peer_state(3, 5, Activity::kRunning);
  const Mix mix = only<Mix>(h.state_fetched(3, 5, 8.0f));
  ASSERT_EQ(mix.inputs.size(), 2u);
  EXPECT_EQ(mix.inputs[0].from, NodeId(1));
  EXPECT_EQ(value_of(mix.inputs[0].parameters), 2.0f);
  EXPECT_EQ(mix.inputs[1].from, NodeId(3));
  EXPECT_EQ(value_of(mix.inputs[1].parameters), 8.0f);
  EXPECT_DOUBLE_EQ(mix.inputs[0].weight, 0.5);
  EXPECT_DOUBLE_EQ(mix.inputs[1].weight, 0.5);
  const Effects done = h.mixed(0, 5.0f);
  EXPECT_EQ(only<Commit>(done).state.round, Round(5));
  EXPECT_TRUE(only<Commit>(done).record.caught_up);
  EXPECT_TRUE(only<Commit>(done).record.trained);
  EXPECT_EQ(only<Train>(done).round, Round(5));
}

TEST(NodeCatchUpTest, ACheckpointIsProgressOfItsOwn) {
  NodeHarness h(mixing_options());
  h.ready(2, 1.0f);
  h.connect(2, 8);
  EXPECT_TRUE(has<Mix>(h.state_fetched(2, 8)));
}

TEST(NodeCatchUpTest, AStateThatComesDuringTrainingIsAppliedAfterIt) {
  NodeHarness h;
  h.start(1.0f);
  h.peer_state(2, 5, Activity::kRunning);
  EXPECT_TRUE(h.state_fetched(2, 5, 8.0f).empty());
  EXPECT_EQ(h.node().phase(), Phase::kTraining);
  const Effects trained = h.trained(0, 2.0f);
  EXPECT_EQ(value_of(only<Mix>(trained).inputs[0].parameters), 2.0f);
  EXPECT_EQ(only<Commit>(h.mixed(0)).state.round, Round(5));
}

TEST(NodeCatchUpTest, AStateThatComesDuringAMixIsAppliedAfterIt) {
  NodeHarness h(mixing_options());
  h.start();
  h.receive(2, 0);
  h.receive(3, 0);
  ASSERT_EQ(h.node().phase(), Phase::kMixing);
  EXPECT_TRUE(has<FetchState>(h.peer_state(2, 5, Activity::kRunning)));
  EXPECT_TRUE(h.state_fetched(2, 5, 8.0f).empty());
  const auto commits = all_of<Commit>(h.mixed(0));
  ASSERT_EQ(commits.size(), 2u);
  EXPECT_EQ(commits[0].state.round, Round(1));
  EXPECT_FALSE(commits[0].record.caught_up);
  EXPECT_EQ(commits[1].state.round, Round(5));
  EXPECT_TRUE(commits[1].record.caught_up);
}

TEST(NodeCatchUpTest, AnOldStateChangesNothing) {
  NodeHarness h(mixing_options());
  h.start();
  h.peer_state(2, 5, Activity::kRunning);
  EXPECT_FALSE(has<Commit>(h.state_fetched(2, 0)));
  EXPECT_EQ(h.node().round(), Round(0));
}

TEST(NodeCatchUpTest, AnAnswerNobodyAskedForIsIgnored) {
  NodeHarness h(mixing_options());
  h.start();
  EXPECT_TRUE(h.state_fetched(2, 5).empty());
  h.peer_state(2, 5, Activity::kRunning);
  EXPECT_TRUE(h.state_fetched(3, 5).empty());
  EXPECT_EQ(h.node().round(), Round(0));
}

TEST(NodeCatchUpTest, AfterAFailureItTriesAgainLater) {
  NodeHarness h(mixing_options());
  h.start();
  h.peer_state(2, 5, Activity::kRunning);
  const Effects failed = h.step(StateFetchFailed{NodeId(2), "connection reset"});
  EXPECT_THAT(only<Warn>(failed).message, HasSubstr("node 2: connection reset"));
  EXPECT_FALSE(has<FetchState>(failed));
  EXPECT_EQ(h.node().next_deadline(), h.now() + Node::kFetchRetry);
  h.sleep(Node::kFetchRetry - milliseconds(1));
  EXPECT_FALSE(has<FetchState>(h.step(Tick{})));
  h.sleep(milliseconds(1));
  EXPECT_TRUE(has<FetchState>(h.step(Tick{})));
}

TEST(NodeCatchUpTest, WhileFetchingFailsTheRoundsGoOn) {
  NodeHarness h(mixing_options());
  h.start();
  h.receive(3, 0);
  h.peer_state(2, 5, Activity::kRunning);
  // Closing waits for the fetch, since its state is worth more than this round's mix.
  const Effects failed = h.step(StateFetchFailed{NodeId(2), "refused"});
  EXPECT_TRUE(has<Mix>(failed));
  EXPECT_EQ(only<Commit>(h.mixed(0)).state.round, Round(1));
}

TEST(NodeCatchUpTest, TheDeadlineClosesTheRoundEvenWhileItFetches) {
  NodeHarness h(mixing_options());
  h.start();
  h.receive(3, 0);
  h.peer_state(2, 5, Activity::kRunning);
  EXPECT_EQ(h.node().next_deadline(), h.now() + seconds(10));
  EXPECT_TRUE(has<Mix>(h.tick()));
}

TEST(NodeCatchUpTest, FetchesFromAnotherIfTheFirstIsGone) {
  NodeHarness h(mixing_options());
  h.start();
  h.peer_state(2, 9, Activity::kRunning);
  h.peer_state(3, 5, Activity::kRunning);
  h.disconnect(2);
  h.step(StateFetchFailed{NodeId(2), "gone"});
  h.sleep(Node::kFetchRetry);
  EXPECT_EQ(only<FetchState>(h.step(Tick{})).from, NodeId(3));
}

// The update that shows that we are behind is of the very round that its sender's state is of.
TEST(NodeCatchUpTest, KeepsTheUpdatesForTheRoundItJumpsTo) {
  NodeHarness h(mixing_options());
  h.start();
  EXPECT_TRUE(has<FetchState>(h.receive(2, 5, 25.0f)));
  h.receive(3, 5, 35.0f);
  const Mix mix = only<Mix>(h.state_fetched(2, 5, 8.0f));
  EXPECT_EQ(mix.round, Round(5));
  ASSERT_EQ(mix.inputs.size(), 3u);
  EXPECT_EQ(value_of(mix.inputs[0].parameters), 8.0f);
  EXPECT_EQ(value_of(mix.inputs[1].parameters), 25.0f);
  EXPECT_EQ(value_of(mix.inputs[2].parameters), 35.0f);
}

TEST(NodeCatchUpTest, KeepsUpdatesThatComeWhileTheFetchedStateWaitsForTraining) {
  NodeHarness h;
  h.start();
  h.peer_state(2, 5, Activity::kRunning);
  h.state_fetched(2, 5, 8.0f);
  h.receive(3, 5, 35.0f);
  h.trained(0, 2.0f);
  h.receive(2, 5, 25.0f);
  h.mixed(0);
  ASSERT_EQ(h.node().round(), Round(5));
  EXPECT_EQ(only<Mix>(h.trained(5)).inputs.size(), 3u);
}

TEST(NodeCatchUpTest, HoldsAtMostTwoUpdatesPerNeighbourMeanwhile) {
  NodeHarness h(mixing_options());
  h.start();
  h.peer_state(2, 5, Activity::kRunning);
  for (std::uint64_t round = 0; round < 30; ++round) {
    h.receive(2, round);
    h.receive(3, round);
    EXPECT_LE(h.node().updates_held(), 4u);
  }
}

TEST(NodeCatchUpTest, JumpingPastTheLastRoundEndsTheRun) {
  NodeHarness h(mixing_options());
  h.start();
  h.peer_state(2, 10, Activity::kFinished);
  const Effects jumped = h.state_fetched(2, 10, 8.0f);
  EXPECT_TRUE(has<RunEnded>(jumped));
  EXPECT_EQ(h.node().phase(), Phase::kFinished);
}

TEST(NodeServeStateTest, ServesTheCommittedModelAndItsSchedule) {
  NodeHarness h;
  h.start(1.0f);
  h.play_round();
  h.trained(1, 7.0f);
  const SendState answer = only<SendState>(h.step(StateRequested{NodeId(2), 42}));
  EXPECT_EQ(answer.to, NodeId(2));
  EXPECT_EQ(answer.request, 42u);
  EXPECT_EQ(answer.state.round, Round(1));
  EXPECT_EQ(value_of(answer.state.parameters), 3.0f) << "x(1), not the update x(1+1/2)";
}

// Else rounds of a few milliseconds would run away from the joiner for ever.
TEST(NodeServeStateTest, WaitsForTheJoinerItServed) {
  NodeHarness h(mixing_options());
  h.start();
  for (int round = 0; round < 5; ++round) h.play_round();
  h.disconnect(3);
  h.connect(3, 0);
  h.step(StateRequested{NodeId(3), 1});
  EXPECT_FALSE(has<Mix>(h.receive(2, 5)));
  EXPECT_THAT(h.node().waiting()->neighbours, ElementsAre(NodeId(3)));
  EXPECT_TRUE(has<Mix>(h.receive(3, 5)));
}

TEST(NodeServeStateTest, DoesNotWaitForANeighbourFarBehindThatDidNotAsk) {
  NodeHarness h(mixing_options());
  h.start();
  for (int round = 0; round < 5; ++round) h.play_round();
  h.disconnect(3);
  h.connect(3, 0);
  EXPECT_TRUE(has<Mix>(h.receive(2, 5)));
}

}  // namespace
}  // namespace skiptrain::core::testing
