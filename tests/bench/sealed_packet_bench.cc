// Measures what a gossip packet costs: to encode and decode it, to seal and open it, to drop a
// forged one, and to go there and back over UDP on loopback.
//
//   sealed_packet_bench [--seconds S]
//
// Each figure is the median of eleven batches; beside it the smallest, which other work on the
// machine disturbs least. A node sends about two packets a second (a probe and its answer), so
// microseconds here are nothing; the figure of forged packets says what a flood can cost.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/check.h"
#include "discovery/gossip_sealer.h"
#include "discovery/keyring.h"
#include "discovery/udp_gossip.h"
#include "tests/unit/wire/gossip_testing.h"
#include "wire/gossip_codec.h"

namespace skiptrain::discovery {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatches = 11;

double seconds_of(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// `work(n)` does the thing n times.
void measure(const char* name, std::size_t bytes, double seconds,
             const std::function<void(std::size_t)>& work) {
  std::size_t count = 16;
  while (seconds_of([&] { work(count); }) < seconds / kBatches / 2) count *= 2;
  std::vector<double> micros;
  for (std::size_t i = 0; i < kBatches; ++i) {
    micros.push_back(seconds_of([&] { work(count); }) * 1e6 / static_cast<double>(count));
  }
  std::sort(micros.begin(), micros.end());
  std::printf("%-28s %5zu bytes  median %8.2f us  smallest %8.2f us\n", name, bytes,
              micros[kBatches / 2], micros[0]);
}

std::shared_ptr<Keyring> new_keyring() {
  auto key = Key::generate();
  SKIPTRAIN_CHECK(key, "the system gives random bytes");
  return std::make_shared<Keyring>(KeySet(*key));
}

std::shared_ptr<GossipSealer> sealer_of(std::uint64_t node,
                                        const std::shared_ptr<Keyring>& keyring) {
  return std::make_shared<GossipSealer>(Identity{"bench", NodeId(node), Incarnation(1)}, keyring);
}

core::GossipPacket packet_with(std::size_t claims) {
  core::GossipPacket packet;
  packet.from = NodeId(1);
  packet.body = core::Ping{7, NodeId(2)};
  for (std::size_t i = 0; i < claims; ++i) packet.claims.push_back(wire::test_claim(i + 10));
  return packet;
}

void measure_sealing(const core::GossipPacket& packet, double seconds) {
  const auto keyring = new_keyring();
  const std::string plain = wire::encode_gossip(packet);
  measure("encode", plain.size(), seconds, [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      SKIPTRAIN_CHECK(wire::encode_gossip(packet).size() == plain.size(), "encodes");
    }
  });
  measure("decode and check", plain.size(), seconds, [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      SKIPTRAIN_CHECK(wire::decode_gossip_packet(plain), "decodes");
    }
  });
  const Identity alice{"bench", NodeId(1), Incarnation(1)};
  const Identity bob{"bench", NodeId(2), Incarnation(1)};
  Sealer sealer(EnvelopeKind::kPacket, alice, keyring);
  Opener opener(EnvelopeKind::kPacket, bob, keyring);
  measure("seal", plain.size(), seconds, [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) SKIPTRAIN_CHECK(sealer.seal(plain), "seals");
  });
  measure("seal and open", plain.size(), seconds, [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      SKIPTRAIN_CHECK(opener.open(*sealer.seal(plain)), "opens");
    }
  });
  std::string forged = *sealer.seal(plain);
  forged.back() = static_cast<char>(forged.back() ^ 1);
  measure("drop a forged one", plain.size(), seconds, [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) SKIPTRAIN_CHECK(!opener.open(forged), "drops");
  });
}

// One packet at a time, there and back.
class PingPong {
 public:
  PingPong()
      : alice_(options(), sealer_of(1, keyring_), [this](auto, auto) { arrived(); }),
        bob_(options(), sealer_of(2, keyring_),
             [this](core::GossipPacket packet, std::string from) {
               packet.from = NodeId(2);
               bob_.send(std::move(from), std::move(packet));
             }) {
    SKIPTRAIN_CHECK(alice_.start() && bob_.start(), "sockets on loopback");
  }
  ~PingPong() {
    alice_.stop();
    bob_.stop();
  }

  void run(const core::GossipPacket& packet, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      std::unique_lock lock(mutex_);
      back_ = false;
      alice_.send(bob_.local_address(), packet);
      SKIPTRAIN_CHECK(changed_.wait_for(lock, std::chrono::seconds(10), [&] { return back_; }),
                      "loopback loses no packet");
    }
  }

 private:
  static UdpGossipOptions options() {
    UdpGossipOptions result;
    result.bind_address = "127.0.0.1:0";
    return result;
  }
  void arrived() {
    const std::lock_guard lock(mutex_);
    back_ = true;
    changed_.notify_all();
  }

  const std::shared_ptr<Keyring> keyring_ = new_keyring();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool back_ = false;
  UdpGossip alice_;
  UdpGossip bob_;
};

int run(double seconds) {
  for (const std::size_t claims : {0, 7}) {
    const core::GossipPacket packet = packet_with(claims);
    std::printf("a ping with %zu claims\n", claims);
    measure_sealing(packet, seconds);
    PingPong ping_pong;
    measure("there and back over UDP", wire::encode_gossip(packet).size(), seconds,
            [&](std::size_t count) { ping_pong.run(packet, count); });
  }
  return 0;
}

}  // namespace
}  // namespace skiptrain::discovery

int main(int argc, char** argv) {
  double seconds = 1.0;
  if (argc == 3 && std::string(argv[1]) == "--seconds") {
    seconds = std::strtod(argv[2], nullptr);
  } else if (argc != 1) {
    std::fprintf(stderr, "usage: sealed_packet_bench [--seconds S]\n");
    return 2;
  }
  return skiptrain::discovery::run(seconds);
}
