// The UDP socket of membership: packets out to an address, packets in to a sink, sealed on the
// wire.
//
// One thread of its own does all the work: it receives into a fixed buffer, opens, decodes and
// hands on; and it encodes, seals and sends. Names are looked up elsewhere (name_resolver.h) and
// kept for a while. UDP promises nothing, so neither does send(): what could not be sent is
// counted.
//
// Thread-safe, but start() comes first, and stop() is not called from the sink.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "core/membership/messages.h"
#include "discovery/gossip_sealer.h"
#include "discovery/name_resolver.h"

namespace skiptrain::discovery {

// Packets handed to send() that the thread has not come to; what comes beyond is dropped.
inline constexpr std::size_t kMaxQueuedPackets = 1024;
// Packets that wait for one name's look-up; beyond it the oldest is dropped.
inline constexpr std::size_t kMaxPacketsPerLookup = 8;
// Names whose addresses are kept.
inline constexpr std::size_t kMaxKnownNames = 1024;

struct UdpGossipOptions {
  std::string bind_address;  // HOST:PORT; port 0 takes a free one. "[::]" hears IPv4 too
  // Asked of the kernel, which may give less (net.core.rmem_max): a full list's worth of packets.
  int socket_buffer_bytes = 1 << 20;
  Duration lookup_timeout = std::chrono::seconds(5);
  Duration address_lifetime = std::chrono::seconds(60);  // until a name is looked up anew
  Duration retry_lookup_after = std::chrono::seconds(5);
  NameResolver::Lookup lookup = NameResolver::system_lookup;
};

struct UdpGossipCounters {
  std::uint64_t packets_in = 0;  // whatever arrived, what was dropped included
  std::uint64_t bytes_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t bytes_out = 0;
  SealCounters seal;  // what was dropped of packets_in, by reason
  std::uint64_t receive_errors = 0;
  // Not sent, because...
  std::uint64_t out_queue_full = 0;  // ...kMaxQueuedPackets were waiting
  std::uint64_t out_too_large = 0;   // ...more than core::kMaxGossipPlainBytes
  std::uint64_t out_unresolved = 0;  // ...its address is no HOST:PORT or its name has no address
  std::uint64_t out_failed = 0;      // ...the system refused
  std::string last_drop;             // reason, source and detail of the newest; "" if none
  std::string last_send_error;       // address and reason
};

class UdpGossip {
 public:
  // Runs on the socket's thread: must only post. `source` is IP:PORT.
  using Sink = std::function<void(core::GossipPacket packet, std::string source)>;

  UdpGossip(UdpGossipOptions options, std::shared_ptr<GossipSealer> sealer, Sink sink);
  ~UdpGossip();  // stops

  // Binds and begins to receive. kInvalidArgument for an address that is not HOST:PORT;
  // kUnavailable, with the address and the system's reason, if it cannot be had.
  Status start();
  // Within two seconds, whatever hangs, and after all that was sent before, but for what still
  // waits for its name. Afterwards the sink is not called any more.
  void stop();

  // IP:PORT that was bound, with its real port.
  std::string local_address() const;

  // `address` is HOST:PORT. `packet.from` must be the sealer's node. Dropped before start() and
  // after stop().
  void send(std::string address, core::GossipPacket packet);

  UdpGossipCounters counters() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace skiptrain::discovery
