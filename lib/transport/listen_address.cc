#include "transport/listen_address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace skiptrain::transport {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

// 0, or errno.
int try_bind(const addrinfo& address) {
  const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  int error = 0;
  if (::bind(fd, address.ai_addr, address.ai_addrlen) != 0 || ::listen(fd, 1) != 0) error = errno;
  ::close(fd);
  return error;
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
  const auto refuse = [&] {
    return fail(ErrorCode::kInvalidArgument,
                "address \"" + text + "\": must be HOST:PORT with a port of 0 to 65535");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return refuse();
  ListenAddress address;
  address.host = text.substr(0, colon);
  const char* end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (error != std::errc() || parsed_to != end) return refuse();
  const bool bracketed = address.host.front() == '[' && address.host.back() == ']';
  if (!bracketed && address.host.find(':') != std::string::npos) return refuse();
  return address;
}

Status check_can_listen(const ListenAddress& address) {
  const std::string shown = address.host + ":" + std::to_string(address.port);
  std::string host = address.host;
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  const int failed =
      ::getaddrinfo(host.c_str(), std::to_string(address.port).c_str(), &hints, &raw);
  if (failed != 0) {
    return fail(ErrorCode::kUnavailable, "address " + shown + ": " + ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> list(raw);
  int unusable = 0;
  bool usable = false;
  for (const addrinfo* each = list.get(); each != nullptr; each = each->ai_next) {
    const int error = try_bind(*each);
    // A name such as localhost often has an IPv6 address that this machine does not.
    if (error == EADDRNOTAVAIL || error == EAFNOSUPPORT) {
      unusable = error;
      continue;
    }
    if (error == EADDRINUSE) {
      return fail(
          ErrorCode::kUnavailable,
          "address " + shown + " is in use by another process; stop it or take another port");
    }
    if (error != 0) {
      return fail(ErrorCode::kUnavailable,
                  "cannot listen on " + shown + ": " + std::strerror(error));
    }
    usable = true;
  }
  if (usable) return {};
  return fail(ErrorCode::kUnavailable,
              "cannot listen on " + shown + ": " + std::strerror(unusable));
}

}  // namespace skiptrain::transport
