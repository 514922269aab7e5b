// Two or three transports in one process: what well-behaved peers see.
#include <thread>

#include <gmock/gmock.h>

#include "tests/unit/transport/transport_testing.h"

namespace skiptrain::transport {
namespace {

using ports::LinkState;
using ::testing::AllOf;
using testing::config_of;
using testing::connect;
using testing::eventually;
using ::testing::HasSubstr;
using testing::TestNode;
using testing::update_of;

TEST(GrpcTransportTest, BothSidesReportTheConnectionAndTheOthersState) {
  auto config = config_of(1, {2});
  config.state = {Round(7), core::Activity::kPaused};
  config.incarnation = Incarnation(5);
  TestNode a(config), b(config_of(2, {1}));
  connect(a, 1, b, 2);
  const auto seen = b.wait_for<core::PeerConnected>();
  EXPECT_EQ(seen->incarnation, Incarnation(5));
  EXPECT_EQ(seen->state, (core::NodeState{Round(7), core::Activity::kPaused}));
  EXPECT_EQ(a.link(2).state, LinkState::kConnected);
  EXPECT_EQ(b.link(1).state, LinkState::kConnected);
  EXPECT_TRUE(a.link(2).dialled_by_us) << "the lower id dials";
  EXPECT_FALSE(b.link(1).dialled_by_us);
  EXPECT_EQ(b.link(1).name, "node-1");
  EXPECT_GE(b.link(1).last_heard_seconds, 0);
}

TEST(GrpcTransportTest, UpdatesArriveWholeInBothDirections) {
  constexpr std::size_t kCount = 700'000;  // 2.8 MB, three chunks
  auto config_a = config_of(1, {2}), config_b = config_of(2, {1});
  config_a.parameter_count = config_b.parameter_count = kCount;
  TestNode a(config_a), b(config_b);
  connect(a, 1, b, 2);
  for (std::uint64_t round = 0; round < 5; ++round) {
    const auto from_a = update_of(round, 1.0F, kCount), from_b = update_of(round, -9.0F, kCount);
    a.transport().send({NodeId(2)}, from_a);
    b.transport().send({NodeId(1)}, from_b);
    const auto is_round = [&](const core::UpdateReceived& e) {
      return e.update.round == Round(round);
    };
    const auto at_b = b.wait_for<core::UpdateReceived>(is_round);
    const auto at_a = a.wait_for<core::UpdateReceived>(is_round);
    ASSERT_TRUE(at_a && at_b);
    EXPECT_EQ(at_b->from, NodeId(1));
    EXPECT_EQ(at_b->update.degree, 2U);
    EXPECT_TRUE(std::ranges::equal(at_b->update.parameters->values(),
                                   std::as_const(*from_a.parameters).values()));
    EXPECT_TRUE(std::ranges::equal(at_a->update.parameters->values(),
                                   std::as_const(*from_b.parameters).values()));
  }
  EXPECT_EQ(b.link(1).updates_received, 5U);
  EXPECT_GT(b.link(1).bytes_received, 5 * kCount * sizeof(float));
  EXPECT_TRUE(eventually([&] { return a.link(2).bytes_sent == b.link(1).bytes_received; }));
}

TEST(GrpcTransportTest, OneUpdateGoesToAllNeighbours) {
  TestNode centre(config_of(2, {1, 3})), low(config_of(1, {2})), high(config_of(3, {2}));
  connect(low, 1, centre, 2);
  connect(centre, 2, high, 3);
  {
    const auto update = update_of(4, 2.5F);
    centre.transport().send({NodeId(1), NodeId(3), NodeId(99)}, update);
  }  // the transport holds what it still sends
  for (TestNode* node : {&low, &high}) {
    const auto received = node->wait_for<core::UpdateReceived>();
    ASSERT_TRUE(received);
    EXPECT_EQ(received->from, NodeId(2));
    EXPECT_FLOAT_EQ(received->update.parameters->values()[999], 1001.5F);
  }
}

TEST(GrpcTransportTest, SentParametersAreLetGo) {
  TestNode a(config_of(1, {2})), b(config_of(2, {1}));
  connect(a, 1, b, 2);
  auto update = update_of(1, 0.0F);
  const std::weak_ptr<const Parameters> watched = update.parameters;
  a.transport().send({NodeId(2)}, update);
  update.parameters.reset();
  ASSERT_TRUE(b.wait_for<core::UpdateReceived>());
  EXPECT_TRUE(eventually([&] { return watched.expired(); }));
}

TEST(GrpcTransportTest, AnnouncementsReachNeighboursAndLaterHellos) {
  TestNode a(config_of(1, {2, 3})), b(config_of(2, {1}));
  connect(a, 1, b, 2);
  const core::NodeState paused{Round(12), core::Activity::kPaused};
  a.transport().announce(paused, /*to_neighbours=*/true);
  const auto changed = b.wait_for<core::PeerStateChanged>();
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->state, paused);
  a.transport().announce({Round(13), core::Activity::kRunning}, /*to_neighbours=*/false);
  TestNode late(config_of(3, {1}));
  connect(a, 1, late, 3);
  EXPECT_EQ(late.wait_for<core::PeerConnected>()->state.round, Round(13));
  EXPECT_EQ(b.events().size(), 2U) << "connected, and the one announcement made to neighbours";
}

TEST(GrpcTransportTest, APeerThatLeavesIsReportedAndDialledAgain) {
  TestNode a(config_of(1, {2}));
  auto b = std::make_unique<TestNode>(config_of(2, {1}));
  connect(a, 1, *b, 2);
  const std::string address = b->address();
  b.reset();
  ASSERT_TRUE(a.wait_for<core::PeerDisconnected>());
  EXPECT_EQ(a.link(2).state, LinkState::kLeft);
  a.forget();

  auto again = config_of(2, {1});
  again.listen = address;
  again.incarnation = Incarnation(2);
  TestNode restarted(again);
  const auto connected = a.wait_for<core::PeerConnected>();
  ASSERT_TRUE(connected);
  EXPECT_EQ(connected->incarnation, Incarnation(2));
  EXPECT_EQ(a.link(2).state, LinkState::kConnected);
  EXPECT_EQ(a.link(2).reconnects, 1U);
  a.transport().send({NodeId(2)}, update_of(3, 0.0F));
  EXPECT_TRUE(restarted.wait_for<core::UpdateReceived>());
}

TEST(GrpcTransportTest, EventsOfAPeerComeInOrder) {
  TestNode b(config_of(2, {1}));
  for (int life = 0; life < 3; ++life) {
    TestNode a(config_of(1, {2}));
    a.knows(NodeId(2), b.address());
    ASSERT_TRUE(a.wait_for<core::PeerConnected>());
    a.transport().send({NodeId(2)}, update_of(1, 0.0F));
    ASSERT_TRUE(b.wait_for_count<core::UpdateReceived>(static_cast<std::size_t>(life) + 1));
  }
  ASSERT_TRUE(b.wait_for_count<core::PeerDisconnected>(3));
  bool connected = false;
  for (const core::Event& event : b.events()) {
    if (std::holds_alternative<core::PeerConnected>(event)) {
      EXPECT_FALSE(std::exchange(connected, true));
    } else {
      EXPECT_TRUE(connected);
      if (std::holds_alternative<core::PeerDisconnected>(event)) connected = false;
    }
  }
}

TEST(GrpcTransportTest, AnUnreachablePeerIsReportedWithItsAddress) {
  TestNode a(config_of(1, {2}));
  a.knows(NodeId(2), "127.0.0.1:1");
  EXPECT_TRUE(eventually([&] { return !a.link(2).last_error.empty(); }));
  EXPECT_EQ(a.link(2).state, LinkState::kNeverConnected);
  EXPECT_THAT(a.link(2).last_error, HasSubstr("cannot reach node 2 (node-2) at 127.0.0.1:1: "));
}

TEST(GrpcTransportTest, ATakenPortIsAnErrorThatNamesIt) {
  TestNode a(config_of(1, {}));
  auto config = config_of(2, {});
  config.listen = a.address();
  GrpcTransport second(config);
  const Status started = second.start([](core::Event) {});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(started.error().message, HasSubstr("address " + a.address() + " is in use"));
}

TEST(GrpcTransportTest, AListenAddressWithoutAPortIsRefused) {
  for (const char* bad : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", ":1", "::1:80", "a:b"}) {
    auto config = config_of(1, {});
    config.listen = bad;
    GrpcTransport transport(config);
    const Status started = transport.start([](core::Event) {});
    ASSERT_FALSE(started) << bad;
    EXPECT_EQ(started.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(started.error().message, HasSubstr(bad));
  }
}

TEST(GrpcTransportTest, StopIsQuickAndNothingIsPostedAfterIt) {
  auto a = std::make_unique<TestNode>(config_of(1, {2, 3}));
  TestNode b(config_of(2, {1}));
  connect(*a, 1, b, 2);
  a->knows(NodeId(3), "127.0.0.1:1");  // a dial that goes on failing
  for (std::uint64_t i = 0; i < 20; ++i) b.transport().send({NodeId(1)}, update_of(i, 0.0F));
  const auto begin = std::chrono::steady_clock::now();
  a->transport().stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  const std::size_t posted = a->events().size();
  ASSERT_TRUE(b.wait_for<core::PeerDisconnected>());
  EXPECT_EQ(b.link(1).state, LinkState::kLeft);
  EXPECT_EQ(a->events().size(), posted);
}

struct Mismatch {
  const char* name;
  void (*spoil)(TransportConfig&);
  const char* reason;
};

class HelloMismatchTest : public ::testing::TestWithParam<Mismatch> {};

TEST_P(HelloMismatchTest, IsRefusedAndReadOnBothSides) {
  auto spoilt = config_of(1, {2});
  GetParam().spoil(spoilt);
  TestNode a(spoilt), b(config_of(2, {1}));
  a.knows(NodeId(2), b.address());
  ASSERT_TRUE(eventually([&] {
    return a.link(2).state == LinkState::kRefused && b.link(1).state == LinkState::kRefused;
  })) << a.link(2).last_error
      << " / " << b.link(1).last_error;
  for (const auto& link : {a.link(2), b.link(1)}) {
    EXPECT_THAT(link.last_error, AllOf(HasSubstr("refused"), HasSubstr(GetParam().reason),
                                       HasSubstr("node 1"), HasSubstr("node 2")));
  }
  EXPECT_TRUE(a.events().empty());
  EXPECT_TRUE(b.events().empty());
}

INSTANTIATE_TEST_SUITE_P(
    Each, HelloMismatchTest,
    ::testing::Values(
        Mismatch{"Cluster", [](TransportConfig& c) { c.cluster_id = "home"; }, "cluster id"},
        Mismatch{"RunId", [](TransportConfig& c) { c.run_id = "run-2"; }, "run id"},
        Mismatch{"RunSettings", [](TransportConfig& c) { c.run_fingerprint = Fingerprint(1); },
                 "settings of the run"},
        Mismatch{"Layout", [](TransportConfig& c) { c.layout_fingerprint = Fingerprint(1); },
                 "model layout"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(GrpcTransportTest, ARefusedPeerIsTakenOnceItsConfigurationIsMended) {
  auto wrong = config_of(2, {1});
  wrong.run_id = "run-2";
  TestNode a(config_of(1, {2}));
  auto b = std::make_unique<TestNode>(wrong);
  const std::string address = b->address();
  a.knows(NodeId(2), address);
  ASSERT_TRUE(eventually([&] { return a.link(2).state == LinkState::kRefused; }));
  b.reset();
  auto right = config_of(2, {1});
  right.listen = address;
  TestNode mended(right);
  EXPECT_TRUE(a.wait_for<core::PeerConnected>());
}

}  // namespace
}  // namespace skiptrain::transport
