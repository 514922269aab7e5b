#include "wire/address.h"

#include <algorithm>
#include <charconv>

namespace skiptrain::wire {
namespace {

constexpr std::size_t kMaxHostBytes = 253;  // of a DNS name, RFC 1035
constexpr std::size_t kShownBytes = 80;

// Without the locale, and without whatever bytes a peer put there.
bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_name_character(char c) {
  return is_alnum(c) || c == '.' || c == '-' || c == '_';
}
// Of an IPv6 address and its zone.
bool is_ipv6_character(char c) {
  return is_name_character(c) || c == ':' || c == '%';
}

std::string shown(std::string_view text) {
  std::string result(text.substr(0, kShownBytes));
  for (char& c : result) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return '"' + result + '"';
}

tl::unexpected<Error> refuse(std::string_view text, const char* why) {
  return fail(ErrorCode::kInvalidArgument, "address " + shown(text) + ": " + why +
                                               "; must be HOST:PORT, an IPv6 address in brackets");
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse(text, "has no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  HostPort result;
  const char* end = port.data() + port.size();
  const auto [parsed_to, error] = std::from_chars(port.data(), end, result.port);
  if (error != std::errc() || parsed_to != end) return refuse(text, "the port is not 0 to 65535");
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty()) return refuse(text, "has no host");
  if (host.size() > kMaxHostBytes) return refuse(text, "the host is longer than 253 characters");
  const bool valid = bracketed ? std::all_of(host.begin(), host.end(), is_ipv6_character) &&
                                     host.find(':') != std::string_view::npos
                               : std::all_of(host.begin(), host.end(), is_name_character);
  if (!valid) return refuse(text, "the host is neither a name nor an IP address");
  result.host = host;
  return result;
}

std::string to_string(const HostPort& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace skiptrain::wire
