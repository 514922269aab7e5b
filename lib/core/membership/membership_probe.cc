// Who is alive: SWIM's probes (section 3.1) with Lifeguard's nacks, and the reliable call beside.
#include <algorithm>

#include "core/membership/membership.h"

namespace skiptrain::core {

void Membership::begin_probe() {
  next_probe_ = now_ + health_.stretch(timing_.probe_interval);
  const auto target = order_.next(table_.others(), rng_);
  if (!target) return;
  Probe probe;
  probe.sequence = next_sequence_++;
  probe.target = *target;
  probe.timeout = now_ + health_.stretch(timing_.probe_timeout);
  probe_ = probe;
  ++counters_.probes;
  const Member& member = *table_.find(*target);
  send(member.info.gossip_address, {{}, Ping{probe.sequence, *target}, {}}, *target);
}

// No ack in time: others try, and the reliable call does.
void Membership::ask_others() {
  Probe& probe = *probe_;
  probe.timed_out = true;
  const Member* target = table_.find(probe.target);
  if (target == nullptr || !target->counts()) {
    probe_.reset();
    return;
  }
  probe.helpers = draw(table_.others(), timing_.indirect_probes, rng_, [&](NodeId node) {
    return node != probe.target && table_.find(node)->state == MemberState::kAlive;
  });
  const PingRequest request{probe.sequence, probe.target, target->info.gossip_address};
  for (const NodeId helper : probe.helpers) {
    send(table_.find(helper)->info.gossip_address, {{}, request, {}}, helper);
  }
  const std::uint64_t call = next_call_++;
  if (!open_call(call, {Call::Purpose::kReliablePing, target->info.peer_address, probe.sequence,
                        now_ + kCallTimeout})) {
    return;
  }
  effects_.push_back(CallReliablePing{call, target->info.peer_address,
                                      ReliablePing{options_.id, probe.target}, next_probe_ - now_});
}

// The interval is over. A probe that is still open got no ack.
void Membership::end_probe() {
  if (!probe_) return;
  const Probe probe = std::move(*probe_);
  probe_.reset();
  Member* target = table_.find(probe.target);
  if (target == nullptr || !target->counts()) return;
  if (probe.reliable_ok) {
    ++counters_.probes_reliable_only;
    target->udp_blocked = true;
    return;
  }
  ++counters_.probes_failed;
  late_probes_.emplace_back(probe.sequence, probe.target);
  if (late_probes_.size() > kMaxLateProbes) late_probes_.pop_front();
  // Helpers that are well answer in any case. Where even their nacks are missing, this node may be
  // the one that does not hear.
  const std::size_t missing = probe.helpers.size() - probe.nacks.size();
  health_.worsen(probe.helpers.empty() ? 1 : static_cast<int>(missing));
  ++counters_.suspicions;
  on_suspect({probe.target, MemberState::kSuspect, target->version, options_.id, std::nullopt});
}

void Membership::on(const PacketReceived& event) {
  std::size_t bytes = encoded_bound(event.packet);
  for (const MemberClaim& claim : event.packet.claims) bytes += encoded_bound(claim);
  counters_.received.add(event.packet, bytes);
  for (const MemberClaim& claim : event.packet.claims) {
    take_in(claim, Heard::kByGossip, event.packet.from);
  }
  const NodeId from = event.packet.from;
  struct Body {
    Membership& self;
    const PacketReceived& event;
    NodeId from;
    void operator()(std::monostate) {}
    void operator()(const Ping& ping) { self.on_ping(ping, event); }
    void operator()(const PingRequest& request) { self.on_ping_request(request, event); }
    void operator()(const Ack& ack) { self.on_ack(ack.sequence, from); }
    void operator()(const Nack& nack) { self.on_nack(nack.sequence, from); }
  };
  std::visit(Body{*this, event, from}, event.packet.body);
}

void Membership::on_ping(const Ping& ping, const PacketReceived& event) {
  if (ping.target != options_.id) {
    ++counters_.packets_for_others;
    return;
  }
  send(event.address, {{}, Ack{ping.sequence}, {}}, event.packet.from);
}

void Membership::on_ping_request(const PingRequest& request, const PacketReceived& event) {
  if (request.target == options_.id) {
    return send(event.address, {{}, Ack{request.sequence}, {}}, event.packet.from);
  }
  if (relays_.size() >= kMaxRelays || leave_ != Leave::kNo) {
    ++counters_.relays_refused;
    return;
  }
  const std::uint32_t sequence = next_sequence_++;
  // The nack must be there before the asking node's interval ends, which is as long as ours.
  constexpr int kNackAtPercent = 80;
  relays_[sequence] = Relay{.requester = event.packet.from,
                            .requester_address = event.address,
                            .requester_sequence = request.sequence,
                            .target = request.target,
                            .nack_at = now_ + timing_.probe_timeout * kNackAtPercent / 100,
                            .until = now_ + timing_.probe_interval};
  send(request.target_address, {{}, Ping{sequence, request.target}, {}}, request.target);
}

void Membership::on_ack(std::uint32_t sequence, NodeId from) {
  if (probe_ && probe_->sequence == sequence) {
    const auto& helpers = probe_->helpers;
    const bool direct = from == probe_->target;
    if (!direct && std::find(helpers.begin(), helpers.end(), from) == helpers.end()) return;
    if (Member* target = table_.find(probe_->target)) target->udp_blocked = false;
    health_.improve();
    probe_.reset();
    return;
  }
  const auto relay = relays_.find(sequence);
  if (relay != relays_.end() && relay->second.target == from) {
    const Relay done = relay->second;
    relays_.erase(relay);
    return send(done.requester_address, {{}, Ack{done.requester_sequence}, {}}, done.requester);
  }
  // It did answer, and this node took so long to hear it that it suspected another.
  const auto late = std::find(late_probes_.begin(), late_probes_.end(), std::pair(sequence, from));
  if (late == late_probes_.end()) return;
  late_probes_.erase(late);
  ++counters_.late_acks;
  health_.worsen(1);
}

void Membership::on_nack(std::uint32_t sequence, NodeId from) {
  if (!probe_ || probe_->sequence != sequence) return;
  const auto& helpers = probe_->helpers;
  if (std::find(helpers.begin(), helpers.end(), from) != helpers.end()) probe_->nacks.insert(from);
}

void Membership::run_relays() {
  for (auto it = relays_.begin(); it != relays_.end();) {
    Relay& relay = it->second;
    if (!relay.nacked && now_ >= relay.nack_at) {
      relay.nacked = true;
      send(relay.requester_address, {{}, Nack{relay.requester_sequence}, {}}, relay.requester);
    }
    it = now_ >= relay.until ? relays_.erase(it) : std::next(it);
  }
}

void Membership::on(const ReliablePingRequested& event) {
  if (event.ping.target == options_.id) {
    effects_.push_back(AnswerReliablePing{event.call});
    return;
  }
  ++counters_.packets_for_others;
  effects_.push_back(RefuseCall{event.call, "this is node " + to_string(options_.id) +
                                                ", not node " + to_string(event.ping.target)});
}

void Membership::on(const ReliablePingAnswered& event) {
  const auto call = calls_.find(event.call);
  if (call == calls_.end() || call->second.purpose != Call::Purpose::kReliablePing) return;
  if (probe_ && probe_->sequence == call->second.sequence) probe_->reliable_ok = true;
  calls_.erase(call);
}

}  // namespace skiptrain::core
