// Feeds gossip_fuzz with random mutations of valid messages, a bounded number of times, where no
// libFuzzer is at hand. The seed of each input is printed when it crashes, and can be given again.
//
//   gossip_fuzz_driver [COUNT [SEED]]
//
// With clang, gossip_fuzz.cc alone and -fsanitize=fuzzer make a proper fuzzer.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/check.h"
#include "base/rng.h"
#include "discovery/gossip_sealer.h"
#include "discovery/keyring.h"
#include "tests/fuzz/gossip_fuzz.h"
#include "tests/unit/wire/gossip_testing.h"
#include "wire/gossip_codec.h"

namespace skiptrain::discovery {
namespace {

std::uint64_t current_seed = 0;

// Not async-signal-safe in the letter; the process is lost anyway.
void say_seed(int signal) {
  std::fprintf(stderr, "crashed on: gossip_fuzz_driver 1 %llu\n",
               static_cast<unsigned long long>(current_seed));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

std::string packet_bytes(Rng& rng) {
  const std::string bytes = wire::encode_gossip(wire::random_packet(rng, NodeId(rng.next())));
  SKIPTRAIN_CHECK(wire::decode_gossip_packet(bytes), "the seed of a packet is valid");
  return bytes;
}

std::string call_bytes(Rng& rng) {
  wire::ReliableGossip message = core::ReliablePing{NodeId(rng.next()), NodeId(rng.next())};
  if (rng.below(4) > 0) {
    core::MemberList list{NodeId(rng.next()), rng.below(2) == 0, {}};
    for (std::uint64_t i = rng.below(8); i > 0; --i) list.members.push_back(wire::test_claim(i));
    message = list;
  }
  const std::string bytes = wire::encode_reliable_gossip(message);
  SKIPTRAIN_CHECK(wire::decode_reliable_gossip(bytes), "the seed of a call is valid");
  return bytes;
}

// Sealed for the right cluster, with a key that the receiver does not have.
std::string envelope_bytes(Rng& rng) {
  static GossipSealer stranger = [] {
    auto key = Key::generate();
    SKIPTRAIN_CHECK(key, "the system gives random bytes");
    return GossipSealer({"fuzz", NodeId(2), Incarnation(1)},
                        std::make_shared<Keyring>(KeySet(*key)));
  }();
  auto envelope = stranger.seal_packet(wire::random_packet(rng, NodeId(2)));
  SKIPTRAIN_CHECK(envelope, "the seed of an envelope fits");
  return *envelope;
}

void mutate(std::string& bytes, Rng& rng) {
  for (std::uint64_t edits = rng.below(6); edits > 0 && !bytes.empty(); --edits) {
    const std::size_t at = rng.below(bytes.size());
    switch (rng.below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(rng.next());
        break;
      case 2:
        bytes.insert(at, 1, static_cast<char>(rng.next()));
        break;
      case 3:
        bytes.erase(at, 1);
        break;
      case 4:
        bytes.resize(at);
        break;
      case 5:  // a piece of itself, elsewhere
        bytes.insert(rng.below(bytes.size() + 1), bytes.substr(at, rng.below(64)));
        break;
    }
  }
}

int drive(std::uint64_t count, std::uint64_t first_seed) {
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE}) std::signal(signal, say_seed);
  for (std::uint64_t i = 0; i < count; ++i) {
    current_seed = first_seed + i;
    Rng rng(current_seed);
    const auto door = static_cast<char>(rng.below(kGossipDoors));
    std::string bytes = door == 0   ? packet_bytes(rng)
                        : door == 1 ? call_bytes(rng)
                                    : envelope_bytes(rng);
    mutate(bytes, rng);
    bytes.insert(0, 1, door);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%llu inputs from seed %llu\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(first_seed));
  return 0;
}

}  // namespace
}  // namespace skiptrain::discovery

int main(int argc, char** argv) {
  const auto number = [&](int index, std::uint64_t otherwise) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
  };
  return skiptrain::discovery::drive(number(1, 50'000), number(2, 1));
}
