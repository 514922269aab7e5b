#include "data/dataset.h"

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
