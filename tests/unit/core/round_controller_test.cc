#include "core/round_controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

const Instant kStart{};

// Node 5 with neighbours 3, 7 and 9, all connected and in round 0, its own update sent at kStart.
class RoundControllerTest : public testing::Test {
 protected:
  RoundControllerTest() : neighbours_({NodeId(9), NodeId(3), NodeId(7)}) {
    for (const auto& [id, neighbour] : neighbours_.all()) {
      neighbours_.find(id)->connected = true;
      neighbours_.find(id)->ever_connected = true;
    }
    controller_.open_exchange(update(0, 5.0f, 3), false, kStart);
  }

  static ModelUpdate update(std::uint64_t round, float x, std::uint32_t degree) {
    const float values[] = {x};
    return {Round(round), degree, copy_parameters(values)};
  }
  // As Node does it.
  void receive(std::uint64_t from, std::uint64_t round, std::uint32_t degree = 3,
               Duration after = Duration(0)) {
    Neighbour* peer = neighbours_.find(NodeId(from));
    const auto verdict =
        controller_.inbox().accept(NodeId(from), update(round, static_cast<float>(from), degree));
    controller_.note_arrival(*peer, verdict, kStart + after);
    peer->next_round = std::max(peer->next_round, Round(round + 1));
  }
  bool should_close(Duration after = milliseconds(1)) const {
    return controller_.should_close(neighbours_, kStart + after);
  }
  std::vector<MixInput> close(Duration after = milliseconds(1)) {
    return controller_.close(neighbours_, record_, kStart + after);
  }
  static std::vector<std::uint64_t> senders(const std::vector<MixInput>& inputs) {
    std::vector<std::uint64_t> ids;
    for (const MixInput& input : inputs) ids.push_back(input.from.value());
    return ids;
  }

  Neighbourhood neighbours_;
  RoundController controller_{NodeId(5), seconds(10)};
  RoundRecord record_;
};

TEST_F(RoundControllerTest, ClosesWhenAllUpdatesAreIn) {
  receive(3, 0);
  receive(7, 0);
  EXPECT_FALSE(should_close());
  EXPECT_THAT(controller_.waiting_for(neighbours_), ElementsAre(NodeId(9)));
  receive(9, 0);
  EXPECT_THAT(controller_.waiting_for(neighbours_), IsEmpty());
  EXPECT_TRUE(should_close());
}

TEST_F(RoundControllerTest, ListsTheTermsInNodeIdOrder) {
  receive(9, 0);
  receive(3, 0);
  receive(7, 0);
  EXPECT_THAT(senders(close()), ElementsAre(3, 5, 7, 9));
}

TEST_F(RoundControllerTest, WeighsByTheLargerDegree) {
  receive(3, 0, 1);
  receive(7, 0, 3);
  receive(9, 0, 7);
  const auto inputs = close();
  EXPECT_DOUBLE_EQ(inputs[0].weight, 1.0 / 4.0);
  EXPECT_DOUBLE_EQ(inputs[2].weight, 1.0 / 4.0);
  EXPECT_DOUBLE_EQ(inputs[3].weight, 1.0 / 8.0);
  EXPECT_DOUBLE_EQ(inputs[1].weight, 1.0 - 1.0 / 4.0 - 1.0 / 4.0 - 1.0 / 8.0);
  EXPECT_DOUBLE_EQ(neighbours_.find(NodeId(9))->last_weight, 1.0 / 8.0);
}

TEST_F(RoundControllerTest, AMissingNeighboursWeightStaysWithOurOwn) {
  receive(3, 0);
  const auto inputs = close(seconds(10));
  ASSERT_THAT(senders(inputs), ElementsAre(3, 5));
  EXPECT_DOUBLE_EQ(inputs[0].weight, 0.25);
  EXPECT_DOUBLE_EQ(inputs[1].weight, 0.75);
  EXPECT_EQ(inputs[1].parameters, controller_.own_update()->parameters);
  EXPECT_DOUBLE_EQ(neighbours_.find(NodeId(7))->last_weight, 0.0);
}

TEST_F(RoundControllerTest, ClosesAtTheDeadlineAndListsWhoIsMissing) {
  receive(7, 0);
  EXPECT_EQ(controller_.deadline(neighbours_), kStart + seconds(10));
  EXPECT_FALSE(should_close(seconds(10) - Duration(1)));
  EXPECT_TRUE(should_close(seconds(10)));
  close(seconds(10));
  EXPECT_THAT(record_.missing, ElementsAre(NodeId(3), NodeId(9)));
  EXPECT_TRUE(record_.deadline_hit);
  EXPECT_EQ(record_.neighbours_mixed, 1u);
  EXPECT_EQ(record_.wait_time, seconds(10));
  EXPECT_EQ(neighbours_.find(NodeId(3))->missed, 1u);
  EXPECT_EQ(neighbours_.find(NodeId(7))->missed, 0u);
}

TEST_F(RoundControllerTest, ADeadNeighbourIsNeitherWaitedForNorMissing) {
  receive(3, 0);
  receive(7, 0);
  neighbours_.find(NodeId(9))->connected = false;
  EXPECT_TRUE(should_close());
  close();
  EXPECT_THAT(record_.missing, IsEmpty());
  EXPECT_FALSE(record_.deadline_hit);
}

