// Keys, sealers and endpoints for tests of discovery.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "discovery/base64.h"
#include "discovery/gossip_sealer.h"
#include "discovery/keyring.h"
#include "discovery/udp_gossip.h"

namespace skiptrain::discovery {

// Far beyond what anything here takes, sanitizers and a busy machine included.
inline constexpr Duration kPatience = std::chrono::seconds(30);

// Always the same key for the same byte.
inline Key test_key(std::uint8_t byte = 'k') {
  std::array<std::uint8_t, kKeyBytes> bytes;
  bytes.fill(byte);
  auto key = Key::from_base64(to_base64(bytes));
  EXPECT_TRUE(key) << key.error().message;
  return *key;
}

inline std::shared_ptr<Keyring> test_keyring(std::uint8_t byte = 'k') {
  return std::make_shared<Keyring>(KeySet(test_key(byte)));
}

inline Identity test_identity(std::uint64_t node, std::uint64_t incarnation = 1,
                              const std::string& cluster = "lab") {
  return {cluster, NodeId(node), Incarnation(incarnation)};
}

inline std::shared_ptr<GossipSealer> test_sealer(
    std::uint64_t node, std::uint64_t incarnation = 1,
    const std::shared_ptr<Keyring>& keyring = test_keyring()) {
  return std::make_shared<GossipSealer>(test_identity(node, incarnation), keyring);
}

inline core::GossipPacket ping_from(std::uint64_t node, std::uint32_t sequence) {
  core::GossipPacket packet;
  packet.from = NodeId(node);
  packet.body = core::Ping{sequence, NodeId(99)};
  return packet;
}

// Waits until `holds` does, looking often. For state that has no event.
inline bool eventually(const std::function<bool()>& holds, Duration limit = kPatience) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// What a sink was given.
template <typename T>
class Inbox {
 public:
  void put(T value, std::string source) {
    const std::lock_guard lock(mutex_);
    values_.push_back({std::move(value), std::move(source)});
    changed_.notify_all();
  }
  // The first `count`, once they are there; fewer if they do not come.
  std::vector<std::pair<T, std::string>> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return values_.size() >= count; });
    return values_;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<T, std::string>> values_;
};

// A look-up that hangs until it is released, and counts its calls. The resolver's threads may
// outlive the test, so what they touch is shared.
class HangingLookup {
 public:
  ~HangingLookup() { release(); }
  NameResolver::Lookup function() const {
    return [state = state_](const std::string& host) -> Result<NameResolver::Addresses> {
      std::unique_lock lock(state->mutex);
      ++state->calls;
      state->changed.wait(lock, [&] { return state->released; });
      return fail(ErrorCode::kNotFound, "name " + host + ": released");
    };
  }
  void release() {
    const std::lock_guard lock(state_->mutex);
    state_->released = true;
    state_->changed.notify_all();
  }
  std::size_t calls() const {
    const std::lock_guard lock(state_->mutex);
    return state_->calls;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool released = false;
    std::size_t calls = 0;
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

// A UDP endpoint on loopback with all that it received.
class TestEndpoint {
 public:
  explicit TestEndpoint(std::shared_ptr<GossipSealer> sealer, UdpGossipOptions options = {})
      : inbox_(std::make_shared<Inbox<core::GossipPacket>>()),
        udp_(with_address(std::move(options)), std::move(sealer),
             [inbox = inbox_](core::GossipPacket packet, std::string source) {
               inbox->put(std::move(packet), std::move(source));
             }) {
    const Status started = udp_.start();
    EXPECT_TRUE(started) << started.error().message;
  }

  UdpGossip& udp() { return udp_; }
  Inbox<core::GossipPacket>& inbox() { return *inbox_; }
  std::string address() const { return udp_.local_address(); }
  std::uint64_t dropped(DropReason reason) const {
    return udp_.counters().seal.dropped_for(reason);
  }

 private:
  static UdpGossipOptions with_address(UdpGossipOptions options) {
    if (options.bind_address.empty()) options.bind_address = "127.0.0.1:0";
    return options;
  }
  const std::shared_ptr<Inbox<core::GossipPacket>> inbox_;
  UdpGossip udp_;
};

}  // namespace skiptrain::discovery
