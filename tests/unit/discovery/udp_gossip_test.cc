#include "discovery/udp_gossip.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/discovery/discovery_testing.h"
#include "tests/unit/wire/gossip_testing.h"
#include "wire/address.h"

namespace skiptrain::discovery {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A stranger's socket, which sends whatever bytes it likes.
class RawSocket {
 public:
  RawSocket() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) { EXPECT_GE(fd_, 0); }
  ~RawSocket() { ::close(fd_); }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  void send(const std::string& address, const std::string& bytes) const {
    const wire::HostPort to = *wire::parse_host_port(address);
    sockaddr_in target{};
    target.sin_family = AF_INET;
    target.sin_port = htons(to.port);
    ASSERT_EQ(::inet_pton(AF_INET, to.host.c_str(), &target.sin_addr), 1);
    ASSERT_EQ(::sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&target),
                       sizeof target),
              static_cast<ssize_t>(bytes.size()));
  }

 private:
  const int fd_;
};

std::string port_of(const std::string& address) {
  return address.substr(address.rfind(':'));
}

TEST(UdpGossipTest, CarriesPacketsBothWaysAndTellsTheirSource) {
  TestEndpoint alice(test_sealer(1));
  TestEndpoint bob(test_sealer(2));
  EXPECT_THAT(alice.address(), StartsWith("127.0.0.1:"));
  EXPECT_NE(port_of(alice.address()), ":0");
  core::GossipPacket packet = ping_from(1, 7);
  packet.claims = {wire::test_claim(4)};
  alice.udp().send(bob.address(), packet);
  const auto at_bob = bob.inbox().wait_for(1);
  ASSERT_EQ(at_bob.size(), 1u);
  EXPECT_EQ(at_bob[0].first, packet);
  EXPECT_EQ(at_bob[0].second, alice.address());
  bob.udp().send(at_bob[0].second, ping_from(2, 8));
  const auto at_alice = alice.inbox().wait_for(1);
  ASSERT_EQ(at_alice.size(), 1u);
  EXPECT_EQ(at_alice[0].first, ping_from(2, 8));

  const UdpGossipCounters counters = alice.udp().counters();
  EXPECT_EQ(counters.packets_out, 1u);
  EXPECT_EQ(counters.packets_in, 1u);
  EXPECT_EQ(counters.bytes_out, wire::encode_gossip(packet).size() + kEnvelopeOverheadBytes);
}

TEST(UdpGossipTest, SpeaksIpv6AndHearsIpv4ThroughTheSameSocket) {
  UdpGossipOptions options;
  options.bind_address = "[::]:0";
  auto both = std::make_unique<UdpGossip>(options, test_sealer(7), [](auto, auto) {});
  if (!both->start()) GTEST_SKIP() << "no IPv6 on this machine";
  both.reset();

  TestEndpoint bob(test_sealer(2), options);
  TestEndpoint alice(test_sealer(1));
  alice.udp().send("127.0.0.1" + port_of(bob.address()), ping_from(1, 1));
  const auto at_bob = bob.inbox().wait_for(1);
  ASSERT_EQ(at_bob.size(), 1u);
  EXPECT_EQ(at_bob[0].second, alice.address());  // not as a mapped address
  bob.udp().send(at_bob[0].second, ping_from(2, 2));
  EXPECT_EQ(alice.inbox().wait_for(1).size(), 1u);

  options.bind_address = "[::1]:0";
  auto carol = std::make_unique<UdpGossip>(options, test_sealer(3), [](auto, auto) {});
  if (!carol->start()) return;  // a machine with IPv6 that has no ::1
  EXPECT_THAT(carol->local_address(), StartsWith("[::1]:"));
  carol->send("[::1]" + port_of(bob.address()), ping_from(3, 3));
  const auto both_families = bob.inbox().wait_for(2);
  ASSERT_EQ(both_families.size(), 2u);
  EXPECT_EQ(both_families[1].second, carol->local_address());
}