TEST_F(RoundControllerTest, AnUpdateOfANeighbourThatDiedSinceIsStillMixed) {
  receive(9, 0);
  neighbours_.find(NodeId(9))->connected = false;
  receive(3, 0);
  receive(7, 0);
  EXPECT_THAT(senders(close()), ElementsAre(3, 5, 7, 9));
}

TEST_F(RoundControllerTest, DropsUpdateFromPastRoundAndKeepsTheNext) {
  for (const std::uint64_t id : {3, 7, 9}) receive(id, 0);
  close();
  controller_.advance_to(Round(1));
  EXPECT_EQ(controller_.own_update(), std::nullopt);
  receive(3, 0);
  receive(7, 1);
  receive(7, 2);
  EXPECT_EQ(controller_.inbox().counters().late, 1u);
  EXPECT_EQ(controller_.inbox().counters().early, 1u);
  controller_.open_exchange(update(1, 5.0f, 3), false, kStart);
  EXPECT_THAT(controller_.waiting_for(neighbours_), ElementsAre(NodeId(3), NodeId(9)));
}

TEST_F(RoundControllerTest, WithNobodyThereTheRoundIsHeldOpenForAWhile) {
  for (const std::uint64_t id : {3, 7, 9}) neighbours_.find(NodeId(id))->connected = false;
  EXPECT_FALSE(should_close(RoundController::kAloneHold - Duration(1)));
  EXPECT_TRUE(should_close(RoundController::kAloneHold));
  EXPECT_THAT(senders(close(RoundController::kAloneHold)), ElementsAre(5));
  EXPECT_FALSE(record_.deadline_hit);
}

TEST_F(RoundControllerTest, WithAllPausedTheRoundIsHeldOpenForAWhile) {
  for (const std::uint64_t id : {3, 7, 9}) {
    neighbours_.find(NodeId(id))->activity = Activity::kPaused;
  }
  EXPECT_FALSE(should_close());
  EXPECT_TRUE(should_close(seconds(10)));
}

// A neighbour that restarts at round 0 connects before it asks for our state. Until then a node
// with no other neighbour must not run through its rounds alone.
TEST_F(RoundControllerTest, WithAllFarBehindTheRoundIsHeldForThemToCatchUp) {
  controller_.advance_to(Round(20));
  controller_.open_exchange(update(20, 5.0f, 3), false, kStart);
  EXPECT_THAT(controller_.waiting_for(neighbours_), IsEmpty());
  EXPECT_FALSE(should_close());
  EXPECT_TRUE(should_close(seconds(10)));
}

TEST_F(RoundControllerTest, WithAllFinishedAheadOfUsTheRoundClosesAtOnce) {
  for (const std::uint64_t id : {3, 7, 9}) {
    neighbours_.find(NodeId(id))->activity = Activity::kFinished;
    neighbours_.find(NodeId(id))->next_round = Round(8);
  }
  EXPECT_TRUE(should_close());
}

TEST_F(RoundControllerTest, LearnsItsDeadlineFromTheWaits) {
  controller_.deadline_rule().set_fixed(std::nullopt);
  for (std::uint64_t round = 0; round < RoundDeadline::kMinSamples; ++round) {
    controller_.advance_to(Round(round));
    controller_.open_exchange(update(round, 5.0f, 3), false, kStart);
    for (const std::uint64_t id : {3, 7, 9}) receive(id, round, 3, seconds(4));
    close(seconds(4));
  }
  controller_.advance_to(Round(5));
  controller_.open_exchange(update(5, 5.0f, 3), false, kStart);
  EXPECT_EQ(controller_.deadline(neighbours_), kStart + seconds(4));
}

// Else an hour alone would teach the node to wait for the longest time.
TEST_F(RoundControllerTest, DoesNotLearnFromWaitsWithNobodyThere) {
  controller_.deadline_rule().set_fixed(std::nullopt);
  for (const std::uint64_t id : {3, 7, 9}) neighbours_.find(NodeId(id))->connected = false;
  for (std::uint64_t round = 0; round < RoundDeadline::kMinSamples; ++round) {
    controller_.advance_to(Round(round));
    controller_.open_exchange(update(round, 5.0f, 3), false, kStart);
    close(seconds(4));
  }
  EXPECT_EQ(controller_.deadline_rule().allowance(false), RoundDeadline::kInitial);
}

TEST_F(RoundControllerTest, AfterClosingItDoesNotAskToCloseAgain) {
  for (const std::uint64_t id : {3, 7, 9}) receive(id, 0);
  close();
  EXPECT_FALSE(should_close());
  EXPECT_FALSE(should_close(seconds(100)));
}

TEST(LoneRoundControllerTest, ANodeWithoutNeighboursClosesAtOnce) {
  RoundController controller(NodeId(1), std::nullopt);
  const Neighbourhood nobody({});
  const float values[] = {1.0f};
  controller.open_exchange({Round(0), 0, copy_parameters(values)}, true, kStart);
  EXPECT_TRUE(controller.should_close(nobody, kStart));
}

}  // namespace
}  // namespace skiptrain::core
