#include "ctl/endpoint.h"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace skiptrain::ctl {
namespace {

Result<Endpoint> unix_endpoint(std::string_view path) {
  while (path.starts_with("//")) path.remove_prefix(1);
  if (path.empty()) return fail(ErrorCode::kInvalidArgument, "endpoint: the socket path is empty");
  std::error_code ignored;
  const std::string absolute = std::filesystem::absolute(path, ignored).string();
  if (absolute.size() > kMaxSocketPath) {
    return fail(ErrorCode::kInvalidArgument,
                "endpoint \"" + absolute + "\": " + std::to_string(absolute.size()) +
                    " bytes are too long for a unix socket; the limit is " +
                    std::to_string(kMaxSocketPath));
  }
  return Endpoint{"unix:" + absolute, absolute, absolute};
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  if (text.starts_with("unix:")) return unix_endpoint(text.substr(5));
  const std::size_t colon = text.rfind(':');
  if (text.find('/') != std::string_view::npos || colon == std::string_view::npos) {
    return unix_endpoint(text);
  }
  const std::string_view port_text = text.substr(colon + 1);
  std::uint32_t port = 0;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  const bool whole = error == std::errc{} && end == port_text.data() + port_text.size();
  if (colon == 0 || !whole || port == 0 || port > 65535) {
    return fail(ErrorCode::kInvalidArgument,
                "endpoint \"" + std::string(text) +
                    "\" is neither a socket path nor host:port with a port from 1 to 65535");
  }
  return Endpoint{"dns:///" + std::string(text), "", std::string(text)};
}

std::string default_endpoint() {
  if (const char* value = std::getenv(kEndpointVariable); value != nullptr && *value != '\0') {
    return value;
  }
  for (const char* path : kDefaultSockets) {
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return kDefaultSockets[0];
}

}  // namespace skiptrain::ctl
