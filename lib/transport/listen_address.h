// Addresses to listen on, and why one cannot be had.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace skiptrain::transport {

struct ListenAddress {
  std::string host;  // as written, "[::1]" with its brackets
  std::uint16_t port = 0;
};

// "127.0.0.1:7400", "localhost:0" or "[::1]:7400"; kInvalidArgument for anything else.
Result<ListenAddress> parse_listen_address(const std::string& text);

// Binds a socket to the address and closes it again. kUnavailable with the system's reason if that
// fails. The answer may be out of date a moment later.
Status check_can_listen(const ListenAddress& address);

}  // namespace skiptrain::transport
