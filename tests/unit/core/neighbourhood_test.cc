#include "core/neighbourhood.h"

#include <utility>

#include <gtest/gtest.h>

namespace skiptrain::core {
namespace {

Neighbour running_at(std::uint64_t next_round) {
  Neighbour neighbour;
  neighbour.ever_connected = true;
  neighbour.connected = true;
  neighbour.round = Round(next_round);
  neighbour.next_round = Round(next_round);
  return neighbour;
}

TEST(NeighbourhoodTest, ListsNeighboursInNodeIdOrder) {
  Neighbourhood neighbours({NodeId(30), NodeId(4), NodeId(12)});
  EXPECT_EQ(neighbours.degree(), 3u);
  for (const NodeId id : {NodeId(30), NodeId(4), NodeId(12)}) neighbours.find(id)->connected = true;
  EXPECT_EQ(neighbours.connected(), (std::vector{NodeId(4), NodeId(12), NodeId(30)}));
}

TEST(NeighbourhoodTest, StrangersAreNotFound) {
  Neighbourhood neighbours({NodeId(1)});
  EXPECT_EQ(neighbours.find(NodeId(2)), nullptr);
  EXPECT_EQ(std::as_const(neighbours).find(NodeId(2)), nullptr);
  EXPECT_NE(neighbours.find(NodeId(1)), nullptr);
}

TEST(NeighbourhoodTest, KnowsWhetherAllWereEverConnected) {
  Neighbourhood neighbours({NodeId(1), NodeId(2)});
  EXPECT_FALSE(neighbours.all_ever_connected());
  EXPECT_FALSE(neighbours.any_connected());
  neighbours.find(NodeId(1))->ever_connected = true;
  EXPECT_FALSE(neighbours.all_ever_connected());
  neighbours.find(NodeId(2))->ever_connected = true;
  neighbours.find(NodeId(2))->connected = true;
  EXPECT_TRUE(neighbours.all_ever_connected());
  EXPECT_TRUE(neighbours.any_connected());
  EXPECT_TRUE(Neighbourhood({}).all_ever_connected());
}

TEST(NeighbourhoodTest, ANeighbourAtOurRoundOrOneBehindIsWorthWaitingFor) {
  EXPECT_TRUE(Neighbourhood::worth_waiting_for(running_at(5), Round(5)));
  EXPECT_TRUE(Neighbourhood::worth_waiting_for(running_at(4), Round(5)));
  EXPECT_TRUE(Neighbourhood::worth_waiting_for(running_at(0), Round(0)));
}

TEST(NeighbourhoodTest, OneThatPassedTheRoundIsNotWaitedFor) {
  EXPECT_FALSE(Neighbourhood::worth_waiting_for(running_at(6), Round(5)));
}

TEST(NeighbourhoodTest, OneThatIsFarBehindIsNotWaitedFor) {
  EXPECT_FALSE(Neighbourhood::worth_waiting_for(running_at(3), Round(5)));
}

TEST(NeighbourhoodTest, OneThatIsAwayOrDoesNotTakePartIsNotWaitedFor) {
  Neighbour dead = running_at(5);
  dead.connected = false;
  EXPECT_FALSE(Neighbourhood::worth_waiting_for(dead, Round(5)));
  for (const Activity activity : {Activity::kPaused, Activity::kFinished, Activity::kLeaving}) {
    Neighbour neighbour = running_at(5);
    neighbour.activity = activity;
    EXPECT_FALSE(Neighbourhood::worth_waiting_for(neighbour, Round(5)))
        << static_cast<int>(activity);
  }
}

TEST(NeighbourhoodTest, FurthestAheadIsMoreThanOneRoundAheadAndConnected) {
  Neighbourhood neighbours({NodeId(1), NodeId(2), NodeId(3)});
  *neighbours.find(NodeId(1)) = running_at(6);
  EXPECT_EQ(neighbours.furthest_ahead(Round(5)), std::nullopt);
  *neighbours.find(NodeId(2)) = running_at(7);
  EXPECT_EQ(neighbours.furthest_ahead(Round(5)), NodeId(2));
  *neighbours.find(NodeId(3)) = running_at(9);
  EXPECT_EQ(neighbours.furthest_ahead(Round(5)), NodeId(3));
  neighbours.find(NodeId(3))->connected = false;
  EXPECT_EQ(neighbours.furthest_ahead(Round(5)), NodeId(2));
}

}  // namespace
}  // namespace skiptrain::core
