// Neighbours that come and go at run time.
#include <thread>

#include <gmock/gmock.h>

#include "tests/unit/transport/transport_testing.h"

namespace skiptrain::transport {
namespace {

using ports::LinkState;
using testing::config_of;
using testing::eventually;
using ::testing::HasSubstr;
using testing::hello_frame;
using testing::kParameters;
using testing::living_config_of;
using testing::peer_at;
using testing::RawPeer;
using testing::TestNode;
using testing::update_of;

// Connects and disconnects of one peer take turns, beginning with a connect, and nothing else comes
// while there is no connection.
void expect_orderly(const TestNode& node, NodeId peer) {
  bool connected = false;
  for (const core::Event& event : node.events()) {
    if (const auto* up = std::get_if<core::PeerConnected>(&event)) {
      if (up->peer == peer) {
        EXPECT_FALSE(std::exchange(connected, true));
      }
    } else if (const auto* down = std::get_if<core::PeerDisconnected>(&event)) {
      if (down->peer == peer) {
        EXPECT_TRUE(std::exchange(connected, false));
      }
    } else if (const auto* update = std::get_if<core::UpdateReceived>(&event)) {
      if (update->from == peer) {
        EXPECT_TRUE(connected);
      }
    } else if (const auto* edge = std::get_if<core::EdgeReceived>(&event)) {
      if (edge->message.peer == peer) {
        EXPECT_TRUE(connected);
      }
    }
  }
}

class LinkToTest : public ::testing::Test {
 protected:
  LinkToTest() : a_(living_config_of(1)), b_(living_config_of(2)) {}

  void link_a() { a_.transport().link_to({peer_at(2, b_.address())}); }
  void link_b() { b_.transport().link_to({peer_at(1, a_.address())}); }
  bool both_connected() { return a_.connected_to(2) && b_.connected_to(1); }

