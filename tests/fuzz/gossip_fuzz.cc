// Whatever bytes a peer sends as gossip, from within the cluster or from without: the envelope and
// the codec must neither crash, nor read out of bounds, nor let through a message that breaks a
// rule.
//
// The first byte of the input says which door it goes to; the rest are the bytes.
#include "tests/fuzz/gossip_fuzz.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "discovery/gossip_sealer.h"
#include "discovery/keyring.h"
#include "wire/gossip_codec.h"

namespace skiptrain::discovery {
namespace {

void check_claim(const core::MemberClaim& claim) {
  SKIPTRAIN_CHECK(claim.info || claim.state != core::MemberState::kAlive,
                  "who is alive says who it is");
  SKIPTRAIN_CHECK(!claim.info || wire::validate(*claim.info), "what was decoded keeps the rules");
}

// Accepted messages keep the rules, and come back the same when they are encoded anew.
void check_packet(std::string_view bytes) {
  const auto packet = wire::decode_gossip_packet(bytes);
  if (!packet) return;
  for (const auto& claim : packet->claims) check_claim(claim);
  const auto again = wire::decode_gossip_packet(wire::encode_gossip(*packet));
  SKIPTRAIN_CHECK(again && *again == *packet, "a packet is encoded as it was decoded");
}

void check_call(std::string_view bytes) {
  const auto message = wire::decode_reliable_gossip(bytes);
  if (!message) return;
  if (const auto* list = std::get_if<core::MemberList>(&*message)) {
    SKIPTRAIN_CHECK(list->members.size() <= core::kMaxMembers, "a list has a limit");
    for (const auto& claim : list->members) check_claim(claim);
  }
  const auto again = wire::decode_reliable_gossip(wire::encode_reliable_gossip(*message));
  SKIPTRAIN_CHECK(again && *again == *message, "a message is encoded as it was decoded");
}

// By someone without the key.
void check_stranger(const std::string& bytes) {
  static GossipSealer sealer = [] {
    auto key = Key::generate();
    SKIPTRAIN_CHECK(key, "the system gives random bytes");
    return GossipSealer({"fuzz", NodeId(1), Incarnation(1)},
                        std::make_shared<Keyring>(KeySet(*key)));
  }();
  SKIPTRAIN_CHECK(!sealer.open_packet(bytes), "nobody without the key is let in");
  SKIPTRAIN_CHECK(!sealer.open_call(bytes), "nobody without the key is let in");
}

}  // namespace
}  // namespace skiptrain::discovery

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skiptrain;
  if (size == 0) return 0;
  // A copy without slack, so that a sanitizer sees a read past its end.
  const std::unique_ptr<char[]> copy(new char[size]);
  std::copy_n(data, size, copy.get());
  const std::string_view bytes(copy.get() + 1, size - 1);
  switch (data[0] % discovery::kGossipDoors) {
    case 0:
      discovery::check_packet(bytes);
      break;
    case 1:
      discovery::check_call(bytes);
      break;
    default:
      discovery::check_stranger(std::string(bytes));
      (void)discovery::KeySet::parse(bytes, "fuzz");
  }
  return 0;
}
