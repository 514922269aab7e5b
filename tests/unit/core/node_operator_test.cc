// Node: what an operator may ask of it, and when that takes effect.
#include <gmock/gmock.h>

#include "tests/unit/core/node_harness.h"

namespace skiptrain::core::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

DirectiveIssued schedule_at(std::uint64_t round, Schedule schedule = {Policy::kSkipTrain, 1, 1}) {
  return {schedule, Round(round)};
}

// Is there a schedule that takes effect in a coming round?
bool pending(NodeHarness& h) {
  return h.node().directives().next_after(Schedule{}, h.node().round()) != nullptr;
}

TEST(NodePauseTest, PausesAtTheEndOfTheRound) {
  NodeHarness h;
  h.start();
  EXPECT_TRUE(h.step(PauseRequested{}).empty());
  EXPECT_TRUE(h.node().pause_requested());
  EXPECT_EQ(h.node().phase(), Phase::kTraining);
  const Effects done = h.play_round();
  EXPECT_TRUE(has<Commit>(done));
  EXPECT_FALSE(has<Train>(done));
  const Announce announced = all_of<Announce>(done).back();
  EXPECT_EQ(announced.state, (NodeState{Round(1), Activity::kPaused}));
  EXPECT_TRUE(announced.to_neighbours);
  EXPECT_EQ(h.node().phase(), Phase::kPaused);
  EXPECT_EQ(h.node().next_deadline(), std::nullopt);
}

TEST(NodePauseTest, ResumesWithTheRoundItStoppedAt) {
  NodeHarness h;
  h.start();
  h.step(PauseRequested{});
  h.play_round();
  const Effects resumed = h.step(ResumeRequested{});
  EXPECT_EQ(only<Announce>(resumed).state, (NodeState{Round(1), Activity::kRunning}));
  EXPECT_TRUE(only<Announce>(resumed).to_neighbours);
  EXPECT_EQ(only<Train>(resumed).round, Round(1));
}

TEST(NodePauseTest, APauseThatIsTakenBackInTimeDoesNothing) {
  NodeHarness h;
  h.start();
  h.step(PauseRequested{});
  EXPECT_TRUE(h.step(ResumeRequested{}).empty());
  EXPECT_TRUE(has<Train>(h.play_round()));
}

TEST(NodePauseTest, ANodeThatWaitsForItsNeighboursPausesAtOnce) {
  NodeHarness h;
  h.ready();
  EXPECT_EQ(only<Announce>(h.step(PauseRequested{})).state.activity, Activity::kPaused);
  h.connect(2);
  EXPECT_TRUE(h.connect(3).empty());
}

TEST(NodePauseTest, ResumingBehindTheOthersFetchesTheirState) {
  NodeHarness h;
  h.start();
  h.step(PauseRequested{});
  h.play_round();
  EXPECT_FALSE(has<FetchState>(h.receive(2, 6)));
  const Effects resumed = h.step(ResumeRequested{});
  EXPECT_EQ(only<FetchState>(resumed).from, NodeId(2));
  EXPECT_FALSE(has<Train>(resumed));
  EXPECT_TRUE(has<Mix>(h.state_fetched(2, 6)));
  EXPECT_EQ(only<Train>(h.mixed(1)).round, Round(6));
}

TEST(NodeStopTest, StopsAtTheEndOfTheRound) {
  NodeHarness h;
  h.start();
  EXPECT_TRUE(h.step(StopRequested{}).empty());
  EXPECT_TRUE(h.node().stop_requested());
  const Effects done = h.play_round();
  EXPECT_TRUE(has<Commit>(done));
  EXPECT_TRUE(only<RunEnded>(done).stopped);
  EXPECT_TRUE(only<Evaluate>(done).final);
  EXPECT_EQ(all_of<Announce>(done).back().state.activity, Activity::kFinished);
  EXPECT_EQ(h.node().phase(), Phase::kStopped);
}

TEST(NodeStopTest, StopsAtOnceWhilePausedOrWaiting) {
  NodeHarness paused;
  paused.start();
  paused.step(PauseRequested{});
  paused.play_round();
  EXPECT_TRUE(only<RunEnded>(paused.step(StopRequested{})).stopped);
  NodeHarness waiting;
  waiting.ready();
  EXPECT_TRUE(only<RunEnded>(waiting.step(StopRequested{})).stopped);
}

TEST(NodeStopTest, AStopAfterTheLastRoundIsAnOrdinaryEnd) {
  NodeOptions options = default_options();
  options.total_rounds = 1;
  NodeHarness h(options);
  h.start();
  h.step(StopRequested{});
  EXPECT_FALSE(only<RunEnded>(h.play_round()).stopped);
}

