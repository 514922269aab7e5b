#include "core/topology/topology_spec.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::core {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& text) {
  const auto spec = parse_topology_spec(text);
  EXPECT_FALSE(spec) << text;
  if (spec) return "";
  EXPECT_EQ(spec.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(spec.error().message, HasSubstr("topology \"" + text + "\": "));
  return spec.error().message;
}

TEST(TopologySpecTest, EverySpecPrintsAsItWasWritten) {
  for (const std::string text : {"ring", "complete", "star", "torus", "exponential", "regular:4",
                                 "rings:3", "epidemic:8", "file:/etc/edges.txt"}) {
    const auto spec = parse_topology_spec(text);
    ASSERT_TRUE(spec) << text;
    EXPECT_EQ(to_string(*spec), text);
  }
}

TEST(TopologySpecTest, NumbersAreTheParameter) {
  EXPECT_EQ(parse_topology_spec("regular:4"), (TopologySpec{TopologySpec::Kind::kRegular, 4, ""}));
  EXPECT_EQ(parse_topology_spec("rings:3"), (TopologySpec{TopologySpec::Kind::kRings, 3, ""}));
  EXPECT_EQ(parse_topology_spec("epidemic:8"),
            (TopologySpec{TopologySpec::Kind::kEpidemic, 8, ""}));
}

TEST(TopologySpecTest, RefusesWhatItDoesNotKnow) {
  for (const std::string text : {"", "Ring", "mesh", "file:", "regular", "regularly", "rings",
                                 "epidemic", "exponential:2"}) {
    EXPECT_THAT(refusal(text), HasSubstr("must be ring, complete, star, torus, exponential, "
                                         "regular:D, rings:K, epidemic:S or file:PATH"));
  }
}

TEST(TopologySpecTest, RefusesANumberThatIsNoneOrTooLarge) {
  for (const std::string number : {"", "x", "4x", "-1", "0", " 4", "99999999999999999999"}) {
    EXPECT_THAT(refusal("regular:" + number), HasSubstr("degree must be a whole number from 1 to"));
    EXPECT_THAT(refusal("rings:" + number), HasSubstr("number of rings must be a whole number"));
    EXPECT_THAT(refusal("epidemic:" + number), HasSubstr("number of receivers must be a whole"));
  }
  EXPECT_THAT(refusal("regular:1000000"), HasSubstr("from 1 to 999999"));
  EXPECT_THAT(refusal("rings:65"), HasSubstr("from 1 to 64"));
  EXPECT_TRUE(parse_topology_spec("rings:64"));
}

}  // namespace
}  // namespace skiptrain::core
