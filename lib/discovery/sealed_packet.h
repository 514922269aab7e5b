// The envelope around every membership message: encrypted and authenticated with the cluster's key,
// so that a stranger can neither read who is there nor say anything, nor say again what was said.
//
//   offset  bytes
//        0      1  version, 1
//        1      1  kind of envelope
//        2      4  cluster hash, tells another cluster's packets from forgeries
//        6      4  key id
//       10      8  sender's NodeId        (numbers are big-endian)
//       18      8  sender's incarnation
//       26      8  sequence: counts the sender's envelopes of this kind within this incarnation
//       34      8  nonce prefix
//       42      n  message, encrypted by AES-256-GCM
//     42+n     16  tag
//
// What stands before the message is authenticated too, and so is the whole cluster id behind it.
// The nonce is the prefix and the sequence's lower 32 bits. The prefix is a hash of 128 fresh
// random bits and of who the sender is; it is drawn at each start and each time the 32 bits begin
// anew. So no nonce repeats under a key, not across restarts, and not on two devices that were
// started from one image with the same state of the random generator.
//
// A kind has its own sequence: a call that waited ten seconds for its connection would otherwise
// lie behind the window of the packets sent meanwhile. And an envelope is good for its kind only.
//
// Sealer and Opener are thread-safe. Neither knows what a message is; gossip_sealer.h does.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "core/membership/messages.h"
#include "discovery/keyring.h"
#include "discovery/replay_window.h"

namespace skiptrain::discovery {

inline constexpr std::uint8_t kEnvelopeVersion = 1;
inline constexpr std::size_t kEnvelopeOverheadBytes = 58;
static_assert(kEnvelopeOverheadBytes + core::kMaxGossipPlainBytes <= core::kMaxGossipPacketBytes);

enum class EnvelopeKind : std::uint8_t {
  kPacket = 1,        // over UDP
  kCall = 2,          // over the reliable call, both ways
  kAnnouncement = 3,  // over multicast
};
inline constexpr std::size_t kEnvelopeKinds = 3;

// The largest whole envelope of a kind.
std::size_t max_envelope_bytes(EnvelopeKind kind);

// Why something was not let in.
enum class DropReason : std::uint8_t {
  kTruncated,     // shorter than an envelope
  kTooLarge,      // longer than its kind may be
  kWrongVersion,  // of another version of the envelope
  kOtherCluster,  // of a cluster with another id
  kUnknownKey,    // sealed with a key that the keyring does not have
  kForged,        // changed on the way, or sealed by someone without the key
  kOwn,           // from this NodeId: sent back to us, or another node has our id
  kReplayed,      // seen before, or too late to tell
  kEarlierStart,  // from before the sender's restart, or of another device with the sender's id
  kMalformed,     // authentic, but what is in it breaks a rule
};
inline constexpr std::size_t kDropReasons = 10;
const char* to_string(DropReason reason);

struct Drop {
  DropReason reason = DropReason::kTruncated;
  std::string detail;  // for a log, with control characters removed
  NodeId sender{};     // of kEarlierStart: who sealed it
};

// Who seals.
struct Identity {
  std::string cluster_id;
  NodeId node;
  Incarnation incarnation;  // larger at each start of this node, else it is taken for a replay
};

namespace internal {
// AES-256-GCM of OpenSSL with its context kept, as making one costs more than a packet.
class Gcm;
}  // namespace internal

class Sealer {
 public:
  Sealer(EnvelopeKind kind, const Identity& identity, std::shared_ptr<const Keyring> keyring,
         std::uint64_t first_sequence = 0);
  ~Sealer();

  // The envelope around `plain`, sealed with the key in use. kResourceExhausted if it would be
  // larger than the kind may be; kInternal if the system gives no random bytes.
  Result<std::string> seal(std::string_view plain);
  // Goes on as this incarnation, which must be larger, and counts from 0.
  void restart_as(Incarnation incarnation);

 private:
  Status draw_prefix();

  const EnvelopeKind kind_;
  const std::string cluster_hash_;
  const std::shared_ptr<const Keyring> keyring_;
  std::mutex mutex_;
  Identity identity_;
  std::unique_ptr<internal::Gcm> gcm_;
  std::uint64_t sequence_;
  std::array<std::uint8_t, 8> prefix_{};
  bool prefix_drawn_ = false;
};

struct Opened {
  NodeId sender;
  Incarnation incarnation;
  std::string plain;
};

class Opener {
 public:
  // `identity` is whose packets are kOwn; its incarnation does not matter.
  Opener(EnvelopeKind kind, const Identity& identity, std::shared_ptr<const Keyring> keyring,
         std::size_t max_senders = core::kMaxMembers);
  ~Opener();

  tl::expected<Opened, Drop> open(std::string_view envelope);
  // See ReplayGuard.
  void raise_floor(NodeId sender, Incarnation incarnation);

 private:
  const EnvelopeKind kind_;
  const Identity identity_;
  const std::string cluster_hash_;
  const std::shared_ptr<const Keyring> keyring_;
  std::mutex mutex_;
  std::unique_ptr<internal::Gcm> gcm_;
  ReplayGuard replays_;
};

}  // namespace skiptrain::discovery
