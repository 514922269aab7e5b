#include "model/mixing.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <ostream>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "model/batch_mixing.h"
#include "model/parameters.h"

namespace skiptrain {
namespace {

std::vector<float> random_values(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

struct MixCase {
  std::size_t length;
  std::size_t inputs;
};
// How the case is called in a list of tests.
void PrintTo(const MixCase& c, std::ostream* out) {
  *out << c.inputs << " inputs of length " << c.length;
}

// Names a case "len2049_in9" in the test's name.
std::string case_name(const testing::TestParamInfo<MixCase>& info) {
  return "len" + std::to_string(info.param.length) + "_in" + std::to_string(info.param.inputs);
}

class MixingReferenceTest : public testing::TestWithParam<MixCase> {};

TEST_P(MixingReferenceTest, AgreesWithDoublePrecision) {
  const auto [length, count] = GetParam();
  std::vector<std::vector<float>> vectors;
  std::vector<WeightedInput> inputs;
  for (std::size_t j = 0; j < count; ++j) vectors.push_back(random_values(length, 100 + j));
  for (std::size_t j = 0; j < count; ++j) {
    inputs.push_back({(1.0 + static_cast<double>(j)) / 7.0, vectors[j]});
  }
  std::vector<float> out(length, std::nanf(""));
  mix(inputs, out);
  for (std::size_t k = 0; k < length; ++k) {
    double expected = 0.0;
    double magnitude = 0.0;
    for (const WeightedInput& input : inputs) {
      expected += input.weight * static_cast<double>(input.values[k]);
      magnitude += std::abs(input.weight * static_cast<double>(input.values[k]));
    }
    // Each of the `count` terms costs at most three roundings of float32: its weight, its product,
    // its addition.
    ASSERT_NEAR(out[k], expected, 3.0 * static_cast<double>(count) * 0x1p-24 * magnitude + 1e-30)
        << "element " << k;
  }
}

// One element, odd lengths around the vector widths and around the block of 2048.
INSTANTIATE_TEST_SUITE_P(Lengths, MixingReferenceTest,
                         testing::Values(MixCase{1, 1}, MixCase{1, 3}, MixCase{7, 2},
                                         MixCase{15, 4}, MixCase{17, 4}, MixCase{2047, 3},
                                         MixCase{2048, 3}, MixCase{2049, 9}, MixCase{10007, 5}),
                         case_name);

TEST(MixingTest, MixesNothingIntoNothing) {
  const std::vector<float> empty;
  const std::vector<WeightedInput> inputs = {{1.0, empty}};
  std::vector<float> out;
  mix(inputs, out);
  EXPECT_TRUE(out.empty());
}

TEST(MixingTest, OneInputOfWeightOneIsCopiedBitForBit) {
  const auto values = random_values(4099, 1);
  std::vector<float> out(values.size());
  const std::vector<WeightedInput> inputs = {{1.0, values}};
  mix(inputs, out);
  EXPECT_EQ(out, values);
}

// 1e8 + 1 - 1e8 is 0 in float32 from left to right, but 1 if the large terms meet first.
TEST(MixingTest, AddsTermsInTheOrderGiven) {
  const std::vector<float> large = {1e8f};
  const std::vector<float> one = {1.0f};
  const std::vector<float> minus_large = {-1e8f};
  std::vector<float> out(1);
  mix(std::vector<WeightedInput>{{1.0, large}, {1.0, one}, {1.0, minus_large}}, out);
  EXPECT_EQ(out[0], 0.0f);
  mix(std::vector<WeightedInput>{{1.0, large}, {1.0, minus_large}, {1.0, one}}, out);
  EXPECT_EQ(out[0], 1.0f);
}

// With fused multiply-add the product would not be rounded before it is added, and machines with
// and without it would disagree. (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24, whose last term float32 drops.
TEST(MixingTest, RoundsEachProductBeforeAdding) {
  const std::vector<float> a(64, -1.0f - 0x1p-11f);
  const std::vector<float> b(64, 1.0f + 0x1p-12f);
  std::vector<float> out(64);
  mix(std::vector<WeightedInput>{{1.0, a}, {1.0 + 0x1p-12, b}}, out);
  for (const float value : out) ASSERT_EQ(value, 0.0f);
}

TEST(MixingTest, ElementsDoNotDependOnTheirPlaceInTheBuffer) {
  constexpr std::size_t kLength = 5001;
  const std::vector<float> a(kLength, 0.1f);
  const std::vector<float> b(kLength, 0.7f);
  std::vector<float> out(kLength);
  mix(std::vector<WeightedInput>{{0.3, a}, {0.7, b}}, out);
  for (const float value : out) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(value), std::bit_cast<std::uint32_t>(out[0]));
  }
}

TEST(MixingDeathTest, RefusesInputsOfDifferentLengths) {
  const std::vector<float> shorter = {1.0f};
  std::vector<float> out(2);
  EXPECT_DEATH(mix(std::vector<WeightedInput>{{1.0, shorter}}, out), "one length");
  EXPECT_DEATH(mix({}, out), "own parameters");
}

TEST(L2DistanceTest, IsThatOfPythagoras) {
  const std::vector<float> a = {1.0f, 5.0f};
  const std::vector<float> b = {4.0f, 1.0f};
  EXPECT_DOUBLE_EQ(l2_distance(a, b), 5.0);
  EXPECT_DOUBLE_EQ(l2_distance(a, a), 0.0);
  EXPECT_DOUBLE_EQ(l2_distance({}, {}), 0.0);
}

TEST(L2DistanceTest, AccumulatesInDouble) {
  // In float32 a sum of squares stops growing at 2^24.
  constexpr std::size_t kLength = (1u << 24) + 1025;
  const std::vector<float> ones(kLength, 1.0f);
  const std::vector<float> zeros(kLength, 0.0f);
  EXPECT_DOUBLE_EQ(l2_distance(ones, zeros), std::sqrt(static_cast<double>(kLength)));
}

TEST(L2DistanceTest, AgreesWithDoublePrecisionOnOddLengths) {
  for (const std::size_t length : {1u, 7u, 8u, 9u, 1023u}) {
    const auto a = random_values(length, 1);
    const auto b = random_values(length, 2);
    double squares = 0.0;
    for (std::size_t k = 0; k < length; ++k) {
      squares += std::pow(static_cast<double>(a[k]) - static_cast<double>(b[k]), 2);
    }
    EXPECT_NEAR(l2_distance(a, b), std::sqrt(squares), 1e-12 * std::sqrt(squares));
  }
}

// Large outputs are written past the caches, in another loop than small ones.
TEST(LargeMixTest, IsBitForBitThatOfASmallOne) {
  for (const std::size_t length : {std::size_t{1} << 19, (std::size_t{1} << 19) + 77}) {
    std::vector<std::vector<float>> vectors;
    std::vector<WeightedInput> inputs;
    for (std::size_t j = 0; j < 5; ++j) vectors.push_back(random_values(length, 7 + j));
    for (std::size_t j = 0; j < 5; ++j) inputs.push_back({0.1 + 0.05 * j, vectors[j]});
    Parameters large(length);
    const double distance = mix_with_distance(inputs, 2, large.values());
    std::vector<float> plain(length);
    mix(inputs, plain);
    ASSERT_TRUE(std::ranges::equal(large.values(), plain));
    std::vector<float> batched(length);
    NodeMix one{inputs, 2, batched};
    mix_batch({&one, 1});
    EXPECT_EQ(distance, one.distance);
    EXPECT_NEAR(distance, l2_distance(vectors[2], plain), 1e-9 * distance);
    // An output that is not aligned is mixed all the same.
    std::vector<float> shifted(length + 1);
    EXPECT_EQ(mix_with_distance(inputs, 2, std::span(shifted).subspan(1)), distance);
    EXPECT_TRUE(std::ranges::equal(std::span(shifted).subspan(1), plain));
  }
}

}  // namespace
}  // namespace skiptrain
