// Node: neighbours that come and go, and those drawn anew each round.
#include <gmock/gmock.h>

#include "tests/unit/core/node_harness.h"

namespace skiptrain::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

NodeOptions living_options() {
  NodeOptions options = mixing_options();
  options.neighbours = {};
  options.nodes_come_and_go = true;
  return options;
}

std::vector<NodeId> ids(std::initializer_list<std::uint64_t> values) {
  std::vector<NodeId> result;
  for (const auto value : values) result.push_back(NodeId(value));
  return result;
}

class LivingHarness : public NodeHarness {
 public:
  explicit LivingHarness(NodeOptions options = living_options()) : NodeHarness(options) {}

  Effects want(std::initializer_list<std::uint64_t> nodes, bool ready = true) {
    return step(NeighboursWanted{ids(nodes), ready});
  }
  // The other end wants the edge from this round on, and has heard that we do.
  Effects claim(std::uint64_t peer, std::uint64_t from, std::uint64_t heard = 0) {
    return step(EdgeReceived{{NodeId(peer), {true, Round(from)}, {true, Round(heard)}}});
  }
};

TEST(LivingNodeTest, LinksToWhomItWantsAndSaysSoWhenTheLinkIsUp) {
  LivingHarness h;
  h.ready();
  EXPECT_THAT(only<LinkTo>(h.want({2, 3})).peers, ElementsAre(NodeId(2), NodeId(3)));
  EXPECT_THAT(h.want({2, 3}), IsEmpty());
  const EdgeMessage said = only<SendEdge>(h.connect(2)).message;
  EXPECT_EQ(said.peer, NodeId(2));
  EXPECT_EQ(said.claim, (EdgeClaim{true, Round(0)}));
  EXPECT_FALSE(said.heard.wanted);
}

TEST(LivingNodeTest, StartsWhenTheClusterIsCompleteAndEveryEdgeIsAgreed) {
  LivingHarness h;
  h.ready();
  h.want({2}, /*ready=*/false);
  h.connect(2);
  EXPECT_FALSE(has<Send>(h.claim(2, 0))) << "members are still missing";
  h.want({2, 3}, /*ready=*/true);
  h.connect(3);
  EXPECT_EQ(h.node().phase(), Phase::kWaitingForPeers) << "3 has not agreed";
  const Effects begun = h.claim(3, 0);
  EXPECT_THAT(only<Send>(begun).to, ElementsAre(NodeId(2), NodeId(3)));
  EXPECT_EQ(only<Send>(begun).update.degree, 2u);
}

TEST(LivingNodeTest, ANewEdgeIsUsedFromTheAgreedRoundOn) {
  LivingHarness h;
  h.ready();
  h.want({2});
  h.connect(2);
  h.claim(2, 0);
  h.want({2, 3});
  const EdgeMessage wish = only<SendEdge>(h.connect(3)).message;
  EXPECT_EQ(wish.claim, (EdgeClaim{true, Round(2)}));
  h.claim(3, 2, 2);
  EXPECT_EQ(h.node().edge_agreed_from(NodeId(3)), Round(2));
  for (std::uint64_t round = 0; round < 2; ++round) {
    EXPECT_EQ(h.node().neighbours().degree(), 1u) << "round " << round;
    h.receive(2, round, 1.0f, 1);
    h.mixed(round);
  }
  EXPECT_EQ(h.node().round(), Round(2));
  EXPECT_EQ(h.node().neighbours().degree(), 2u);
  EXPECT_FALSE(has<Mix>(h.receive(2, 2))) << "now 3 is waited for";
  EXPECT_EQ(only<Mix>(h.receive(3, 2)).inputs.size(), 3u);
}

TEST(LivingNodeTest, AnUpdateOfAnEdgeThatIsNotAgreedIsNotMixed) {
  LivingHarness h;
  h.ready();
  h.want({2, 3});
  h.connect(2);
  h.connect(3);
  h.claim(2, 0);
  h.claim(3, 1);  // not yet in round 0
  EXPECT_EQ(h.node().phase(), Phase::kExchanging);
  h.receive(3, 0, 100.0f);
  EXPECT_EQ(only<Mix>(h.receive(2, 0)).inputs.size(), 2u);
}

