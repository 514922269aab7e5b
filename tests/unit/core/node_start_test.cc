// Node: from loading the model to the first round, and the ends of a run.
#include <gmock/gmock.h>

#include "tests/unit/core/node_harness.h"

namespace skiptrain::core::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(NodeStartTest, DoesNothingBeforeItsModelIsLoaded) {
  NodeHarness h;
  EXPECT_EQ(h.node().phase(), Phase::kWarmingUp);
  EXPECT_TRUE(h.connect(2).empty());
  EXPECT_TRUE(h.connect(3).empty());
  EXPECT_TRUE(h.step(Tick{}).empty());
  EXPECT_EQ(h.node().next_deadline(), std::nullopt);
  EXPECT_EQ(h.node().committed_state().parameters, nullptr);
}

TEST(NodeStartTest, WaitsUntilEveryNeighbourHasConnected) {
  NodeHarness h;
  const Announce announced = only<Announce>(h.ready());
  EXPECT_EQ(announced.state, (NodeState{Round(0), Activity::kRunning}));
  EXPECT_EQ(h.node().phase(), Phase::kWaitingForPeers);
  EXPECT_FALSE(has<Train>(h.connect(2)));
  EXPECT_TRUE(has<Train>(h.connect(3)));
}

TEST(NodeStartTest, ANeighbourThatCameAndWentCounts) {
  NodeHarness h;
  h.ready();
  h.connect(2);
  h.disconnect(2);
  EXPECT_TRUE(has<Train>(h.connect(3)));
}

TEST(NodeStartTest, StartsWithoutTheMissingAfterTheTimeout) {
  NodeOptions options = default_options();
  options.start_timeout = seconds(5);
  NodeHarness h(options);
  h.ready();
  h.connect(2);
  EXPECT_EQ(h.node().next_deadline(), h.now() + seconds(5));
  h.sleep(seconds(5) - Duration(1));
  EXPECT_FALSE(has<Train>(h.step(Tick{})));
  h.sleep(Duration(1));
  EXPECT_TRUE(has<Train>(h.step(Tick{})));
}

TEST(NodeStartTest, StrangersDoNotCount) {
  NodeHarness h;
  h.ready();
  h.connect(2);
  EXPECT_TRUE(h.connect(77).empty());
  EXPECT_EQ(h.node().phase(), Phase::kWaitingForPeers);
  h.connect(3);
  EXPECT_TRUE(h.receive(77, 0).empty());
  EXPECT_EQ(h.node().updates_held(), 0u);
}

TEST(NodeStartTest, GoesOnFromACheckpoint) {
  NodeHarness h;
  h.ready(6, 4.0f);
  h.connect(2, 6);
  const Train train = only<Train>(h.connect(3, 6));
  EXPECT_EQ(train.round, Round(6));
  EXPECT_EQ(value_of(train.start), 4.0f);
}

TEST(NodeStartTest, KeepsUpdatesOfNeighboursThatStartedEarlier) {
  NodeHarness h(mixing_options());
  h.ready();
  h.connect(2);
  h.receive(2, 0, 5.0f);
  h.connect(3);
  const Mix mix = only<Mix>(h.receive(3, 0, 6.0f));
  EXPECT_EQ(mix.inputs.size(), 3u);
}

TEST(NodeStartTest, WithoutNeighboursRunsARoundATick) {
  NodeOptions options = default_options();
  options.neighbours = {};
  options.total_rounds = 3;
  NodeHarness h(options);
  EXPECT_TRUE(has<Train>(h.ready()));
  for (std::uint64_t round = 0; round < 3; ++round) {
    const Effects closed = h.trained(round, static_cast<float>(round));
    EXPECT_FALSE(has<Send>(closed));
    EXPECT_FALSE(has<Mix>(closed));
    const Commit commit = only<Commit>(closed);
    EXPECT_EQ(commit.state.round, Round(round + 1));
    EXPECT_EQ(value_of(commit.state.parameters), static_cast<float>(round));
    EXPECT_EQ(h.node().next_deadline(), h.now());
    h.tick();
  }
  EXPECT_EQ(h.node().phase(), Phase::kFinished);
}

TEST(NodeStartTest, ARunOfNoRoundsEndsAtOnce) {
  NodeOptions options = default_options();
  options.total_rounds = 0;
  NodeHarness h(options);
  const Effects effects = h.ready(0, 7.0f);  // there is nobody to wait for
  EXPECT_FALSE(has<Train>(effects));
  EXPECT_EQ(value_of(only<Evaluate>(effects).parameters), 7.0f);
  EXPECT_FALSE(only<RunEnded>(effects).stopped);
}