  TestNode a_, b_;
};

TEST_F(LinkToTest, ConnectsInEitherOrderWellUnderHalfASecond) {
  for (const bool lower_first : {true, false}) {
    if (lower_first) {
      link_a();
      // The lower dials at once, and is turned away by a node that does not know it yet.
      ASSERT_TRUE(eventually([&] { return !a_.link(2).last_error.empty(); }));
      EXPECT_NE(a_.link(2).state, LinkState::kRefused);
      EXPECT_THAT(a_.link(2).last_error, HasSubstr("unknown-node"));
    }
    const auto begin = std::chrono::steady_clock::now();
    link_b();
    if (!lower_first) link_a();
    ASSERT_TRUE(eventually([&] { return both_connected(); }));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(500));
    a_.transport().link_to({});
    b_.transport().link_to({});
    ASSERT_TRUE(eventually([&] { return !a_.has_link(2) && !b_.has_link(1); }));
  }
}

TEST_F(LinkToTest, ANodeThatIsUnknownForLongIsStillTakenSoon) {
  link_a();
  // Enough refusals for a doubling back-off to be long.
  ASSERT_TRUE(eventually([&] { return a_.link(2).bytes_received > 8 * 40; }));
  const auto begin = std::chrono::steady_clock::now();
  link_b();
  ASSERT_TRUE(eventually([&] { return both_connected(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(500));
}

TEST_F(LinkToTest, SimultaneouslyOnBothEnds) {
  for (int times = 0; times < 20; ++times) {
    std::thread other([this] { link_b(); });
    link_a();
    other.join();
    ASSERT_TRUE(eventually([&] { return both_connected(); }));
    std::thread away([this] { b_.transport().link_to({}); });
    a_.transport().link_to({});
    away.join();
    EXPECT_FALSE(a_.has_link(2) || b_.has_link(1));
  }
  expect_orderly(a_, NodeId(2));
  expect_orderly(b_, NodeId(1));
}

TEST_F(LinkToTest, ARemovedLinkSaysGoodbyeAndTakesItsCountersWithIt) {
  link_a();
  link_b();
  ASSERT_TRUE(eventually([&] { return both_connected(); }));
  a_.transport().send({NodeId(2)}, update_of(1, 0.0F));
  ASSERT_TRUE(b_.wait_for<core::UpdateReceived>());
  EXPECT_EQ(b_.link(1).updates_received, 1U);
  a_.transport().link_to({});
  EXPECT_FALSE(a_.has_link(2));
  EXPECT_TRUE(std::holds_alternative<core::PeerDisconnected>(a_.events().back()))
      << "posted before link_to returns";
  ASSERT_TRUE(b_.wait_for<core::PeerDisconnected>());
  EXPECT_EQ(b_.link(1).state, LinkState::kLeft);
  EXPECT_THAT(b_.link(1).last_error, HasSubstr("not-neighbour"));
  // Nothing is sent to a node that is no neighbour, and no error made of it.
  a_.transport().send({NodeId(2)}, update_of(2, 0.0F));

  link_a();
  ASSERT_TRUE(eventually([&] { return both_connected(); }));
  EXPECT_EQ(a_.link(2).reconnects, 0U) << "a new link";
  EXPECT_EQ(a_.link(2).bytes_sent < kParameters * sizeof(float), true);
  EXPECT_EQ(b_.link(1).reconnects, 1U) << "the same link";
  a_.transport().send({NodeId(2)}, update_of(3, 0.0F));
  EXPECT_TRUE(
      b_.wait_for<core::UpdateReceived>([](auto& e) { return e.update.round == Round(3); }));
  expect_orderly(a_, NodeId(2));
  expect_orderly(b_, NodeId(1));
}

TEST_F(LinkToTest, TheLastEdgeMessageArrivesBeforeTheGoodbye) {
  for (int times = 0; times < 10; ++times) {
    b_.forget();
    link_a();
    link_b();
    ASSERT_TRUE(eventually([&] { return both_connected(); }));
    a_.transport().send({NodeId(2)}, update_of(1, 0.0F));
    a_.transport().send_edge({NodeId(2), {false, Round(times)}, {}});
    a_.transport().link_to({});
    ASSERT_TRUE(b_.wait_for<core::PeerDisconnected>());
    const auto edge = b_.wait_for<core::EdgeReceived>();
    ASSERT_TRUE(edge);
    EXPECT_EQ(edge->message.claim, (core::EdgeClaim{false, Round(times)}));
    expect_orderly(b_, NodeId(1));
    b_.transport().link_to({});
  }
}

TEST_F(LinkToTest, LinksAreAddedAndRemovedWhileUpdatesFlow) {
  TestNode c(living_config_of(3));
  const auto only_b = std::vector{peer_at(2, b_.address())};
  const auto both = std::vector{peer_at(2, b_.address()), peer_at(3, c.address())};
  c.transport().link_to({peer_at(1, a_.address())});
  link_a();
  link_b();
  ASSERT_TRUE(eventually([&] { return both_connected(); }));
  std::atomic<bool> stop = false;
  std::thread sender([&] {
    for (std::uint64_t round = 0; !stop; ++round) {
      a_.transport().send({NodeId(2), NodeId(3)}, update_of(round, 0.0F));
      std::this_thread::yield();
    }
  });
  for (int times = 0; times < 10; ++times) {
    a_.transport().link_to(both);
    ASSERT_TRUE(eventually([&] { return a_.connected_to(3) && c.connected_to(1); }));
    c.forget();
    ASSERT_TRUE(c.wait_for<core::UpdateReceived>());
    a_.transport().link_to(only_b);
    ASSERT_TRUE(c.wait_for<core::PeerDisconnected>());
  }
  stop = true;
  sender.join();
  EXPECT_TRUE(a_.connected_to(2)) << "which was left alone";
  EXPECT_EQ(a_.link(2).reconnects, 0U);
}

TEST_F(LinkToTest, AnAddressThatChangedIsDialledAnew) {
  link_a();
  link_b();
  ASSERT_TRUE(eventually([&] { return both_connected(); }));
  auto config = living_config_of(2);
  config.incarnation = Incarnation(2);
  TestNode moved(config);
  moved.transport().link_to({peer_at(1, a_.address())});
  a_.transport().link_to({peer_at(2, moved.address())});
  ASSERT_TRUE(moved.wait_for<core::PeerConnected>());
  ASSERT_TRUE(
      eventually([&] { return a_.connected_to(2) && a_.link(2).incarnation == Incarnation(2); }));
  EXPECT_EQ(a_.link(2).address, moved.address());
  ASSERT_TRUE(b_.wait_for<core::PeerDisconnected>());
  expect_orderly(a_, NodeId(2));
}

TEST_F(LinkToTest, AnAddressThatChangesDuringADialIsDialledAtOnce) {
  auto slow = living_config_of(3);
  slow.reconnect_min = slow.reconnect_max = std::chrono::minutes(10);
  TestNode c(slow);
  c.transport().link_to({peer_at(5, "127.0.0.1:1")});
  ASSERT_TRUE(eventually([&] { return !c.link(5).last_error.empty(); }));
  TestNode e(living_config_of(5));
  e.transport().link_to({peer_at(3, c.address())});
  c.transport().link_to({peer_at(5, e.address())});
  EXPECT_TRUE(e.wait_for<core::PeerConnected>());
}

TEST_F(LinkToTest, BeforeTheStartItSetsTheFirstNeighbours) {
  GrpcTransport early(living_config_of(1));
  b_.transport().link_to({peer_at(1, "")});
  early.link_to({peer_at(2, b_.address()), peer_at(1, "itself")});
  EXPECT_EQ(early.links().size(), 1U) << "a node is no neighbour of its own";
  ASSERT_TRUE(early.start([](core::Event) {}));
  EXPECT_TRUE(b_.wait_for<core::PeerConnected>());
  early.stop();
  early.link_to({peer_at(2, b_.address()), peer_at(3, b_.address())});
}

TEST_F(LinkToTest, StatesAreFetchedFromAndServedToLinkedNodesAlone) {
  link_a();
  link_b();
  a_.transport().fetch_state(NodeId(2), Round(0));
  const auto asked = b_.wait_for<core::StateRequested>();
  ASSERT_TRUE(asked);
  b_.transport().send_state({asked->from, asked->request, update_of(4, 1.0F)});
  EXPECT_TRUE(a_.wait_for<core::StateFetched>());
  b_.transport().link_to({});
  a_.transport().fetch_state(NodeId(2), Round(0));
  const auto failed = a_.wait_for<core::StateFetchFailed>();
  ASSERT_TRUE(failed);
  EXPECT_THAT(failed->reason, HasSubstr("no neighbour"));
}

TEST_F(LinkToTest, AFetchInProgressEndsWithItsLink) {
  link_a();
  link_b();
  a_.transport().fetch_state(NodeId(2), Round(0));
  const auto asked = b_.wait_for<core::StateRequested>();
  ASSERT_TRUE(asked);
  a_.transport().link_to({});
  const auto failed = a_.wait_for<core::StateFetchFailed>();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->from, NodeId(2));
  EXPECT_THAT(failed->reason, HasSubstr("no longer a neighbour"));
  b_.transport().send_state({asked->from, asked->request, update_of(4, 1.0F)});  // too late
  // The next link's fetches are not touched.
  link_a();
  b_.forget();
  a_.transport().fetch_state(NodeId(2), Round(0));
  const auto again = b_.wait_for<core::StateRequested>();
  ASSERT_TRUE(again);
  b_.transport().send_state({again->from, again->request, update_of(5, 1.0F)});
  EXPECT_TRUE(a_.wait_for<core::StateFetched>());
}

TEST_F(LinkToTest, AStaticClusterRefusesForLong) {
  TestNode fixed(config_of(1, {2}));
  fixed.knows(NodeId(2), b_.address());
  EXPECT_TRUE(eventually([&] { return fixed.link(2).state == LinkState::kRefused; }));
}

TEST_F(LinkToTest, AStreamOfARemovedLinkHasNoSayInTheNewOne) {
  RawPeer peer(b_.address());
  b_.transport().link_to({peer_at(1, "")});
  ASSERT_TRUE(peer.introduce(hello_frame(1)).has_hello());
  b_.transport().link_to({});
  b_.transport().link_to({peer_at(1, "")});
  // The first stream is still open on this side: its words reach nobody.
  v1::Frame edge;
  edge.mutable_edge()->mutable_claim()->set_wanted(true);
  peer.write(edge);
  EXPECT_EQ(peer.read_goodbye().reason(), v1::GOODBYE_REASON_NOT_NEIGHBOUR);
  RawPeer again(b_.address());
  ASSERT_TRUE(again.introduce(hello_frame(1)).has_hello());
  peer.finish();
  ASSERT_TRUE(again.write(edge));
  ASSERT_TRUE(b_.wait_for<core::EdgeReceived>());
  EXPECT_TRUE(b_.connected_to(1));
  EXPECT_EQ(b_.events().size(), 4U) << "up, down, up, edge";
}

}  // namespace
}  // namespace skiptrain::transport
