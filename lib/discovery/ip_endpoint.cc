#include "discovery/ip_endpoint.h"

#include <system_error>

#include "wire/address.h"

namespace skiptrain::discovery {

std::optional<asio::ip::address> numeric_address(const std::string& host) {
  std::error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (error) return std::nullopt;
  return address;
}

std::string show(const asio::ip::udp::endpoint& endpoint) {
  asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return to_string(wire::HostPort{address.to_string(), endpoint.port()});
}

std::optional<asio::ip::udp::endpoint> for_family(const asio::ip::udp::endpoint& endpoint,
                                                  bool socket_is_v6) {
  const asio::ip::address& address = endpoint.address();
  if (address.is_v6() == socket_is_v6) return endpoint;
  if (!socket_is_v6) return std::nullopt;
  return asio::ip::udp::endpoint(asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()),
                                 endpoint.port());
}

}  // namespace skiptrain::discovery
