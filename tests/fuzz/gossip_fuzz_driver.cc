// Feeds gossip_fuzz with random mutations of valid messages.
//
//   gossip_fuzz_driver [COUNT [SEED]]
//
// With clang, gossip_fuzz.cc alone and -fsanitize=fuzzer make a proper fuzzer.
#include <memory>
#include <string>

#include "base/check.h"
#include "base/rng.h"
#include "discovery/gossip_sealer.h"
#include "discovery/keyring.h"
#include "tests/fuzz/gossip_fuzz.h"
#include "tests/fuzz/seeded_driver.h"
#include "tests/unit/wire/gossip_testing.h"
#include "wire/gossip_codec.h"

namespace skiptrain::discovery {
namespace {

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

std::string make_input(Rng& rng) {
  const auto door = static_cast<char>(rng.below(kGossipDoors));
  std::string bytes = door == 0   ? packet_bytes(rng)
                      : door == 1 ? call_bytes(rng)
                                  : envelope_bytes(rng);
  fuzz::mutate(bytes, rng);
  return door + bytes;
}

}  // namespace
}  // namespace skiptrain::discovery

int main(int argc, char** argv) {
  return skiptrain::fuzz::drive(argc, argv, skiptrain::discovery::make_input);
}