TEST(LivingNodeTest, AMemberThatIsGoneIsNotWaitedForAndItsLinkGoes) {
  LivingHarness h;
  h.ready();
  h.want({2, 3});
  h.connect(2);
  h.connect(3);
  h.claim(2, 0);
  h.claim(3, 0);
  h.receive(2, 0);
  EXPECT_EQ(h.node().phase(), Phase::kExchanging);
  const Effects gone = h.step(MemberGone{NodeId(3)});
  EXPECT_THAT(only<LinkTo>(gone).peers, ElementsAre(NodeId(2)));
  EXPECT_EQ(only<Mix>(gone).inputs.size(), 2u);
}

// Its answer came after both had begun the round, so it used the edge in no round yet. In a barrier
// nothing else would end this wait.
TEST(LivingNodeTest, ARoundIsNotHeldOpenForAnEdgeThatTheOtherEndPutsOff) {
  NodeOptions options = living_options();
  options.rules.mode = RoundMode::kBarrier;
  LivingHarness h(options);
  h.ready();
  h.want({2, 3});
  h.connect(2);
  h.connect(3);
  h.claim(2, 0);
  h.claim(3, 0);
  h.receive(2, 0);
  EXPECT_EQ(h.node().phase(), Phase::kExchanging) << "3 is waited for";
  const Effects put_off = h.claim(3, 4);
  EXPECT_EQ(only<Mix>(put_off).inputs.size(), 2u);
}

TEST(LivingNodeTest, EdgesThatComeDuringAnAsynchronousRoundLeaveTheOwnModelItsWeight) {
  NodeOptions options = living_options();
  options.rules.mode = RoundMode::kAsync;
  LivingHarness h(options);
  h.ready();
  h.want({2});
  h.connect(2);
  h.claim(2, 0);
  ASSERT_EQ(h.node().phase(), Phase::kExchanging);
  h.want({2, 3, 4, 5});
  for (const std::uint64_t peer : {3u, 4u, 5u}) {
    h.connect(peer);
    h.claim(peer, 0);
  }
  Effects last;
  for (const std::uint64_t peer : {3u, 4u, 5u}) {
    if (h.node().phase() != Phase::kExchanging) break;
    last = h.receive(peer, 0, 1.0f, 1);
  }
  if (!has<Mix>(last)) last = h.receive(2, 0, 1.0f, 1);
  double sum = 0;
  for (const MixInput& input : only<Mix>(last).inputs) {
    EXPECT_GE(input.weight, 0.0) << "of node " << input.from;
    sum += input.weight;
  }
  EXPECT_NEAR(sum, 1.0, 1e-12);
}

// Its view was whole before ours, and it has begun: to wait for this edge would hold up all others.
TEST(LivingNodeTest, StartsWithoutAnEdgeThatTheOtherEndHasPutOff) {
  LivingHarness h;
  h.ready();
  h.want({2, 3});
  h.connect(2);
  h.connect(3, 1);
  h.claim(2, 0);
  EXPECT_EQ(h.node().phase(), Phase::kWaitingForPeers);
  const Effects begun = h.claim(3, 3);
  EXPECT_THAT(only<Send>(begun).to, ElementsAre(NodeId(2)));
}

// Its view was still growing when it wanted that one, which may never let the link come up.
TEST(LivingNodeTest, StartsWithoutALinkToOneThatItWantsNoMore) {
  LivingHarness h;
  h.ready();
  h.want({2, 3}, /*ready=*/false);
  h.want({2});
  h.connect(2);
  EXPECT_THAT(only<Send>(h.claim(2, 0)).to, ElementsAre(NodeId(2)));
}

// Else a node that is left alone for a moment would run through the whole run.
TEST(LivingNodeTest, WithoutNeighboursItHoldsEachRound) {
  LivingHarness h;
  h.ready();
  h.want({});
  EXPECT_EQ(h.node().phase(), Phase::kExchanging);
  EXPECT_EQ(h.node().next_deadline(), h.now() + RoundController::kAloneHold);
  EXPECT_TRUE(has<Commit>(h.tick()));
}

