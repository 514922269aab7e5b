// What people type and read: durations, endpoints, units, tables.
#include <cmath>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/duration.h"
#include "ctl/endpoint.h"
#include "ctl/render.h"

namespace skiptrain::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DurationTest, ReadsUnits) {
  EXPECT_EQ(parse_duration("500ms").value(), std::chrono::milliseconds(500));
  EXPECT_EQ(parse_duration("5s").value(), std::chrono::seconds(5));
  EXPECT_EQ(parse_duration("1.5m").value(), std::chrono::seconds(90));
  EXPECT_EQ(parse_duration("2h").value(), std::chrono::hours(2));
  EXPECT_EQ(parse_duration("3").value(), std::chrono::seconds(3));
}

TEST(DurationTest, RefusesWhatIsNoTime) {
  for (const char* text : {"", "s", "5x", "5 s", "-1s", "0s", "nan", "inf", "200h", "1e300s"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(parsed.error().message, HasSubstr("500ms"));
  }
}

TEST(EndpointTest, ReadsSocketsAndAddresses) {
  EXPECT_EQ(parse_endpoint("/run/a.sock")->target, "unix:/run/a.sock");
  EXPECT_EQ(parse_endpoint("unix:/run/a.sock")->path, "/run/a.sock");
  EXPECT_EQ(parse_endpoint("unix:///run/a.sock")->path, "/run/a.sock");
  EXPECT_EQ(parse_endpoint("localhost:7400")->target, "dns:///localhost:7400");
  EXPECT_EQ(parse_endpoint("localhost:7400")->path, "");
  EXPECT_TRUE(parse_endpoint("a.sock")->path.ends_with("/a.sock"));
}

TEST(EndpointTest, RefusesWhatIsNeither) {
  for (const char* text : {"host:", "host:0", "host:70000", "host:12x", ":7400", "unix:"}) {
    EXPECT_FALSE(parse_endpoint(text).has_value()) << text;
  }
  const auto too_long = parse_endpoint("/" + std::string(kMaxSocketPath, 'a'));
  ASSERT_FALSE(too_long.has_value());
  EXPECT_THAT(too_long.error().message, HasSubstr("too long for a unix socket"));
}

TEST(RenderTest, WritesUnits) {
  EXPECT_EQ(percent(0.6342), "63.42 %");
  EXPECT_EQ(percent(std::nan("")), "-");
  EXPECT_EQ(watt_hours(0.006532875), "0.0065329 Wh");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1'234'567), "1.2 MB");
  EXPECT_EQ(bytes_text(999'999), "1.0 MB");
  EXPECT_EQ(seconds_text(0.012), "12 ms");
  EXPECT_EQ(seconds_text(1.25), "1.2 s");
  EXPECT_EQ(seconds_text(184.9), "3 min 4 s");
  EXPECT_EQ(seconds_text(7500), "2 h 5 min");
}

TEST(RenderTest, NeverCallsALossASaving) {
  EXPECT_EQ(saved_text(0.5), "50.00 %");
  EXPECT_EQ(saved_text(-1e-12), "0.00 %");
  EXPECT_EQ(saved_text(-0.032), "none, 3.20 % more was spent");
  EXPECT_EQ(saved_text(std::nan("")), "-");
}

TEST(RenderTest, AlignsColumnsByTheirWidestCell) {
  Table table({"node", ">round", "note"});
  table.add({Cell("a"), Cell("7"), Cell("x")});
  table.add({Cell("n\xc3\xb6rdlich"), Cell("123456")});
  EXPECT_THAT(table.lines(false), ElementsAre("node       round  note",  //
                                              "a              7  x", "n\xc3\xb6rdlich  123456"));
}

TEST(RenderTest, ColoursOnlyIfTheScreenCan) {
  EXPECT_EQ(styled(Cell("x", Style::kBad), false), "x");
  EXPECT_EQ(styled(Cell("x", Style::kBad), true), "\033[31mx\033[0m");
}

TEST(RenderTest, LiveBlockGoesBackUpAndCutsLongLines) {
  std::ostringstream out;
  LiveBlock block(out, 6);
  block.draw({"abcdefgh", "b"});
  EXPECT_THAT(out.str(), HasSubstr("abcde\n"));
  out.str("");
  block.draw({"c"});
  EXPECT_TRUE(out.str().starts_with("\033[2A"));
}

}  // namespace
}  // namespace skiptrain::ctl
