#include "discovery/gossip_network.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace skiptrain::discovery {

struct GossipNetwork::Shared {
  std::mutex mutex;  // guards all
  Sink sink;         // null before the start and after the stop
  std::uint64_t last_call = 0;
  std::map<std::uint64_t, ports::GossipCall::Reply> waiting;
  std::vector<std::string> resolved;  // of the configured seeds
  std::vector<std::string> heard;     // by multicast

  // Under the lock, so that nothing is posted once stop() has taken the sink away. Whoever posts
  // does nothing else.
  void post(core::MembershipEvent event) {
    const std::lock_guard lock(mutex);
    if (sink) sink(std::move(event));
  }
  void post_seeds() {
    const std::lock_guard lock(mutex);
    if (!sink) return;
    core::SeedsResolved seeds{resolved};
    seeds.addresses.insert(seeds.addresses.end(), heard.begin(), heard.end());
    sink(std::move(seeds));
  }
};

GossipNetwork::GossipNetwork(GossipNetworkOptions options, const Identity& identity,
                             std::shared_ptr<const Keyring> keyring,
                             std::shared_ptr<ports::GossipCall> calls)
    : options_(std::move(options)),
      sealer_(std::make_shared<GossipSealer>(identity, std::move(keyring))),
      calls_(std::move(calls)),
      shared_(std::make_shared<Shared>()),
      seeds_(options_.join),
      udp_(options_.udp, sealer_,
           [shared = shared_](core::GossipPacket packet, std::string source) {
             shared->post(core::PacketReceived{std::move(source), std::move(packet)});
           }) {}

GossipNetwork::~GossipNetwork() {
  stop();
}

Status GossipNetwork::start(Sink sink) {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->sink = std::move(sink);
  }
  if (auto bound = udp_.start(); !bound) return bound;
  calls_->set_gossip_handler(
      [shared = shared_, sealer = sealer_](std::string envelope, ports::GossipCall::Reply reply) {
        auto message = sealer->open_call(envelope);
        const bool earlier = !message && message.error().reason == DropReason::kEarlierStart;
        if (!message && !earlier) {
          const Drop& drop = message.error();
          return reply(fail(ErrorCode::kInvalidArgument,
                            std::string(to_string(drop.reason)) + ": " + drop.detail));
        }
        std::uint64_t call = 0;
        {
          const std::lock_guard lock(shared->mutex);
          if (shared->waiting.size() < kMaxWaitingCalls) {
            call = ++shared->last_call;
            shared->waiting.emplace(call, reply);
          }
        }
        if (call == 0)
          return reply(fail(ErrorCode::kResourceExhausted, "too many calls are waiting"));
        if (earlier) {
          shared->post(core::EarlierStartCalled{call, message.error().sender});
        } else if (auto* list = std::get_if<core::MemberList>(&*message)) {
          shared->post(core::MemberListRequested{call, std::move(*list)});
        } else if (const auto* ping = std::get_if<core::ReliablePing>(&*message)) {
          shared->post(core::ReliablePingRequested{call, *ping});
        } else {
          const std::lock_guard lock(shared->mutex);
          shared->waiting.erase(call);
          reply(fail(ErrorCode::kInvalidArgument, "an answer is no question"));
        }
      });
  resolve_seeds();
  return {};
}

void GossipNetwork::stop() {
  if (std::exchange(stopped_, true)) return;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->sink = nullptr;
    shared_->waiting.clear();
  }
  calls_->set_gossip_handler(nullptr);
  if (multicast_) multicast_->stop();
  seeds_.stop();
  udp_.stop();
}

std::string GossipNetwork::address() const {
  return udp_.local_address();
}

void GossipNetwork::send(core::SendPacket packet) {
  udp_.send(std::move(packet.address), std::move(packet.packet));
}

// ---- Calls -----------------------------------------------------------------------------------

void GossipNetwork::call(core::CallMemberList call) {
  this->call(call.call, call.peer_address, std::move(call.list), kMemberListTimeout);
}

void GossipNetwork::call(const core::CallReliablePing& call) {
  this->call(call.call, call.peer_address, call.ping, call.timeout);
}

