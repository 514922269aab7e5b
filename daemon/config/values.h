// The small languages within a config's strings: durations, addresses, names.
//
// Pure functions; errors are the second half of a message ("must be ..."), for the caller to put
// key and value in front.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace skiptrain::daemon {

// "500ms", "5s", "1.5s", "2m", "1h". nullopt if it is none of these, negative or beyond a century.
std::optional<Duration> parse_duration(std::string_view text);
// The shortest form that parses back to the same, in whole units: "60s", "2m", "1500ms".
std::string duration_text(Duration duration);

struct HostPort {
  std::string host;  // without the brackets of an IPv6 literal
  std::uint16_t port = 0;
};
// "HOST:PORT" or "[IPV6]:PORT". nullopt on anything else.
std::optional<HostPort> parse_host_port(std::string_view text);
// 127.0.0.0/8, ::1 and "localhost"; names are not looked up.
bool is_loopback(std::string_view host);

// 1 to kMaxNameBytes of A-Z a-z 0-9 . _ -
bool is_name(std::string_view text);

// TOML text of a value.
std::string toml_string(std::string_view text);
std::string number_text(double value);  // always with a point or an exponent; parses back exactly

// Of `candidates`, the one with the smallest edit distance to `word`, if it is near enough to be a
// slip of the finger; "" otherwise.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace skiptrain::daemon
