// Node: orders to the whole run, as they are issued, passed on and obeyed.
#include <gmock/gmock.h>

#include "tests/unit/core/node_harness.h"

namespace skiptrain::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Directive order(std::uint64_t lamport, std::uint64_t round, DirectiveOrder what) {
  return {{lamport, NodeId(9)}, Round(round), what};
}

TEST(NodeDirectiveTest, WhatIsIssuedIsRecordedBeforeItIsPassedOn) {
  NodeHarness h;
  h.start();
  const Effects effects = h.step(DirectiveIssued{LearningRate{0.05}, Round(4)});
  ASSERT_THAT(effects, SizeIs(2));
  const Directive expected{{1, NodeId(1)}, Round(4), LearningRate{0.05}};
  EXPECT_THAT(only<RecordDirectives>(effects).news, ElementsAre(expected));
  EXPECT_THAT(only<SendDirectives>(effects).to, ElementsAre(NodeId(2), NodeId(3)));
  EXPECT_LT(position_of<RecordDirectives>(effects), position_of<SendDirectives>(effects));
}

TEST(NodeDirectiveTest, NewsGoToEverybodyButTheirSourceAndOnlyOnce) {
  NodeHarness h;
  h.start();
  const Directive news = order(3, 5, LearningRate{0.05});
  const Effects heard = h.step(DirectivesReceived{NodeId(2), {news}});
  EXPECT_THAT(only<SendDirectives>(heard).to, ElementsAre(NodeId(3)));
  EXPECT_THAT(only<SendDirectives>(heard).directives, ElementsAre(news));
  EXPECT_THAT(h.step(DirectivesReceived{NodeId(3), {news}}), IsEmpty());
}

TEST(NodeDirectiveTest, ANeighbourThatWasAwayHearsAllOnConnecting) {
  NodeHarness h;
  h.start();
  h.step(DirectivesReceived{NodeId(2), {order(3, 5, RunOrder::kPause)}});
  h.disconnect(3);
  EXPECT_THAT(only<SendDirectives>(h.connect(3)).directives,
              ElementsAre(order(3, 5, RunOrder::kPause)));
}

TEST(NodeDirectiveTest, TheLearningRateHoldsFromItsRoundOn) {
  NodeHarness h;
  h.start();
  h.step(DirectivesReceived{NodeId(2), {order(1, 2, LearningRate{0.05})}});
  EXPECT_EQ(only<Train>(h.play_round()).learning_rate, std::nullopt);
  EXPECT_EQ(only<Train>(h.play_round()).learning_rate, 0.05);
  EXPECT_EQ(only<Train>(h.play_round()).learning_rate, 0.05);
}

TEST(NodeDirectiveTest, PausesBeforeItsRoundAndGoesOnWhenThatIsTakenBack) {
  NodeHarness h;
  h.start();
  h.step(DirectiveIssued{RunOrder::kPause, Round(2)});
  EXPECT_TRUE(has<Train>(h.play_round()));
  h.play_round();
  EXPECT_EQ(h.node().phase(), Phase::kPaused);
  EXPECT_EQ(h.node().round(), Round(2));
  EXPECT_THAT(h.step(ResumeRequested{}), IsEmpty()) << "one node does not resume by itself";
  EXPECT_EQ(h.node().phase(), Phase::kPaused);
  const Effects resumed = h.step(DirectiveIssued{RunOrder::kRun, h.node().resume_round()});
  EXPECT_EQ(only<Train>(resumed).round, Round(2));
}

TEST(NodeDirectiveTest, AnOwnPauseOutlastsTheRuns) {
  NodeHarness h;
  h.start();
  h.step(PauseRequested{});
  h.step(DirectiveIssued{RunOrder::kPause, Round(1)});
  h.play_round();
  h.step(DirectiveIssued{RunOrder::kRun, h.node().resume_round()});
  EXPECT_EQ(h.node().phase(), Phase::kPaused);
  EXPECT_TRUE(has<Train>(h.step(ResumeRequested{})));
}

TEST(NodeDirectiveTest, StopsBeforeItsRoundAlsoFromAPause) {
  NodeHarness h;
  h.start();
  h.step(DirectivesReceived{NodeId(2), {order(1, 1, RunOrder::kStop)}});
  EXPECT_TRUE(only<RunEnded>(h.play_round()).stopped);
  NodeHarness paused;
  paused.start();
  paused.step(PauseRequested{});
  paused.play_round();
  const Effects stopped =
      paused.step(DirectivesReceived{NodeId(2), {order(1, 1, RunOrder::kStop)}});
  EXPECT_TRUE(only<RunEnded>(stopped).stopped);
}

TEST(NodeDirectiveTest, AJumpAppliesWhatTookEffectMeanwhile) {
  NodeHarness h(mixing_options());
  h.start();
  h.step(DirectivesReceived{NodeId(2), {order(1, 5, Schedule{Policy::kSkipTrain, 2, 3})}});
  h.peer_state(2, 7, Activity::kRunning);
  h.state_fetched(2, 7);
  EXPECT_EQ(h.node().schedule(), (Schedule{Policy::kSkipTrain, 2, 3}));
}

TEST(NodeDirectiveTest, KnowsThoseOfBeforeItsRestart) {
  NodeOptions options = default_options();
  options.directives = {order(4, 0, Schedule{Policy::kSkipTrain, 1, 1})};
  NodeHarness h(options);
  h.start();
  EXPECT_EQ(h.node().schedule().policy, Policy::kSkipTrain);
  EXPECT_EQ(h.node().directives().draft(NodeId(1), Round(9), RunOrder::kRun).stamp.lamport, 5u);
}

TEST(NodeDirectiveTest, TheSafeRoundLeavesARoundForEachHop) {
  NodeHarness h;
  h.start();
  h.play_round();
  EXPECT_EQ(h.node().safe_directive_round(0), Round(2));
  EXPECT_EQ(h.node().safe_directive_round(4), Round(6));
}

TEST(NodeDirectiveTest, MoreThanFitAreRefused) {
  NodeOptions options = default_options();
  options.total_rounds = 1000;
  NodeHarness h(options);
  h.start();
  for (std::uint64_t i = 1; i < DirectiveBoard::kMaxPerSubject; ++i) {
    h.step(DirectiveIssued{LearningRate{0.1}, Round(10 * i)});
  }
  const auto refused = h.node().check_directive({LearningRate{0.1}, Round(900)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(h.node().check_directive({RunOrder::kPause, Round(900)}));
}

}  // namespace
}  // namespace skiptrain::core::testing
