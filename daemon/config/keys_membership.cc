// The keys of [membership]: where nodes find each other.
#include <algorithm>
#include <array>
#include <utility>

#include "core/membership/member.h"
#include "daemon/config/key_readers.h"
#include "daemon/config/keys.h"

namespace skiptrain::daemon {
namespace {

using namespace keys;

constexpr std::array kNetworks = {core::NetworkProfile::kLan, core::NetworkProfile::kWan,
                                  core::NetworkProfile::kLocal};
constexpr std::size_t kMaxJoin = 16;
constexpr std::int64_t kMaxAttempts = 1'000'000;

Complaint a_seed(const std::string& text) {
  const auto address = parse_host_port(text);
  if (address && address->port > 0) return std::nullopt;
  return "HOST:PORT or [IPV6]:PORT with a port from 1 to 65535";
}

Complaint a_seed_or_empty(const std::string& text) {
  return text.empty() ? std::nullopt : a_seed(text);
}

Complaint any_text(const std::string&) {
  return std::nullopt;
}

Complaint a_tag(const std::string& text) {
  const std::size_t equals = text.find('=');
  const bool printable =
      std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
  if (equals != std::string::npos && equals > 0 && equals <= core::kMaxTagKeyBytes &&
      text.size() - equals - 1 <= core::kMaxTagValueBytes && printable) {
    return std::nullopt;
  }
  return "\"KEY=VALUE\" with a key of 1 to " + std::to_string(core::kMaxTagKeyBytes) +
         " bytes and a value of at most " + std::to_string(core::kMaxTagValueBytes);
}

}  // namespace

void append_membership(std::vector<Key<Config>>& list) {
  list.push_back(shared(boolean<Config>(
      "membership.enabled", [](auto& c) -> auto& { return c.membership.enabled; },
      "nodes find each other, and may join, leave and fail while the run goes on; "
      "`[[cluster.nodes]]` is left out")));
  list.push_back(text_list<Config>(
      "membership.join", [](auto& c) -> auto& { return c.membership.join; }, kMaxJoin, a_seed,
      "HOST:PORT (node.address) of some nodes to join through, this one may be among them; empty: "
      "the first node of a cluster, or multicast finds them"));
  list.push_back(integer<Config>(
      "membership.join_attempts", [](auto& c) -> auto& { return c.membership.join_attempts; },
      IntegerRange{0, kMaxAttempts},
      "after so many in vain the daemon ends with an error; 0: it tries for ever"));
  list.push_back(text<Config>(
      "membership.listen", [](auto& c) -> auto& { return c.membership.listen; },
      an_address_or_empty,
      "HOST:PORT of the UDP socket; \"\" takes that of node.listen. Others find it at "
      "node.address's host and this port"));
  list.push_back(shared(choice<Config>(
      "membership.network", [](auto& c) -> auto& { return c.membership.network; },
      std::span<const core::NetworkProfile>(kNetworks),
      "how fast members watch each other: lan, wan or local (one machine)")));
  list.push_back(integer<Config>(
      "membership.expect", [](auto& c) -> auto& { return c.membership.expect; },
      IntegerRange{1, static_cast<std::int64_t>(kMaxClusterNodes)},
      "members, this node among them, to wait for before round 0 (at most round.start_timeout)"));
  list.push_back(secret(text<Config>(
      "membership.keyring", [](auto& c) -> auto& { return c.membership.keyring; }, any_text,
      "file with the cluster's keys (mode 0600, made by skipctl keyring generate); \"\" is "
      "DATA_DIR/keyring")));
  list.push_back(text<Config>(
      "membership.multicast", [](auto& c) -> auto& { return c.membership.multicast; },
      a_seed_or_empty,
      "GROUP:PORT to find the cluster by on a LAN, such as 239.255.83.84:7947; \"\": off"));
  list.push_back(text<Config>(
      "membership.multicast_interface",
      [](auto& c) -> auto& { return c.membership.multicast_interface; }, any_text,
      "address of the interface for that; \"\" is the system's choice"));
  list.push_back(text_list<Config>(
      "membership.tags", [](auto& c) -> auto& { return c.membership.tags; }, core::kMaxMemberTags,
      a_tag, "\"KEY=VALUE\" that others see in skipctl members; at most 8"));
}

}  // namespace skiptrain::daemon