TEST(UdpGossipTest, HostilePacketsAreCountedByReasonAndDropped) {
  const auto keyring = test_keyring();
  TestEndpoint bob(test_sealer(2, 1, keyring));
  RawSocket stranger;
  const auto send = [&](const std::string& bytes) { stranger.send(bob.address(), bytes); };
  const auto seal = [](const Identity& identity, const std::shared_ptr<Keyring>& keys,
                       const std::string& plain) {
    Sealer sealer(EnvelopeKind::kPacket, identity, keys);
    return *sealer.seal(plain);
  };
  const std::string plain = wire::encode_gossip(ping_from(1, 1));
  const std::string good = seal(test_identity(1), keyring, plain);
  std::string forged = good;
  forged.back() = static_cast<char>(forged.back() ^ 1);
  std::string later_version = good;
  later_version[0] = 9;

  send(good);
  ASSERT_EQ(bob.inbox().wait_for(1).size(), 1u);
  send("");
  send(good.substr(0, kEnvelopeOverheadBytes - 1));
  send(std::string(core::kMaxGossipPacketBytes + 1, '\1'));
  send(std::string(9000, '\1'));
  send(later_version);
  send(seal(test_identity(1, 1, "barn"), keyring, plain));
  send(seal(test_identity(1), test_keyring('x'), plain));
  send(forged);
  send(good);
  send(good);
  send(good);
  send(seal(test_identity(3), keyring, "\xff"));
  send(seal(test_identity(2), keyring, wire::encode_gossip(ping_from(2, 1))));

  ASSERT_TRUE(eventually([&] { return bob.udp().counters().packets_in == 14; }));
  const std::pair<DropReason, std::uint64_t> expected[] = {
      {DropReason::kTruncated, 2},    {DropReason::kTooLarge, 2},   {DropReason::kWrongVersion, 1},
      {DropReason::kOtherCluster, 1}, {DropReason::kUnknownKey, 1}, {DropReason::kForged, 1},
      {DropReason::kReplayed, 3},     {DropReason::kMalformed, 1},  {DropReason::kOwn, 1},
      {DropReason::kEarlierStart, 0}};
  EXPECT_EQ(std::size(expected), kDropReasons);
  for (const auto& [reason, count] : expected) {
    EXPECT_EQ(bob.dropped(reason), count) << to_string(reason);
  }
  EXPECT_EQ(bob.udp().counters().seal.opened, 1u);
  EXPECT_THAT(bob.udp().counters().last_drop, StartsWith("own from 127.0.0.1:"));
  EXPECT_EQ(bob.inbox().size(), 1u);
  // And it still hears.
  send(seal(test_identity(4), keyring, wire::encode_gossip(ping_from(4, 1))));
  EXPECT_EQ(bob.inbox().wait_for(2).size(), 2u);
}

// Each packet is awaited, so that loss by the kernel cannot be mistaken for loss by a key.
TEST(UdpGossipTest, KeysAreRotatedWhilePacketsFlowAndNoneIsLost) {
  const auto at_alice = test_keyring('a');
  const auto at_bob = test_keyring('a');
  TestEndpoint alice(test_sealer(1, 1, at_alice));
  TestEndpoint bob(test_sealer(2, 1, at_bob));
  std::atomic<std::uint32_t> exchanged = 0;
  std::atomic<bool> over = false;
  std::thread talk([&] {
    for (std::uint32_t i = 0; !over && !::testing::Test::HasFailure(); ++i) {
      alice.udp().send(bob.address(), ping_from(1, i));
      ASSERT_GT(bob.inbox().wait_for(i + 1).size(), i);
      bob.udp().send(alice.address(), ping_from(2, i));
      ASSERT_GT(alice.inbox().wait_for(i + 1).size(), i);
      exchanged = i + 1;
    }
  });
  const auto let_flow = [&] {
    const std::uint32_t until = exchanged + 20;
    EXPECT_TRUE(eventually([&] { return exchanged >= until; }));
  };
  for (std::uint8_t i = 'a'; i < 'e'; ++i) {
    const auto next = static_cast<std::uint8_t>(i + 1);
    for (const auto& keyring : {at_alice, at_bob}) {
      EXPECT_TRUE(keyring->install(test_key(next).to_base64()));
      let_flow();
    }
    for (const auto& keyring : {at_alice, at_bob}) {
      EXPECT_TRUE(keyring->use(to_string(test_key(next).id())));
      let_flow();
    }
    for (const auto& keyring : {at_alice, at_bob}) {
      EXPECT_TRUE(keyring->remove(to_string(test_key(i).id())));
      let_flow();
    }
  }
  over = true;
  talk.join();
  EXPECT_EQ(alice.dropped(DropReason::kUnknownKey) + bob.dropped(DropReason::kUnknownKey), 0u);
  EXPECT_EQ(bob.udp().counters().seal.opened, alice.udp().counters().packets_out);
  EXPECT_EQ(at_bob->list(), (std::vector<KeyInfo>{{to_string(test_key('e').id()), true}}));
  // With the first key nobody gets in any more.
  RawSocket stranger;
  Sealer old(EnvelopeKind::kPacket, test_identity(3), test_keyring('a'));
  stranger.send(bob.address(), *old.seal(wire::encode_gossip(ping_from(3, 1))));
  EXPECT_TRUE(eventually([&] { return bob.dropped(DropReason::kUnknownKey) == 1; }));
}