TEST(NodeEndTest, AnnouncesEvaluatesAndEndsAfterTheLastRound) {
  NodeOptions options = default_options();
  options.total_rounds = 2;
  NodeHarness h(options);
  h.start();
  EXPECT_FALSE(has<RunEnded>(h.play_round()));
  const Effects last = h.play_round();
  EXPECT_EQ(only<Commit>(last).state.round, Round(2));
  const auto announced = all_of<Announce>(last);
  EXPECT_EQ(announced.back().state, (NodeState{Round(2), Activity::kFinished}));
  EXPECT_TRUE(announced.back().to_neighbours);
  const Evaluate evaluate = only<Evaluate>(last);
  EXPECT_TRUE(evaluate.final);
  EXPECT_EQ(evaluate.after, Round(2));
  EXPECT_FALSE(only<RunEnded>(last).stopped);
  EXPECT_EQ(h.node().phase(), Phase::kFinished);
  EXPECT_EQ(h.node().next_deadline(), std::nullopt);
}

TEST(NodeEndTest, AFinishedNodeStillServesItsState) {
  NodeOptions options = default_options();
  options.total_rounds = 1;
  NodeHarness h(options);
  h.start();
  h.play_round();
  const SendState answer = only<SendState>(h.step(StateRequested{NodeId(3), 11}));
  EXPECT_EQ(answer.to, NodeId(3));
  EXPECT_EQ(answer.request, 11u);
  EXPECT_EQ(answer.state.round, Round(1));
}

TEST(NodeEndTest, AFinishedNodeTakesNoMoreRounds) {
  NodeOptions options = default_options();
  options.total_rounds = 1;
  NodeHarness h(options);
  h.start();
  h.play_round();
  EXPECT_TRUE(h.receive(2, 5).empty());
  EXPECT_TRUE(h.step(Tick{}).empty());
  EXPECT_TRUE(h.step(StopRequested{}).empty());
  EXPECT_EQ(h.node().round(), Round(1));
}

TEST(NodeEndTest, EvaluatesEveryFewRoundsAndOnceAtTheEnd) {
  NodeOptions options = default_options();
  options.total_rounds = 4;
  options.evaluate_every = 2;
  NodeHarness h(options);
  h.start();
  EXPECT_FALSE(has<Evaluate>(h.play_round()));
  const Evaluate middle = only<Evaluate>(h.play_round());
  EXPECT_FALSE(middle.final);
  EXPECT_EQ(middle.after, Round(2));
  EXPECT_FALSE(has<Evaluate>(h.play_round()));
  EXPECT_TRUE(only<Evaluate>(h.play_round()).final);
}

TEST(NodeEndTest, ANodeThatLeavesSaysSo) {
  NodeHarness h;
  h.start();
  const Announce announced = only<Announce>(h.step(LeaveRequested{}));
  EXPECT_EQ(announced.state.activity, Activity::kLeaving);
  EXPECT_TRUE(announced.to_neighbours);
}

TEST(NodeFailureTest, AFailedNodeTellsWhyAndTakesPartNoLonger) {
  NodeHarness h;
  h.start();
  const Effects failed = h.step(NodeFailed{"disk full"});
  EXPECT_EQ(only<Announce>(failed).state.activity, Activity::kFinished);
  EXPECT_EQ(h.node().phase(), Phase::kFailed);
  EXPECT_EQ(h.node().failure(), "disk full");
  EXPECT_TRUE(h.trained(0).empty());
  EXPECT_EQ(h.node().next_deadline(), std::nullopt);
}

// The neighbour that asks would wait for an answer that never comes.
TEST(NodeFailureTest, AFailedNodeRefusesItsState) {
  NodeHarness h;
  h.start();
  h.step(NodeFailed{"disk full"});
  EXPECT_EQ(only<RefuseState>(h.step(StateRequested{NodeId(2), 4})).request, 4u);
}

TEST(NodeFailureTest, ANodeWithoutAModelRefusesItsState) {
  NodeHarness h;
  h.connect(2);
  EXPECT_EQ(only<RefuseState>(h.step(StateRequested{NodeId(2), 4})).request, 4u);
}

TEST(NodeFailureTest, AStrangerIsRefusedTheState) {
  NodeHarness h;
  h.start();
  EXPECT_EQ(only<RefuseState>(h.step(StateRequested{NodeId(99), 4})).request, 4u);
}

TEST(NodePhaseTest, EveryPhaseAndActivityHasAName) {
  for (int phase = 0; phase <= static_cast<int>(Phase::kFailed); ++phase) {
    EXPECT_STRNE(to_string(static_cast<Phase>(phase)), "unknown");
  }
  EXPECT_STREQ(to_string(Activity::kPaused), "paused");
  EXPECT_STREQ(to_string(Phase::kWaitingForPeers), "waiting-for-peers");
}

}  // namespace
}  // namespace skiptrain::core::testing
