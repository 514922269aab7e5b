#include "discovery/multicast.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/discovery/discovery_testing.h"
#include "tests/unit/wire/gossip_testing.h"

namespace skiptrain::discovery {
namespace {

using ::testing::HasSubstr;

// A port that no other test on this machine has just now.
std::string free_group() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(fd);
  return "239.255.83.84:" + std::to_string(ntohs(address.sin_port));
}

MulticastOptions options_for(const std::string& group) {
  MulticastOptions options;
  options.group = group;
  options.interface = "127.0.0.1";
  options.period = std::chrono::milliseconds(50);
  return options;
}

class TestAnnouncer {
 public:
  TestAnnouncer(const MulticastOptions& options, std::uint64_t node, const std::string& cluster,
                const std::shared_ptr<Keyring>& keyring = test_keyring(),
                std::uint64_t incarnation = 7)
      : inbox_(std::make_shared<Inbox<core::MemberClaim>>()),
        multicast_(
            options,
            std::make_shared<GossipSealer>(test_identity(node, incarnation, cluster), keyring),
            wire::test_claim(node), [inbox = inbox_](core::MemberClaim claim, std::string source) {
              inbox->put(std::move(claim), std::move(source));
            }) {
    const Status started = multicast_.start();
    EXPECT_TRUE(started) << started.error().message;
  }
  Multicast& multicast() { return multicast_; }
  Inbox<core::MemberClaim>& inbox() { return *inbox_; }

 private:
  const std::shared_ptr<Inbox<core::MemberClaim>> inbox_;
  Multicast multicast_;
};

TEST(MulticastTest, NodesOfAClusterHearEachOther) {
  const MulticastOptions options = options_for(free_group());
  TestAnnouncer alice(options, 1, "lab");
  TestAnnouncer bob(options, 2, "lab");
  const auto at_alice = alice.inbox().wait_for(1);
  const auto at_bob = bob.inbox().wait_for(1);
  ASSERT_GE(at_alice.size(), 1u);
  ASSERT_GE(at_bob.size(), 1u);
  EXPECT_EQ(at_alice[0].first, wire::test_claim(2));
  EXPECT_EQ(at_bob[0].first, wire::test_claim(1));
  EXPECT_THAT(at_bob[0].second, HasSubstr("127.0.0.1:"));
  // And its own voice, which is counted and not handed on.
  EXPECT_TRUE(eventually(
      [&] { return alice.multicast().counters().seal.dropped_for(DropReason::kOwn) > 0; }));
}

TEST(MulticastTest, ANewcomerIsAnsweredSoonerThanThePeriod) {
  MulticastOptions options = options_for(free_group());
  options.period = std::chrono::hours(1);
  TestAnnouncer alice(options, 1, "lab");
  // The first ones are a second and more apart: after the third, the next is four seconds off.
  ASSERT_TRUE(eventually([&] { return alice.multicast().counters().announced >= 3; }));
  const auto before = std::chrono::steady_clock::now();
  TestAnnouncer bob(options, 2, "lab");
  ASSERT_GE(bob.inbox().wait_for(1).size(), 1u);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(3));
}

TEST(MulticastTest, OtherClustersAndStrangersAreNotHeard) {
  const MulticastOptions options = options_for(free_group());
  TestAnnouncer alice(options, 1, "lab");
  TestAnnouncer other(options, 2, "barn");
  TestAnnouncer stranger(options, 3, "lab", test_keyring('x'));
  const auto dropped = [&](DropReason reason) {
    return alice.multicast().counters().seal.dropped_for(reason);
  };
  EXPECT_TRUE(eventually([&] {
    return dropped(DropReason::kOtherCluster) > 1 && dropped(DropReason::kUnknownKey) > 1;
  }));
  EXPECT_EQ(alice.inbox().size(), 0u);
  EXPECT_EQ(other.inbox().size(), 0u);
}

TEST(MulticastTest, WhatIsAnnouncedCanBeChanged) {
  const MulticastOptions options = options_for(free_group());
  TestAnnouncer alice(options, 1, "lab");
  TestAnnouncer bob(options, 2, "lab");
  core::MemberClaim refuted = wire::test_claim(1);
  ++refuted.version.refutation;
  alice.multicast().set_self(refuted);
  EXPECT_TRUE(eventually([&] {
    const auto all = bob.inbox().wait_for(1);
    return !all.empty() && all.back().first == refuted;
  }));
}

TEST(MulticastTest, WrongSettingsAreNamed) {
  const auto error_of = [](const std::string& group, const std::string& interface) {
    MulticastOptions options = options_for(group);
    options.interface = interface;
    Multicast multicast(options, test_sealer(1), wire::test_claim(1), [](auto, auto) {});
    const Status started = multicast.start();
    return started ? "(started)" : started.error().message;
  };
  EXPECT_THAT(error_of("10.0.0.1:7947", "127.0.0.1"), HasSubstr("must be a multicast address"));
  EXPECT_THAT(error_of("239.255.83.84", "127.0.0.1"), HasSubstr("has no port"));
  EXPECT_THAT(error_of("239.255.83.84:0", "127.0.0.1"), HasSubstr("must be a multicast address"));
  EXPECT_THAT(error_of(free_group(), "lo"), HasSubstr("must be the IPv4 address of an interface"));
  EXPECT_THAT(error_of(free_group(), "192.0.2.1"), HasSubstr("multicast group 239.255.83.84:"));
}

TEST(MulticastTest, StopsTwiceAndAtOnce) {
  MulticastOptions options = options_for(free_group());
  options.period = std::chrono::hours(1);
  TestAnnouncer alice(options, 1, "lab");
  const auto before = std::chrono::steady_clock::now();
  alice.multicast().stop();
  alice.multicast().stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
}

}  // namespace
}  // namespace skiptrain::discovery
