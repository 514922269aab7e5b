#include "core/membership/messages.h"

namespace skiptrain::core {
namespace {

// Of protobuf: a field's tag with a length or a number of up to ten bytes.
constexpr std::size_t kNumberField = 11;
constexpr std::size_t kLengthField = 4;

std::size_t text_field(const std::string& text) {
  return kLengthField + text.size();
}

}  // namespace

std::size_t encoded_bound(const MemberInfo& info) {
  std::size_t bytes = text_field(info.name) + text_field(info.peer_address) +
                      text_field(info.gossip_address) + text_field(info.control) +
                      text_field(info.profile) + kNumberField;
  for (const auto& [key, value] : info.tags) {
    bytes += kLengthField + text_field(key) + text_field(value);
  }
  return bytes;
}

std::size_t encoded_bound(const MemberClaim& claim) {
  constexpr std::size_t kNumbers = 5;  // node, state, incarnation, refutation, by
  const std::size_t info = claim.info ? kLengthField + encoded_bound(*claim.info) : 0;
  return kLengthField + kNumbers * kNumberField + info;
}

std::size_t encoded_bound(const GossipPacket& packet_without_claims) {
  const auto* request = std::get_if<PingRequest>(&packet_without_claims.body);
  const std::size_t address = request ? text_field(request->target_address) : 0;
  constexpr std::size_t kNumbers = 3;  // from, sequence, target
  return kNumbers * kNumberField + kLengthField + address;
}

std::size_t encoded_bound(const MemberList& list) {
  constexpr std::size_t kNumbers = 2;  // from, join
  std::size_t bytes = kNumbers * kNumberField;
  if (!list.digests.empty()) bytes += kLengthField + 8 * list.digests.size();
  for (const MemberClaim& claim : list.members) bytes += encoded_bound(claim);
  return bytes;
}

}  // namespace skiptrain::core