TEST(UdpGossipTest, SenderAndReceiverMayRestart) {
  const auto keyring = test_keyring();
  auto bob = std::make_unique<TestEndpoint>(test_sealer(2, 1, keyring));
  for (std::uint64_t incarnation = 1; incarnation <= 3; ++incarnation) {
    TestEndpoint alice(test_sealer(1, incarnation, keyring));
    alice.udp().send(bob->address(), ping_from(1, 1));
    EXPECT_EQ(bob->inbox().wait_for(incarnation).size(), incarnation);
  }
  EXPECT_EQ(bob->dropped(DropReason::kReplayed), 0u);

  TestEndpoint alice(test_sealer(1, 4, keyring));
  UdpGossipOptions same_port;
  same_port.bind_address = bob->address();
  bob.reset();
  TestEndpoint restarted(test_sealer(2, 2, keyring), same_port);
  EXPECT_EQ(restarted.address(), same_port.bind_address);
  alice.udp().send(restarted.address(), ping_from(1, 2));
  EXPECT_EQ(restarted.inbox().wait_for(1).size(), 1u);
}

TEST(UdpGossipTest, AnAddressInUseIsNamed) {
  TestEndpoint first(test_sealer(1));
  UdpGossipOptions options;
  options.bind_address = first.address();
  UdpGossip second(options, test_sealer(2), [](auto, auto) {});
  const Status started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(started.error().message, HasSubstr(first.address()));
  EXPECT_THAT(started.error().message, HasSubstr("in use"));
}

TEST(UdpGossipTest, AnAddressThatIsNotOursIsNamed) {
  for (const auto& [address, code] : {std::pair("192.0.2.1:0", ErrorCode::kUnavailable),
                                      std::pair("nonsense", ErrorCode::kInvalidArgument)}) {
    UdpGossipOptions options;
    options.bind_address = address;
    UdpGossip udp(options, test_sealer(1), [](auto, auto) {});
    const Status started = udp.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, code);
    EXPECT_THAT(started.error().message, HasSubstr(address));
  }
}

TEST(UdpGossipTest, NamesAreLookedUpOnceAndKept) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  UdpGossipOptions options;
  options.lookup = [calls](const std::string& host) {
    ++*calls;
    EXPECT_EQ(host, "bob.lan");
    // An address that this socket cannot reach stands first.
    return Result<NameResolver::Addresses>(NameResolver::Addresses{"fd00::1", "127.0.0.1"});
  };
  TestEndpoint alice(test_sealer(1), options);
  TestEndpoint bob(test_sealer(2));
  for (std::uint32_t i = 0; i < 5; ++i) {
    alice.udp().send("bob.lan" + port_of(bob.address()), ping_from(1, i));
    EXPECT_EQ(bob.inbox().wait_for(i + 1).size(), i + 1);
  }
  EXPECT_EQ(*calls, 1);
}

