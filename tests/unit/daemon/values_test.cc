#include "daemon/config/values.h"

#include <gtest/gtest.h>

namespace skiptrain::daemon {
namespace {

using namespace std::chrono_literals;

TEST(DurationTextTest, ParsesNumbersWithAUnit) {
  EXPECT_EQ(parse_duration("500ms"), Duration(500ms));
  EXPECT_EQ(parse_duration("5s"), Duration(5s));
  EXPECT_EQ(parse_duration("1.5s"), Duration(1500ms));
  EXPECT_EQ(parse_duration("2m"), Duration(2min));
  EXPECT_EQ(parse_duration("1h"), Duration(1h));
  EXPECT_EQ(parse_duration("0s"), Duration(0));
}

TEST(DurationTextTest, RefusesEverythingElse) {
  for (const char* text : {"", "5", "s", "-5s", "5 s", "5sec", "5S", "1e3s", "nan", "infs",
                           "99999999999999h", "0x5s", "5s "}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(DurationTextTest, WritesTheUnitThatFits) {
  EXPECT_EQ(duration_text(1500ms), "1500ms");
  EXPECT_EQ(duration_text(60s), "60s");
  EXPECT_EQ(duration_text(120s), "2m");
  EXPECT_EQ(duration_text(24h), "24h");
  EXPECT_EQ(duration_text(0s), "0s");
  for (const Duration duration : {Duration(1), Duration(1500ms), Duration(7201s), Duration(1us)}) {
    EXPECT_EQ(parse_duration(duration_text(duration)), duration) << duration_text(duration);
  }
}

TEST(NearestTest, FindsSlipsAndNothingElse) {
  EXPECT_EQ(nearest("gama_train", {"gamma_sync", "gamma_train", "policy"}), "gamma_train");
  EXPECT_EQ(nearest("loacl_steps", {"local_steps", "local_epochs"}), "local_steps");
  EXPECT_EQ(nearest("bananas", {"lr", "momentum"}), "");
}

TEST(NumberTextTest, ParsesBackExactly) {
  for (const double value : {0.0, 1.0, 0.1, 1e-300, 12345.678, 0.1 + 0.2}) {
    EXPECT_EQ(std::stod(number_text(value)), value);
  }
  EXPECT_EQ(number_text(2.0), "2.0");
}

}  // namespace
}  // namespace skiptrain::daemon
