// Finds the nodes of a cluster on the local network without any address configured: each announces
// itself to a multicast group now and then, sealed with the cluster's key, and hears the others.
//
// What is heard is only a hint whom to ask; it makes nobody a member. A node that hears one for the
// first time announces itself soon, so that a newcomer waits for a moment and not for a period.
//
// One thread of its own. Thread-safe, but start() comes first, and stop() is not called from the
// sink.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "core/membership/member.h"
#include "discovery/gossip_sealer.h"

namespace skiptrain::discovery {

struct MulticastOptions {
  // The group, IPv4 or IPv6, and its port. 239.255/16 stays within a site (RFC 2365).
  std::string group = "239.255.83.84:7947";
  // Where to announce and listen: for an IPv4 group the interface's address ("192.168.1.5"), for an
  // IPv6 group its name ("eth0"). "" is what the system's routes say.
  std::string interface;
  int hops = 1;  // routers it may pass, and 1 more
  // Between announcements, once the first ones, one second after the other and then ever more
  // seldom, are out.
  Duration period = std::chrono::seconds(30);
};

struct MulticastCounters {
  std::uint64_t announced = 0;
  SealCounters seal;  // heard, and dropped by reason; kOwn is our own voice
  std::uint64_t send_errors = 0;
  std::uint64_t receive_errors = 0;
  std::string last_error;  // of sending or receiving, "" if none
};

class Multicast {
 public:
  // Runs on the thread: must only post. `heard` has its info; its peer_address is whom to ask.
  // Called for each announcement of another node, not only for the first.
  using Sink = std::function<void(core::MemberClaim heard, std::string source)>;

  // `self` is what is announced: alive, with info.
  Multicast(MulticastOptions options, std::shared_ptr<GossipSealer> sealer, core::MemberClaim self,
            Sink sink);
  ~Multicast();  // stops

  // Joins the group. kInvalidArgument for an address that is no multicast group or an interface
  // that is none; kUnavailable with the system's reason.
  Status start();
  void stop();

  // From the next announcement on; e.g. after a refutation.
  void set_self(core::MemberClaim self);
  MulticastCounters counters() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace skiptrain::discovery
