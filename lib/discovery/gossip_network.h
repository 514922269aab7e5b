// Membership's way out, in one piece: packets over UDP, calls over the reliable port, seeds by name
// and by multicast; all of it sealed.
//
// Thread-safe. The sink is called on several threads of its parts and must only post.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "discovery/gossip_sealer.h"
#include "discovery/multicast.h"
#include "discovery/seeds.h"
#include "discovery/udp_gossip.h"
#include "ports/gossip.h"
#include "ports/gossip_call.h"

namespace skiptrain::discovery {

// Calls of others that wait for their answer; more are refused.
inline constexpr std::size_t kMaxWaitingCalls = 256;
// Addresses heard by multicast that are handed on as seeds.
inline constexpr std::size_t kMaxHeardSeeds = 16;
inline constexpr Duration kMemberListTimeout = std::chrono::seconds(10);
inline constexpr Duration kSeedLookupTimeout = std::chrono::seconds(5);

struct GossipNetworkOptions {
  UdpGossipOptions udp;
  std::vector<std::string> join;  // passed Seeds::check
  std::optional<MulticastOptions> multicast;
};

class GossipNetwork final : public ports::Gossip {
 public:
  // `calls` is shared with the transport that carries them; it must be started before this.
  GossipNetwork(GossipNetworkOptions options, const Identity& identity,
                std::shared_ptr<const Keyring> keyring, std::shared_ptr<ports::GossipCall> calls);
  ~GossipNetwork() override;  // stops

  Status start(Sink sink) override;
  void stop() override;
  std::string address() const override;

  void send(core::SendPacket packet) override;
  void call(core::CallMemberList call) override;
  void call(const core::CallReliablePing& call) override;
  void answer(core::AnswerMemberList answer) override;
  void answer(const core::AnswerReliablePing& answer) override;
  void refuse(const core::RefuseCall& refusal) override;
  void member_started(NodeId member, Incarnation incarnation) override;
  void restart_as(Incarnation incarnation) override;
  void resolve_seeds() override;
  Status announce_self(core::MemberClaim self) override;
  ports::GossipReport report() const override;

 private:
  // What callbacks of the parts hold on to: they may come when this object is going down.
  struct Shared;

  void call(std::uint64_t number, const std::string& address, const wire::ReliableGossip& message,
            Duration timeout);
  void reply(std::uint64_t call, const wire::ReliableGossip& message);

  const GossipNetworkOptions options_;
  const std::shared_ptr<GossipSealer> sealer_;
  const std::shared_ptr<ports::GossipCall> calls_;
  const std::shared_ptr<Shared> shared_;
  Seeds seeds_;
  UdpGossip udp_;
  std::unique_ptr<Multicast> multicast_;  // from the first announce_self on
  bool stopped_ = false;
};

}  // namespace skiptrain::discovery