TEST(UdpGossipTest, AHangingLookupHoldsUpNeitherPacketsNorTheStop) {
  HangingLookup hanging;
  UdpGossipOptions options;
  options.lookup = hanging.function();
  options.lookup_timeout = kPatience;
  TestEndpoint alice(test_sealer(1), options);
  TestEndpoint bob(test_sealer(2));
  for (std::uint32_t i = 0; i < 2 * kMaxPacketsPerLookup; ++i) {
    alice.udp().send("dead.lan:7946", ping_from(1, i));
  }
  ASSERT_TRUE(eventually([&] { return hanging.calls() == 1; }));
  alice.udp().send(bob.address(), ping_from(1, 1));
  EXPECT_EQ(bob.inbox().wait_for(1).size(), 1u);
  EXPECT_EQ(alice.udp().counters().out_unresolved, kMaxPacketsPerLookup);

  const auto before = std::chrono::steady_clock::now();
  alice.udp().stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
  EXPECT_EQ(hanging.calls(), 1u);  // it hangs still
}

TEST(UdpGossipTest, AFailedLookupIsTriedAgainLater) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  UdpGossipOptions options;
  options.retry_lookup_after = std::chrono::milliseconds(1);
  options.lookup = [calls](const std::string& host) -> Result<NameResolver::Addresses> {
    if (++*calls == 1) return fail(ErrorCode::kUnavailable, "name " + host + ": no DNS yet");
    return NameResolver::Addresses{"127.0.0.1"};
  };
  TestEndpoint alice(test_sealer(1), options);
  TestEndpoint bob(test_sealer(2));
  const std::string name = "bob.lan" + port_of(bob.address());
  alice.udp().send(name, ping_from(1, 0));
  ASSERT_TRUE(eventually([&] { return alice.udp().counters().out_unresolved == 1; }));
  EXPECT_THAT(alice.udp().counters().last_send_error, HasSubstr("no DNS yet"));
  EXPECT_TRUE(eventually([&] {
    alice.udp().send(name, ping_from(1, 1));
    return bob.inbox().size() > 0;
  }));
}

TEST(UdpGossipTest, WhatCannotBeSentIsCountedByReason) {
  TestEndpoint alice(test_sealer(1));
  core::GossipPacket huge = ping_from(1, 1);
  huge.claims = {wire::largest_claim(), wire::largest_claim()};
  alice.udp().send("127.0.0.1:9", huge);
  alice.udp().send("nowhere", ping_from(1, 1));
  alice.udp().send("[::1]:9", ping_from(1, 1));
  ASSERT_TRUE(eventually([&] { return alice.udp().counters().out_failed == 1; }));
  const UdpGossipCounters counters = alice.udp().counters();
  EXPECT_EQ(counters.out_too_large, 1u);
  EXPECT_EQ(counters.out_unresolved, 1u);
  EXPECT_EQ(counters.packets_out, 0u);
  EXPECT_THAT(counters.last_send_error, HasSubstr("IPv6 address"));
}

TEST(UdpGossipTest, AfterStopNothingIsSentAndThePortIsFree) {
  TestEndpoint alice(test_sealer(1));
  const std::string address = alice.address();
  alice.udp().stop();
  alice.udp().stop();
  alice.udp().send(address, ping_from(1, 1));
  UdpGossipOptions options;
  options.bind_address = address;
  TestEndpoint again(test_sealer(1, 2), options);
  EXPECT_EQ(again.address(), address);
  EXPECT_EQ(alice.udp().counters().packets_out, 0u);
}

// The farewell of a node that leaves is its last word: the socket stops right behind it.
TEST(UdpGossipTest, WhatWasSentBeforeTheStopIsStillSent) {
  constexpr std::uint32_t kPackets = 200;
  TestEndpoint alice(test_sealer(1));
  TestEndpoint bob(test_sealer(2));
  for (std::uint32_t i = 0; i < kPackets; ++i) alice.udp().send(bob.address(), ping_from(1, i));
  alice.udp().stop();
  EXPECT_EQ(alice.udp().counters().packets_out, kPackets);
  EXPECT_EQ(bob.inbox().wait_for(kPackets).size(), kPackets);
}

TEST(UdpGossipTest, ManyThreadsMaySendAtOnce) {
  TestEndpoint alice(test_sealer(1));
  TestEndpoint bob(test_sealer(2));
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < 50; ++i)
        alice.udp().send(bob.address(), ping_from(1, t * 50 + i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(bob.inbox().wait_for(200).size(), 200u);
}

}  // namespace
}  // namespace skiptrain::discovery
