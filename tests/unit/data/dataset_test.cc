#include "data/dataset.h"

#include <cmath>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::data {
namespace {

using ::testing::HasSubstr;

const Dataset kPixels{{1, 1, 3}, 2, {1, 2, 3, 4, 5, 6}, {0, 1}};
const Dataset kFloats{{1, 1, 3}, 40'000, {}, {7, 39'999}, {1, 2, 3, 4, 5, 6}};

TEST(DatasetTest, HoldsPixelsOrFloats) {
  EXPECT_TRUE(kPixels.validate());
  EXPECT_FALSE(kPixels.holds_floats());
  EXPECT_EQ(kPixels.sample(1)[2], 6);
  EXPECT_TRUE(kFloats.validate());
  EXPECT_TRUE(kFloats.holds_floats());
  EXPECT_EQ(kFloats.float_sample(1)[0], 4);
}

Dataset with_targets(std::vector<float> targets, std::uint32_t width) {
  Dataset set{{1, 1, 3}, 0, {1, 2, 3, 4, 5, 6}, {}};
  set.targets = std::move(targets);
  set.target_width = width;
  return set;
}

TEST(DatasetTest, HoldsLabelsOrTargets) {
  EXPECT_FALSE(kPixels.has_targets());
  EXPECT_EQ(kPixels.output_count(), 2u);
  const Dataset set = with_targets({0.5, -1, 2, 3}, 2);
  EXPECT_TRUE(set.validate());
  EXPECT_TRUE(set.has_targets());
  EXPECT_EQ(set.size(), 2u);
  EXPECT_EQ(set.target(1)[0], 2);
  EXPECT_EQ(set.output_count(), 2u);
  EXPECT_EQ(set.byte_count(), 6u + 4 * sizeof(float));
}

TEST(DatasetTest, RefusesTargetsThatDoNotAgree) {
  const auto refusal = [](const Dataset& set) {
    const Status status = set.validate();
    return status ? "" : status.error().message;
  };
  EXPECT_THAT(refusal(with_targets({1, 2, 3}, 2)), HasSubstr("3 targets of width 2"));
  EXPECT_THAT(refusal(with_targets({1, 2}, 0)), HasSubstr("2 targets of width 0"));
  EXPECT_THAT(refusal(with_targets({1, 2, 3}, 1)), HasSubstr("6 pixels do not make 3 images"));
  EXPECT_THAT(refusal(with_targets({1, 2, NAN, 4}, 2)),
              HasSubstr("target 0 of sample 1 is nan: must be finite"));
  Dataset both = with_targets({1, 2}, 1);
  both.labels = {0, 0};
  both.classes = 1;
  EXPECT_THAT(refusal(both), HasSubstr("and not both"));
}

TEST(DatasetTest, APixelTakesAByte) {
  EXPECT_EQ(kPixels.byte_count(), 6u + 2 * sizeof(Label));
  EXPECT_EQ(kFloats.byte_count(), 6u * sizeof(float) + 2 * sizeof(Label));
}

TEST(DatasetTest, RefusesWhatDoesNotAgree) {
  const auto refusal = [](Dataset dataset, auto change) {
    change(dataset);
    const Status status = dataset.validate();
    return status ? "" : status.error().message;
  };
  EXPECT_THAT(refusal(kPixels, [](Dataset& set) { set.pixels.pop_back(); }),
              HasSubstr("5 pixels do not make 2 images of 1x1x3"));
  EXPECT_THAT(refusal(kFloats, [](Dataset& set) { set.features.pop_back(); }),
              HasSubstr("5 features and 0 pixels do not make 2 samples of 1x1x3"));
  EXPECT_THAT(refusal(kFloats, [](Dataset& set) { set.pixels.assign(6, 0); }),
              HasSubstr("6 features and 6 pixels"));
  EXPECT_THAT(refusal(kFloats, [](Dataset& set) { set.classes = 39'999; }),
              HasSubstr("label 39999 is not below the number of 39999 classes"));
}

}  // namespace
}  // namespace skiptrain::data
