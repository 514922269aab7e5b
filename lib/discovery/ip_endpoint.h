// Between Asio's endpoints and the IP:PORT that everyone else sees. Private to lib/discovery.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <asio/ip/udp.hpp>

namespace skiptrain::discovery {

// nullopt if it is a name that must be looked up.
std::optional<asio::ip::address> numeric_address(const std::string& host);

// "10.0.0.3:7946", "[fe80::1%2]:7946". An IPv4 address that came through an IPv6 socket is shown as
// what it is.
std::string show(const asio::ip::udp::endpoint& endpoint);

// As a socket of this family must name the endpoint: an IPv6 socket reaches IPv4 by mapped
// addresses. nullopt if it cannot.
std::optional<asio::ip::udp::endpoint> for_family(const asio::ip::udp::endpoint& endpoint,
                                                  bool socket_is_v6);

}  // namespace skiptrain::discovery