TEST(LivingNodeTest, AJoinerWaitsForNewsOfTheRoundInWhichItsEdgesBegin) {
  LivingHarness h;
  h.ready();
  h.want({2});
  h.connect(2, 100);
  EXPECT_EQ(h.node().phase(), Phase::kCatchingUp);
  NodeOptions options = living_options();
  options.total_rounds = 1000;
  LivingHarness joiner(options);
  joiner.ready();
  joiner.want({2});
  const Effects connected = joiner.connect(2, 100);
  EXPECT_EQ(only<FetchState>(connected).from, NodeId(2));
  joiner.claim(2, 102);
  joiner.state_fetched(2, 100);
  EXPECT_EQ(joiner.node().round(), Round(100));
  EXPECT_EQ(joiner.node().neighbours().degree(), 0u);
  // The first update of the agreed edge shows how far the others are.
  EXPECT_TRUE(has<FetchState>(joiner.receive(2, 102)));
  joiner.state_fetched(2, 102);
  EXPECT_EQ(joiner.node().round(), Round(102));
  EXPECT_EQ(joiner.node().neighbours().degree(), 1u);
}

// ---- Epidemic exchange -----------------------------------------------------------------------

NodeOptions epidemic_options() {
  NodeOptions options = mixing_options();
  options.neighbours = ids({2, 3, 4, 5});
  options.epidemic = EpidemicOptions{.receivers = 2, .seed = 7};
  options.total_rounds = 100;
  return options;
}

TEST(EpidemicNodeTest, SendsToItsDrawAndMixesTheMeanOfWhatCame) {
  NodeHarness h(epidemic_options());
  const Send sent = only<Send>(h.start());
  EXPECT_EQ(sent.to.size(), 2u);
  std::vector<NodeId> expected;
  for (const auto& [id, neighbour] : h.node().neighbours().all()) {
    if (neighbour.in_edge) expected.push_back(id);
  }
  Effects last;
  for (const NodeId from : expected) last = h.receive(from.value(), 0);
  if (expected.empty()) last = h.tick();
  const auto mixes = all_of<Mix>(last);
  ASSERT_EQ(mixes.size(), expected.empty() ? 0u : 1u);
  if (!expected.empty()) {
    for (const MixInput& input : mixes.front().inputs) {
      EXPECT_DOUBLE_EQ(input.weight, 1.0 / (1.0 + static_cast<double>(expected.size())));
    }
  }
}

TEST(EpidemicNodeTest, TellsAllThatItJumpedOverRounds) {
  NodeOptions options = living_options();
  options.total_rounds = 1000;
  options.epidemic = EpidemicOptions{2, 7};
  LivingHarness h(options);
  h.ready();
  h.want({2, 3, 4});
  for (const std::uint64_t peer : {2u, 3u}) h.connect(peer);
  h.connect(4, 100);
  Effects jumped = h.state_fetched(4, 100);
  if (has<Mix>(jumped)) jumped = h.mixed(0);
  EXPECT_EQ(h.node().round(), Round(100));
  EXPECT_TRUE(only<Announce>(jumped).to_neighbours);
}

TEST(EpidemicNodeTest, WaitsInLaterRoundsForThoseItHasNotHeardOfLately) {
  NodeHarness h(epidemic_options());
  h.start();
  std::size_t awaited = 0;
  for (std::uint64_t round = 0; round < 20; ++round) {
    if (h.node().phase() != Phase::kExchanging) h.tick();  // nobody sends to it: it went on at once
    if (h.node().round() > Round(round)) continue;
    ASSERT_EQ(h.node().round(), Round(round));
    std::vector<NodeId> expected;
    for (const auto& [id, neighbour] : h.node().neighbours().all()) {
      if (neighbour.in_edge) expected.push_back(id);
    }
    const auto waiting = h.node().waiting();
    ASSERT_TRUE(waiting) << "round " << round;
    EXPECT_EQ(waiting->neighbours, expected) << "round " << round;
    for (const NodeId from : expected) h.receive(from.value(), round);
    h.mixed(round);
    awaited += expected.size();
  }
  EXPECT_GT(awaited, 20u);
}

}  // namespace
}  // namespace skiptrain::core::testing
