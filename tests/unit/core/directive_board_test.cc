// Which directive is in force, whatever the order in which they were heard.
#include "core/directive_board.h"

#include <algorithm>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace skiptrain::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Directive rate(std::uint64_t lamport, std::uint64_t origin, std::uint64_t round, double value) {
  return {{lamport, NodeId(origin)}, Round(round), LearningRate{value}};
}
Directive run(std::uint64_t lamport, std::uint64_t round, RunOrder order) {
  return {{lamport, NodeId(1)}, Round(round), order};
}

TEST(DirectiveBoardTest, TheConfigHoldsUntilTheFirstIsEffective) {
  DirectiveBoard board;
  EXPECT_TRUE(board.empty());
  EXPECT_EQ(board.learning_rate_at(Round(100)), std::nullopt);
  EXPECT_EQ(board.run_order_at(Round(100)), RunOrder::kRun);
  EXPECT_TRUE(board.add(rate(1, 1, 10, 0.5)));
  EXPECT_EQ(board.learning_rate_at(Round(9)), std::nullopt);
  EXPECT_EQ(board.learning_rate_at(Round(10)), 0.5);
  EXPECT_EQ(board.learning_rate_at(Round(1000)), 0.5);
  EXPECT_EQ(board.schedule_at(Round(1000)), std::nullopt) << "that is another matter";
}

TEST(DirectiveBoardTest, OfTwoForOneRoundTheLargerStampWins) {
  for (const bool reversed : {false, true}) {
    std::vector<Directive> both = {rate(4, 9, 10, 0.5), rate(5, 2, 10, 0.25)};
    if (reversed) std::ranges::reverse(both);
    const DirectiveBoard board(both);
    EXPECT_EQ(board.learning_rate_at(Round(10)), 0.25);
    EXPECT_THAT(board.all(), SizeIs(1));
  }
  EXPECT_EQ(DirectiveBoard({rate(4, 9, 10, 0.5), rate(4, 2, 10, 0.25)}).learning_rate_at(Round(10)),
            0.5)
      << "of one lamport time the larger NodeId";
}

TEST(DirectiveBoardTest, ALaterRoundFollowsAndAnEarlierOneReplaces) {
  DirectiveBoard board({rate(1, 1, 10, 0.5), rate(2, 1, 20, 0.25)});
  EXPECT_EQ(board.learning_rate_at(Round(19)), 0.5);
  EXPECT_EQ(board.learning_rate_at(Round(20)), 0.25);
  EXPECT_EQ(board.next_after(LearningRate{}, Round(10))->effective, Round(20));
  EXPECT_TRUE(board.add(rate(3, 1, 5, 0.125)));
  EXPECT_THAT(board.all(), ElementsAre(rate(3, 1, 5, 0.125)));
  EXPECT_FALSE(board.add(rate(2, 7, 30, 0.9))) << "older than what is in force by then";
}

TEST(DirectiveBoardTest, ARunThatWasPausedGoesOnByANewerOrderForTheSameRound) {
  DirectiveBoard board({run(1, 12, RunOrder::kPause)});
  EXPECT_EQ(board.run_order_at(Round(12)), RunOrder::kPause);
  const Directive resume = board.draft(NodeId(3), Round(12), RunOrder::kRun);
  EXPECT_EQ(resume.stamp, (DirectiveStamp{2, NodeId(3)}));
  EXPECT_TRUE(board.add(resume));
  EXPECT_EQ(board.run_order_at(Round(12)), RunOrder::kRun);
  EXPECT_FALSE(board.add(run(1, 12, RunOrder::kPause))) << "heard again from somebody slow";
}

TEST(DirectiveBoardTest, AStampIsAboveAllHeardOfAlsoOfThoseThatLost) {
  DirectiveBoard board({rate(7, 1, 10, 0.5)});
  EXPECT_FALSE(board.add(rate(3, 1, 10, 0.1)));
  EXPECT_EQ(board.draft(NodeId(1), Round(1), RunOrder::kRun).stamp.lamport, 8u);
}

// Nodes that heard the same in any order agree on every round.
TEST(DirectiveBoardTest, TheOrderOfHearingDoesNotMatter) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Rng rng(seed);
    std::vector<Directive> heard;
    for (int i = 0; i < 12; ++i) {
      const std::uint64_t lamport = 1 + rng.below(6);
      const std::uint64_t origin = rng.below(4);
      // A node issues a stamp once.
      const bool used = std::ranges::any_of(heard, [&](const Directive& d) {
        return d.stamp == DirectiveStamp{lamport, NodeId(origin)};
      });
      if (!used) heard.push_back(rate(lamport, origin, rng.below(8), 0.1 * (i + 1)));
    }
    const DirectiveBoard board(heard);
    for (int shuffle = 0; shuffle < 5; ++shuffle) {
      rng.shuffle(heard);
      EXPECT_EQ(DirectiveBoard(heard).all(), board.all()) << "seed " << seed;
    }
    for (std::uint64_t round = 0; round < 9; ++round) {
      const Directive* newest = nullptr;
      for (const Directive& d : heard) {
        if (d.effective <= Round(round) && (!newest || newest->stamp < d.stamp)) newest = &d;
      }
      EXPECT_EQ(board.learning_rate_at(Round(round)),
                newest ? std::optional(std::get<LearningRate>(newest->order).value) : std::nullopt)
          << "seed " << seed << ", round " << round;
    }
  }
}

TEST(DirectiveBoardTest, HoldsABoundedNumberAndSaysWhenItIsFull) {
  DirectiveBoard board;
  for (std::uint64_t i = 1; i < DirectiveBoard::kMaxPerSubject; ++i) {
    EXPECT_FALSE(board.is_full(LearningRate{}, Round(0)));
    board.add(rate(i, 1, 10 * i, 0.5));
  }
  EXPECT_TRUE(board.is_full(LearningRate{}, Round(0)));
  EXPECT_FALSE(board.is_full(LearningRate{}, Round(10))) << "one is in force by then";
  EXPECT_FALSE(board.is_full(RunOrder{}, Round(0)));
  for (std::uint64_t i = 100; i < 200; ++i) board.add(rate(i, 1, 10 * i, 0.5));
  EXPECT_THAT(board.all(), SizeIs(DirectiveBoard::kMaxPerSubject));
}

TEST(DirectiveTest, OrdersThatMakeNoSenseAreRefused) {
  EXPECT_TRUE(validate(LearningRate{0.1}));
  for (const double wrong : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_FALSE(validate(LearningRate{wrong})) << wrong;
  }
  EXPECT_FALSE(validate(Schedule{Policy::kSkipTrain, 0, 1}));
  EXPECT_EQ(to_string(rate(7, 3, 12, 0.05)), "learning rate 0.05 from round 12 (7 by node 3)");
}

}  // namespace
}  // namespace skiptrain::core
