// Random changes of the neighbours on several transports at once, then a fixed graph: whatever
// happened before, all of it comes to be, and nothing else is left open.
#include <dirent.h>

#include <array>
#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/unit/transport/transport_testing.h"

namespace skiptrain::transport {
namespace {

using testing::eventually;
using testing::living_config_of;
using testing::peer_at;
using testing::TestNode;
using testing::update_of;

constexpr std::uint64_t kNodes = 6;
constexpr Duration kUnrest = std::chrono::seconds(3);

std::size_t open_files() {
  std::size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

class LinkToStressTest : public ::testing::Test {
 protected:
  LinkToStressTest() {
    for (std::uint64_t id = 0; id < kNodes; ++id) {
      nodes_.push_back(std::make_unique<TestNode>(living_config_of(id)));
    }
  }

  void link(std::uint64_t node, const std::set<std::uint64_t>& to) {
    std::vector<ports::PeerAddress> peers;
    for (const std::uint64_t id : to) peers.push_back(peer_at(id, nodes_[id]->address()));
    nodes_[node]->transport().link_to(peers);
  }

  static std::set<std::uint64_t> ring_of(std::uint64_t node) {
    return {(node + 1) % kNodes, (node + kNodes - 1) % kNodes};
  }

  bool ring_is_up() {
    for (std::uint64_t node = 0; node < kNodes; ++node) {
      for (const std::uint64_t peer : ring_of(node)) {
        if (!nodes_[node]->connected_to(peer)) return false;
      }
    }
    return true;
  }

  std::vector<std::unique_ptr<TestNode>> nodes_;
};

TEST_F(LinkToStressTest, AFixedGraphConnectsAfterUnrest) {
  for (std::uint64_t node = 0; node < kNodes; ++node) link(node, ring_of(node));
  ASSERT_TRUE(eventually([&] { return ring_is_up(); }));
  const std::size_t files_before = open_files();

  std::atomic<bool> stop = false;
  std::vector<std::thread> unrest;
  for (std::uint64_t node = 0; node < kNodes; ++node) {
    unrest.emplace_back([&, node] {
      Rng rng(node + 1);
      for (std::uint64_t round = 0; !stop; ++round) {
        std::set<std::uint64_t> peers;
        for (std::uint64_t id = 0; id < kNodes; ++id) {
          if (id != node && rng.below(2) == 0) peers.insert(id);
        }
        link(node, peers);
        std::vector<NodeId> to;
        for (const std::uint64_t id : peers) to.emplace_back(id);
        GrpcTransport& transport = nodes_[node]->transport();
        for (const NodeId peer : to) transport.send_edge({peer, {true, Round(round)}, {}});
        transport.send(to, update_of(round, 0.0F));
        transport.announce({Round(round), core::Activity::kRunning}, round % 3 == 0);
        if (!to.empty()) transport.fetch_state(to.front(), Round(0));
        (void)transport.links();
        std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(40)));  // the load's pace
      }
    });
  }
  const auto until = std::chrono::steady_clock::now() + kUnrest;
  while (std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  stop = true;
  for (std::thread& thread : unrest) thread.join();

  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t node = 0; node < kNodes; ++node) link(node, ring_of(node));
  ASSERT_TRUE(eventually([&] { return ring_is_up(); }));
  RecordProperty("milliseconds_to_ring",
                 static_cast<int>(to_milliseconds(std::chrono::steady_clock::now() - begin)));

  for (std::uint64_t node = 0; node < kNodes; ++node) {
    const auto peers = ring_of(node);
    EXPECT_EQ(nodes_[node]->transport().links().size(), peers.size());
    std::array<int, kNodes> up{};
    for (const core::Event& event : nodes_[node]->events()) {
      if (const auto* e = std::get_if<core::PeerConnected>(&event)) {
        ASSERT_EQ(++up.at(e->peer.value()), 1);
      } else if (const auto* d = std::get_if<core::PeerDisconnected>(&event)) {
        ASSERT_EQ(--up.at(d->peer.value()), 0);
      }
    }
    for (std::uint64_t id = 0; id < kNodes; ++id) EXPECT_EQ(up[id], peers.contains(id) ? 1 : 0);
  }
  // Nobody answered the fetches between nodes that are linked again.
  for (const auto& node : nodes_) {
    for (const core::Event& event : node->events()) {
      const auto* asked = std::get_if<core::StateRequested>(&event);
      if (asked != nullptr) node->transport().refuse_state(asked->request, "over");
    }
  }
  // Each stream that dialled has a socket at both ends: none is left of the unrest. Channels that
  // are done are freed by the next call.
  EXPECT_TRUE(eventually([&] {
    for (std::uint64_t node = 0; node < kNodes; ++node) link(node, ring_of(node));
    return open_files() <= files_before;
  })) << open_files()
      << " files are open, before the unrest " << files_before;
}

}  // namespace
}  // namespace skiptrain::transport
