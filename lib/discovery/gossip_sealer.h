// Membership messages to sealed bytes and back: the codec of lib/wire within the envelopes of
// sealed_packet.h, with counters. The one door for what goes over UDP, over the reliable call and
// over multicast.
//
// Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "core/membership/messages.h"
#include "discovery/sealed_packet.h"
#include "wire/gossip_codec.h"

namespace skiptrain::discovery {

// Of one kind of envelope, since the start.
struct SealCounters {
  std::uint64_t sealed = 0;
  std::uint64_t opened = 0;
  std::array<std::uint64_t, kDropReasons> dropped{};  // by DropReason
  std::uint64_t dropped_for(DropReason reason) const {
    return dropped[static_cast<std::size_t>(reason)];
  }
};

class GossipSealer {
 public:
  GossipSealer(const Identity& identity, std::shared_ptr<const Keyring> keyring);

  const Identity& identity() const { return identity_; }

  // For UDP. Errors as Sealer's: kResourceExhausted if the packet is too large. `packet.from` must
  // be this node.
  Result<std::string> seal_packet(const core::GossipPacket& packet);
  tl::expected<core::GossipPacket, Drop> open_packet(std::string_view envelope);

  // For the reliable call, questions and answers.
  Result<std::string> seal_call(const wire::ReliableGossip& message);
  tl::expected<wire::ReliableGossip, Drop> open_call(std::string_view envelope);

  // For multicast: a member's claim that it is alive, about itself.
  Result<std::string> seal_announcement(const core::MemberClaim& self);
  tl::expected<core::MemberClaim, Drop> open_announcement(std::string_view envelope);

  // To be told of each member's newest incarnation: what was recorded before it is dropped then,
  // also if this node has not heard that member yet.
  void raise_floor(NodeId sender, Incarnation incarnation);

  // What is sealed from now on is of this incarnation.
  void restart_as(Incarnation incarnation);

  SealCounters counters(EnvelopeKind kind) const;

 private:
  struct Channel {
    Channel(EnvelopeKind kind, const Identity& identity,
            const std::shared_ptr<const Keyring>& keyring)
        : kind(kind), sealer(kind, identity, keyring), opener(kind, identity, keyring) {}
    const EnvelopeKind kind;
    Sealer sealer;
    Opener opener;
    SealCounters counters;  // guarded by mutex_
  };

  Result<std::string> seal(Channel& channel, const std::string& plain);
  // `decode` makes a Result<T> of the plain bytes; `from_of` tells whom a T says it is from.
  template <typename T, typename Decode, typename FromOf>
  tl::expected<T, Drop> open(Channel& channel, std::string_view envelope, Decode decode,
                             FromOf from_of);
  void count(Channel& channel, const Drop* drop);

  const Identity identity_;
  mutable std::mutex mutex_;
  Channel packets_;
  Channel calls_;
  Channel announcements_;
};

}  // namespace skiptrain::discovery
