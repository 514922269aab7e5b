// Edge messages and directives on the streams: their order among the updates, and slow peers.
#include <gmock/gmock.h>

#include "tests/unit/transport/transport_testing.h"

namespace skiptrain::transport {
namespace {

using testing::config_of;
using testing::connect;
using testing::hello_frame;
using testing::kParameters;
using testing::RawPeer;
using testing::TestNode;
using testing::update_of;

core::Directive directive(std::uint64_t lamport) {
  return {{lamport, NodeId(1)}, Round(lamport + 5), core::LearningRate{0.5}};
}

TEST(EdgeMessageTest, ArriveInOrderWithTheUpdatesAndNameTheSender) {
  TestNode a(config_of(1, {2})), b(config_of(2, {1}));
  connect(a, 1, b, 2);
  constexpr std::uint64_t kRounds = 50;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    // One round at a time, so that no update is dropped; the three kinds at once.
    b.transport().send({NodeId(1)}, update_of(round, 1.0F));
    b.transport().send_edge({NodeId(1), {true, Round(round)}, {false, Round(0)}});
    b.transport().send_directives({NodeId(1), NodeId(9)}, {directive(round)});
    ASSERT_TRUE(a.wait_for_count<core::DirectivesReceived>(round + 1));
  }
  std::uint64_t updates = 0, edges = 0, directives = 0;
  for (const core::Event& event : a.events()) {
    if (const auto* update = std::get_if<core::UpdateReceived>(&event)) {
      EXPECT_EQ(update->update.round, Round(updates++));
    } else if (const auto* edge = std::get_if<core::EdgeReceived>(&event)) {
      EXPECT_EQ(edge->message.peer, NodeId(2));
      EXPECT_EQ(edge->message.claim, (core::EdgeClaim{true, Round(edges++)}));
      EXPECT_EQ(edges, updates) << "after the update that it was queued after";
    } else if (const auto* news = std::get_if<core::DirectivesReceived>(&event)) {
      EXPECT_EQ(news->from, NodeId(2));
      EXPECT_EQ(news->directives, std::vector{directive(directives++)});
      EXPECT_EQ(directives, edges);
    }
  }
  EXPECT_EQ(updates, kRounds);
  EXPECT_EQ(edges, kRounds);
}

TEST(EdgeMessageTest, ToANodeThatIsNotConnectedNothingHappens) {
  TestNode a(config_of(1, {2}));
  a.transport().send_edge({NodeId(2), {true, Round(1)}, {}});
  a.transport().send_edge({NodeId(77), {true, Round(1)}, {}});
  a.transport().send_directives({NodeId(2)}, {directive(1)});
  TestNode b(config_of(2, {1}));
  connect(a, 1, b, 2);
  a.transport().send_edge({NodeId(2), {true, Round(8)}, {}});
  const auto edge = b.wait_for<core::EdgeReceived>();
  ASSERT_TRUE(edge);
  EXPECT_EQ(edge->message.claim.from, Round(8)) << "the first that was said on a stream";
}

TEST(EdgeMessageTest, ManyDirectivesTakeSeveralFrames) {
  TestNode a(config_of(1, {2})), b(config_of(2, {1}));
  connect(a, 1, b, 2);
  std::vector<core::Directive> many;
  for (std::uint64_t i = 0; i < wire::kMaxDirectives + 5; ++i) many.push_back(directive(i));
  a.transport().send_directives({NodeId(2)}, many);
  ASSERT_TRUE(b.wait_for_count<core::DirectivesReceived>(2));
  std::vector<core::Directive> received;
  for (const core::Event& event : b.events()) {
    if (const auto* news = std::get_if<core::DirectivesReceived>(&event)) {
      received.insert(received.end(), news->directives.begin(), news->directives.end());
    }
  }
  EXPECT_EQ(received, many);
}

// A peer that does not read while updates are dropped for it finds all edge messages, each behind
// the update that it was queued after or a later one that took its place.
TEST(EdgeMessageTest, ASlowPeerLosesUpdatesButNoEdgeMessage) {
  constexpr std::size_t kCount = 6'000'000;  // 24 MB, far more than gRPC's buffers take
  auto config = config_of(2, {1});
  config.parameter_count = kCount;
  TestNode node(config);
  RawPeer peer(node.address());
  ASSERT_TRUE(peer.introduce(hello_frame(1)).has_hello());
  const std::vector<float> values(kCount, 1.5F);
  const auto parameters = copy_parameters(values);
  constexpr std::uint64_t kSent = 6;
  for (std::uint64_t round = 0; round < kSent; ++round) {
    node.transport().send({NodeId(1)}, ModelUpdate{Round(round), 2, parameters});
    if (round < kMaxQueuedEdges) {
      node.transport().send_edge({NodeId(1), {true, Round(round)}, {}});
    }
  }
  node.transport().send_directives({NodeId(1)}, {directive(1)});
  EXPECT_EQ(node.link(1).updates_dropped, kSent - kMaxQueuedUpdates);
  std::vector<std::uint64_t> edges, rounds;
  std::size_t bytes = 0;
  while (true) {
    const auto frame = peer.read();
    ASSERT_TRUE(frame);
    if (frame->has_update()) rounds.push_back(frame->update().round());
    if (frame->has_update()) bytes = 0;
    if (frame->has_chunk()) bytes += frame->chunk().data().size();
    if (frame->has_edge()) {
      EXPECT_EQ(bytes, kCount * sizeof(float)) << "not within an update";
      edges.push_back(frame->edge().claim().from_round());
    }
    if (frame->has_directives()) break;
  }
  EXPECT_EQ(rounds, (std::vector<std::uint64_t>{0, 4, 5}));
  EXPECT_EQ(edges, (std::vector<std::uint64_t>{0, 1, 2, 3}));
}

TEST(EdgeMessageTest, ABadOneEndsTheStream) {
  TestNode node(config_of(2, {1}));
  for (const bool edge : {true, false}) {
    RawPeer peer(node.address());
    ASSERT_TRUE(peer.introduce(hello_frame(1)).has_hello());
    v1::Frame frame;
    if (edge) {
      frame.mutable_edge();
    } else {
      frame.mutable_directives()->add_directives();
    }
    ASSERT_TRUE(peer.write(frame));
    EXPECT_EQ(peer.read_goodbye().reason(), v1::GOODBYE_REASON_BAD_FRAME);
  }
  ASSERT_TRUE(node.wait_for_count<core::PeerDisconnected>(2));
}

TEST(EdgeMessageTest, BeforeTheHelloItIsABadFrame) {
  TestNode node(config_of(2, {1}));
  RawPeer peer(node.address());
  v1::Frame frame;
  frame.mutable_edge()->mutable_claim();
  ASSERT_TRUE(peer.write(frame));
  EXPECT_EQ(peer.read_goodbye().reason(), v1::GOODBYE_REASON_BAD_FRAME);
  EXPECT_TRUE(node.events().empty());
}

}  // namespace
}  // namespace skiptrain::transport
