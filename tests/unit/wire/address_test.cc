#include "wire/address.h"

#include <gtest/gtest.h>

namespace skiptrain::wire {
namespace {

TEST(AddressTest, TakesNamesAndAddressesOfBothFamilies) {
  const std::pair<const char*, HostPort> cases[] = {
      {"node-3.lan:7946", {"node-3.lan", 7946}},
      {"10.0.0.3:0", {"10.0.0.3", 0}},
      {"[::1]:65535", {"::1", 65535}},
      {"[fe80::1%eth0]:7", {"fe80::1%eth0", 7}},
  };
  for (const auto& [text, expected] : cases) {
    const auto parsed = parse_host_port(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, expected);
    EXPECT_EQ(to_string(*parsed), text);
  }
}

TEST(AddressTest, RefusesWhatIsNoHostAndPort) {
  for (const char* text :
       {"", ":1", "host", "host:", "host:x", "host:-1", "host:65536", "host:1 ", "::1:7", "[::1]",
        "[]:7", "[host]:7", "a/b:7", "a b:7", "h\n:7", "http://host:80"}) {
    EXPECT_FALSE(parse_host_port(text)) << text;
  }
  EXPECT_FALSE(parse_host_port(std::string(254, 'h') + ":1"));
}

TEST(AddressTest, AnErrorShowsNoControlCharacters) {
  const auto parsed = parse_host_port("\x1b[2Jhost");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace skiptrain::wire