void GossipNetwork::call(std::uint64_t number, const std::string& address,
                         const wire::ReliableGossip& message, Duration timeout) {
  auto envelope = sealer_->seal_call(message);
  if (!envelope) {
    return shared_->post(core::CallFailed{number, envelope.error().message});
  }
  calls_->call_gossip(address, *std::move(envelope), timeout,
                      [shared = shared_, sealer = sealer_, number](Result<std::string> answer) {
                        if (!answer)
                          return shared->post(core::CallFailed{number, answer.error().message});
                        auto opened = sealer->open_call(*answer);
                        if (!opened) {
                          return shared->post(core::CallFailed{
                              number, std::string(to_string(opened.error().reason)) + " answer"});
                        }
                        if (auto* list = std::get_if<core::MemberList>(&*opened)) {
                          shared->post(core::MemberListAnswered{number, std::move(*list)});
                        } else if (std::holds_alternative<core::GossipPacket>(*opened)) {
                          shared->post(core::ReliablePingAnswered{number});
                        } else {
                          shared->post(core::CallFailed{number, "a question is no answer"});
                        }
                      });
}

void GossipNetwork::reply(std::uint64_t call, const wire::ReliableGossip& message) {
  ports::GossipCall::Reply reply;
  {
    const std::lock_guard lock(shared_->mutex);
    const auto found = shared_->waiting.find(call);
    if (found == shared_->waiting.end()) return;
    reply = std::move(found->second);
    shared_->waiting.erase(found);
  }
  reply(sealer_->seal_call(message));
}

void GossipNetwork::answer(core::AnswerMemberList answer) {
  reply(answer.call, std::move(answer.list));
}

void GossipNetwork::answer(const core::AnswerReliablePing& answer) {
  core::GossipPacket ack;
  ack.from = sealer_->identity().node;
  ack.body = core::Ack{};
  reply(answer.call, std::move(ack));
}

void GossipNetwork::refuse(const core::RefuseCall& refusal) {
  ports::GossipCall::Reply reply;
  {
    const std::lock_guard lock(shared_->mutex);
    const auto found = shared_->waiting.find(refusal.call);
    if (found == shared_->waiting.end()) return;
    reply = std::move(found->second);
    shared_->waiting.erase(found);
  }
  reply(fail(ErrorCode::kPreconditionFailed, refusal.reason));
}

// ---- Finding the cluster ---------------------------------------------------------------------

void GossipNetwork::resolve_seeds() {
  if (options_.join.empty()) {
    // Nobody to look for by name; with multicast the first that is heard is the first seed.
    if (!options_.multicast) shared_->post_seeds();
    return;
  }
  seeds_.resolve(kSeedLookupTimeout, [shared = shared_](std::vector<SeedAddresses> answers) {
    {
      const std::lock_guard lock(shared->mutex);
      shared->resolved.clear();
      for (SeedAddresses& seed : answers) {
        // A name without an address is tried as it stands: whoever calls it looks it up anew, and
        // says why that failed.
        if (seed.addresses.empty()) seed.addresses.push_back(seed.entry);
        shared->resolved.insert(shared->resolved.end(), seed.addresses.begin(),
                                seed.addresses.end());
      }
    }
    shared->post_seeds();
  });
}

void GossipNetwork::member_started(NodeId member, Incarnation incarnation) {
  sealer_->raise_floor(member, incarnation);
}

void GossipNetwork::restart_as(Incarnation incarnation) {
  sealer_->restart_as(incarnation);
}

Status GossipNetwork::announce_self(core::MemberClaim self) {
  if (!options_.multicast) return {};
  if (multicast_) {
    multicast_->set_self(std::move(self));
    return {};
  }
  multicast_ = std::make_unique<Multicast>(
      *options_.multicast, sealer_, std::move(self),
      [shared = shared_](const core::MemberClaim& heard, const std::string&) {
        {
          const std::lock_guard lock(shared->mutex);
          const std::string& address = heard.info->peer_address;
          const bool known = std::ranges::find(shared->heard, address) != shared->heard.end();
          if (known || shared->heard.size() >= kMaxHeardSeeds) return;
          shared->heard.push_back(address);
        }
        shared->post_seeds();
      });
  return multicast_->start();
}

ports::GossipReport GossipNetwork::report() const {
  const UdpGossipCounters udp = udp_.counters();
  const SealCounters calls = sealer_->counters(EnvelopeKind::kCall);
  ports::GossipReport report;
  report.packets_in = udp.packets_in;
  report.packets_out = udp.packets_out;
  report.bytes_in = udp.bytes_in;
  report.bytes_out = udp.bytes_out;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const std::uint64_t count = udp.seal.dropped[i] + calls.dropped[i];
    if (count > 0) report.dropped.emplace_back(to_string(static_cast<DropReason>(i)), count);
  }
  report.last_drop = udp.last_drop;
  report.send_errors = udp.out_queue_full + udp.out_too_large + udp.out_unresolved + udp.out_failed;
  report.last_send_error = udp.last_send_error;
  return report;
}

}  // namespace skiptrain::discovery
