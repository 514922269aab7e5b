#include "base/ids.h"

#include <concepts>
#include <sstream>
#include <type_traits>
#include <unordered_set>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fingerprint.h"
#include "base/units.h"

namespace skiptrain {
namespace {

// Mixing up two kinds of identifier, or an identifier and a number, must not compile.
static_assert(!std::is_convertible_v<NodeId, Incarnation>);
static_assert(!std::is_convertible_v<std::uint64_t, NodeId>);
static_assert(!std::is_convertible_v<NodeId, std::uint64_t>);
static_assert(!std::is_convertible_v<double, WattHours>);
static_assert(!std::equality_comparable_with<NodeId, Incarnation>);
static_assert(!std::equality_comparable_with<Round, std::uint64_t>);

TEST(IdsTest, OrderAndHashLikeTheirNumbers) {
  EXPECT_LT(NodeId(2), NodeId(10));
  EXPECT_EQ(NodeId(7), NodeId(7));
  EXPECT_NE(std::hash<NodeId>()(NodeId(1)), std::hash<NodeId>()(NodeId(2)));
  const std::unordered_set<NodeId> set = {NodeId(1), NodeId(1), NodeId(2)};
  EXPECT_EQ(set.size(), 2u);
}

TEST(IdsTest, PrintAsTheirNumbers) {
  std::ostringstream out;
  out << NodeId(12) << " " << Round(3);
  EXPECT_EQ(out.str(), "12 3");
  EXPECT_EQ(to_string(NodeId(12)), "12");
  EXPECT_EQ(to_string(Round(3)), "3");
}

TEST(RoundTest, NextIsOneMore) {
  EXPECT_EQ(Round().value(), 0u);
  EXPECT_EQ(Round(41).next(), Round(42));
}

TEST(UnitsTest, SecondsConvertBothWays) {
  EXPECT_EQ(from_seconds(1.5), std::chrono::milliseconds(1500));
  EXPECT_DOUBLE_EQ(to_seconds(std::chrono::milliseconds(250)), 0.25);
  EXPECT_DOUBLE_EQ(to_milliseconds(std::chrono::microseconds(1500)), 1.5);
}

TEST(WattHoursTest, AddScaleAndCompare) {
  WattHours energy(2.0);
  energy += WattHours(0.5);
  energy -= WattHours(1.0);
  EXPECT_DOUBLE_EQ(energy.value(), 1.5);
  EXPECT_DOUBLE_EQ((energy * 4.0).value(), 6.0);
  EXPECT_DOUBLE_EQ(energy / WattHours(0.5), 3.0);
  EXPECT_LT(WattHours(1.0), energy);
}

TEST(FingerprintTest, TellsFieldBoundariesApart) {
  const auto of = [](std::string_view a, std::string_view b) {
    return Fingerprinter().add(a).add(b).finish();
  };
  EXPECT_EQ(of("ab", "c"), of("ab", "c"));
  EXPECT_NE(of("ab", "c"), of("a", "bc"));
  EXPECT_NE(of("a", "b"), of("b", "a"));
  EXPECT_NE(Fingerprinter().add(std::uint64_t{0}).finish(), Fingerprinter().finish());
}

TEST(ErrorTest, EveryCodeHasItsOwnName) {
  std::unordered_set<std::string> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    names.insert(to_string(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::kInternal) + 1);
  EXPECT_FALSE(names.contains("unknown"));
}

TEST(ErrorTest, FailCarriesCodeAndMessage) {
  const Result<int> result = fail(ErrorCode::kNotFound, "no such file");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(result.error().message, "no such file");
}

}  // namespace
}  // namespace skiptrain
