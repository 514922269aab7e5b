// Membership messages for tests: valid ones, as large as allowed where asked.
#pragma once

#include <string>

#include "base/rng.h"
#include "core/membership/messages.h"

namespace skiptrain::wire {

inline core::MemberInfo test_info(const std::string& name = "node") {
  core::MemberInfo info;
  info.name = name;
  info.peer_address = "10.0.0.3:7400";
  info.gossip_address = "10.0.0.3:7946";
  info.control = "unix:/run/skiptrain/control.sock";
  info.profile = "poco-x3";
  info.data_samples = 60'000;
  info.tags = {{"rack", "b"}, {"site", "köln"}};
  return info;
}

inline core::MemberClaim test_claim(std::uint64_t node,
                                    core::MemberState state = core::MemberState::kAlive) {
  core::MemberClaim claim;
  claim.node = NodeId(node);
  claim.state = state;
  claim.version = {Incarnation(7), 3};
  claim.by = NodeId(node);
  if (state == core::MemberState::kAlive) claim.info = test_info("node-" + std::to_string(node));
  return claim;
}

// As large as a claim may be: every number takes its ten bytes.
inline core::MemberClaim largest_claim() {
  core::MemberClaim claim = test_claim(~std::uint64_t{0});
  claim.version = {Incarnation(~std::uint64_t{0}), ~std::uint32_t{0}};
  core::MemberInfo& info = *claim.info;
  info.name.assign(core::kMaxMemberNameBytes, 'n');
  info.peer_address = std::string(100, 'p') + ":65535";
  info.data_samples = ~std::uint64_t{0};
  info.tags.clear();
  for (char key = 'a'; info.tags.size() < core::kMaxMemberTags; ++key) {
    info.tags.emplace_back(std::string(1, key), "");
  }
  while (core::encoded_bound(info) < core::kMaxMemberInfoBytes) {
    for (auto& [key, value] : info.tags) {
      if (core::encoded_bound(info) < core::kMaxMemberInfoBytes) value += 'v';
    }
  }
  return claim;
}

// Any packet that is valid and fits.
inline core::GossipPacket random_packet(Rng& rng, NodeId from) {
  core::GossipPacket packet;
  packet.from = from;
  const auto number = static_cast<std::uint32_t>(rng.next());
  switch (rng.below(5)) {
    case 0:
      packet.body = core::Ping{number, NodeId(rng.next())};
      break;
    case 1:
      packet.body = core::PingRequest{number, NodeId(rng.next()), "node-4.lan:7946"};
      break;
    case 2:
      packet.body = core::Ack{number};
      break;
    case 3:
      packet.body = core::Nack{number};
      break;
    default:
      break;
  }
  for (std::uint64_t i = rng.below(5); i > 0; --i) {
    const auto state = static_cast<core::MemberState>(rng.below(4));
    packet.claims.push_back(test_claim(rng.next() >> rng.below(64), state));
  }
  return packet;
}

}  // namespace skiptrain::wire
