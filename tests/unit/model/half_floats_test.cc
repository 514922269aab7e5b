#include "model/half_floats.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace skiptrain {
namespace {

using Pack = void (*)(std::span<const float>, std::span<std::uint16_t>);
using Unpack = void (*)(std::span<const std::uint16_t>, std::span<float>);

struct Format {
  const char* name;
  Pack pack;
  Unpack unpack;
  double relative_error;  // of normal numbers
  float least_normal;
  float largest;
};

class HalfFloatsTest : public ::testing::TestWithParam<Format> {
 protected:
  float round_trip(float value) const {
    std::uint16_t half = 0;
    float back = 0;
    GetParam().pack({&value, 1}, {&half, 1});
    GetParam().unpack({&half, 1}, {&back, 1});
    return back;
  }
};

TEST_P(HalfFloatsTest, EveryPatternThatIsANumberSurvives) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    float value = 0;
    GetParam().unpack({&half, 1}, {&value, 1});
    if (!std::isfinite(value)) continue;
    std::uint16_t back = 0;
    GetParam().pack({&value, 1}, {&back, 1});
    ASSERT_EQ(back, half) << value;
  }
}

TEST_P(HalfFloatsTest, IsOffByHalfAStepAtMost) {
  Rng rng(1);
  for (int i = 0; i < 100'000; ++i) {
    const float value =
        std::ldexp(static_cast<float>(rng.normal()), static_cast<int>(rng.below(29)) - 14);
    if (std::abs(value) > GetParam().largest) continue;
    const double least = std::max(std::abs(value), GetParam().least_normal);
    ASSERT_LE(std::abs(static_cast<double>(round_trip(value)) - static_cast<double>(value)),
              GetParam().relative_error * static_cast<double>(least))
        << value;
  }
}

TEST_P(HalfFloatsTest, TiesGoToTheEvenNeighbour) {
  const auto step = static_cast<float>(4 * GetParam().relative_error);  // of numbers from 2 on
  EXPECT_EQ(round_trip(2.0F + step / 2), 2.0F);
  EXPECT_EQ(round_trip(2.0F + 3 * step / 2), 2.0F + 2 * step);
  EXPECT_EQ(round_trip(-2.0F - step / 2), -2.0F);
}

TEST_P(HalfFloatsTest, WhatIsTooLargeBecomesTheLargestAndNotInfinity) {
  EXPECT_EQ(round_trip(std::numeric_limits<float>::max()), GetParam().largest);
  EXPECT_EQ(round_trip(-std::numeric_limits<float>::max()), -GetParam().largest);
}

TEST_P(HalfFloatsTest, WhatIsNoNumberStaysNone) {
  EXPECT_TRUE(std::isnan(round_trip(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_FALSE(std::isfinite(round_trip(std::numeric_limits<float>::infinity())));
}

TEST_P(HalfFloatsTest, ManyAtOnceAreAsOneByOne) {
  Rng rng(2);
  std::vector<float> values(1003);
  for (float& value : values) value = static_cast<float>(rng.normal());
  std::vector<std::uint16_t> halves(values.size());
  std::vector<float> back(values.size());
  GetParam().pack(values, halves);
  GetParam().unpack(halves, back);
  for (std::size_t k = 0; k < values.size(); ++k) ASSERT_EQ(back[k], round_trip(values[k]));
}

INSTANTIATE_TEST_SUITE_P(Each, HalfFloatsTest,
                         ::testing::Values(Format{"Bfloat16", to_bfloat16, from_bfloat16, 0x1p-8,
                                                  0x1p-126F, 0x1.fep127F},
                                           Format{"Float16", to_float16, from_float16, 0x1p-11,
                                                  0x1p-14F, 65504.0F}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace skiptrain
