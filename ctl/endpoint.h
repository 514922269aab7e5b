// Where a daemon's control service listens: a unix socket (the default) or host:port.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace skiptrain::ctl {

inline constexpr const char* kEndpointVariable = "SKIPTRAIN_ENDPOINT";
// Tried in this order when neither -e nor the variable is given.
inline constexpr const char* kDefaultSockets[] = {"/run/skiptrain/control.sock",
                                                  "/var/lib/skiptrain/control.sock"};
// sockaddr_un holds 108 bytes, the closing NUL among them.
inline constexpr std::size_t kMaxSocketPath = 107;

struct Endpoint {
  std::string target;  // as gRPC wants it
  std::string path;    // of the unix socket, absolute; empty for host:port
  std::string text;    // as people read it
};

// A socket path, "unix:PATH" or "host:port". kInvalidArgument says what is wrong with any other.
Result<Endpoint> parse_endpoint(std::string_view text);

// What to ask when -e is not given: $SKIPTRAIN_ENDPOINT, else the first default socket that
// exists, else the first of them.
std::string default_endpoint();

}  // namespace skiptrain::ctl
