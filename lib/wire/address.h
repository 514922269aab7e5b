// Addresses as people and peers write them: HOST:PORT, with an IPv6 address in brackets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace skiptrain::wire {

struct HostPort {
  std::string host;  // a DNS name or an IP address, without brackets
  std::uint16_t port = 0;
  bool operator==(const HostPort&) const = default;
};

// "node-3.lan:7946", "10.0.0.3:7946", "[fe80::1%eth0]:7946". Looks nothing up. kInvalidArgument
// with what is wrong, for a host with characters that no name has, or a port that is not 0 to
// 65535.
Result<HostPort> parse_host_port(std::string_view text);

// With brackets where the host is an IPv6 address.
std::string to_string(const HostPort& address);

}  // namespace skiptrain::wire