TEST(NodeScheduleTest, ANewScheduleAppliesFromItsRoundOn) {
  NodeHarness h;
  h.start();
  ASSERT_TRUE(h.node().check_directive(schedule_at(3)));
  h.step(schedule_at(3));
  EXPECT_TRUE(pending(h));
  EXPECT_TRUE(has<Train>(h.play_round()));   // begins round 1
  EXPECT_TRUE(has<Train>(h.play_round()));   // 2
  EXPECT_FALSE(has<Train>(h.play_round()));  // 3, a sync round of 1/1
  EXPECT_EQ(h.node().schedule().policy, Policy::kSkipTrain);
  EXPECT_FALSE(pending(h));
  EXPECT_TRUE(has<Train>(h.play_round()));
}

TEST(NodeScheduleTest, AJumpOverItsRoundAppliesItToo) {
  NodeHarness h(mixing_options());
  h.start();
  h.step(schedule_at(3));
  h.peer_state(2, 7, Activity::kRunning);
  h.state_fetched(2, 7);
  EXPECT_EQ(h.node().schedule().policy, Policy::kSkipTrain);
}

TEST(NodeScheduleTest, ANewRequestForAnEarlierRoundReplacesTheOneBefore) {
  NodeHarness h;
  h.start();
  h.step(schedule_at(5));
  h.step(schedule_at(3));
  EXPECT_EQ(h.node().directives().all().size(), 1u);
  EXPECT_EQ(h.node().directives().all().front().effective, Round(3));
}

TEST(NodeScheduleTest, ANewRequestForALaterRoundFollowsTheOneBefore) {
  NodeHarness h(mixing_options());
  h.start();
  h.step(schedule_at(1, {Policy::kSkipTrain, 1, 1}));
  h.step(schedule_at(3, {Policy::kSkipTrain, 1, 7}));
  h.play_round();
  EXPECT_EQ(h.node().schedule().gamma_sync, 1u);
  h.play_round();
  h.play_round();
  EXPECT_EQ(h.node().schedule().gamma_sync, 7u);
}

TEST(NodeScheduleTest, TheRoundInProgressCannotChangeAnyMore) {
  NodeHarness h;
  h.start();
  h.play_round();
  EXPECT_EQ(h.node().earliest_directive_round(), Round(2));
  const auto refused = h.node().check_directive(schedule_at(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPreconditionFailed);
  EXPECT_THAT(refused.error().message, HasSubstr("first round that can change is 2"));
  h.step(schedule_at(1));
  EXPECT_FALSE(pending(h));
  EXPECT_TRUE(h.node().check_directive(schedule_at(2)));
}

TEST(NodeScheduleTest, BeforeTheFirstRoundItMayStillChange) {
  NodeHarness h;
  h.ready();
  EXPECT_EQ(h.node().earliest_directive_round(), Round(0));
  h.step(schedule_at(0, {Policy::kSkipTrain, 1, 5}));
  h.connect(2);
  h.connect(3);
  EXPECT_EQ(h.node().schedule().gamma_sync, 5u);
}

TEST(NodeScheduleTest, IsRefusedPastTheRunAfterItAndIfInvalid) {
  NodeOptions options = default_options();
  options.total_rounds = 2;
  NodeHarness h(options);
  h.start();
  EXPECT_THAT(h.node().check_directive(schedule_at(2)).error().message,
              HasSubstr("past the run's last round"));
  EXPECT_EQ(h.node().check_directive(schedule_at(1, {Policy::kSkipTrain, 0, 1})).error().code,
            ErrorCode::kInvalidArgument);
  h.play_round();
  h.play_round();
  EXPECT_THAT(h.node().check_directive(schedule_at(5)).error().message,
              HasSubstr("the run has ended here, at round 2"));
}

TEST(NodeBudgetTest, ANewBudgetAppliesToTheNextRound) {
  NodeOptions options = default_options();
  options.budget = WattHours(1);
  NodeHarness h(options);
  h.start();
  EXPECT_FALSE(has<Train>(h.play_round()));
  h.step(BudgetRequested{WattHours(2)});
  EXPECT_TRUE(has<Train>(h.play_round()));
  EXPECT_FALSE(has<Train>(h.play_round()));
  h.step(BudgetRequested{std::nullopt});
  EXPECT_TRUE(has<Train>(h.play_round()));
}

}  // namespace
}  // namespace skiptrain::core::testing
