#include "model/difference_coding.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace skiptrain {
namespace {

using ::testing::HasSubstr;

std::vector<float> normals(Rng& rng, std::size_t count, double size = 1.0) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(size * rng.normal());
  return values;
}

std::vector<float> decode_int8(const std::vector<std::byte>& payload,
                               const std::vector<float>& copy) {
  std::vector<float> out(copy.size());
  const Status ok = decode_int8_difference(payload, copy, out);
  EXPECT_TRUE(ok) << ok.error().message;
  return out;
}

std::vector<float> decode_top_k(const std::vector<std::byte>& payload,
                                const std::vector<float>& copy) {
  std::vector<float> out(copy.size());
  const Status ok = decode_top_k_difference(payload, copy, out);
  EXPECT_TRUE(ok) << ok.error().message;
  return out;
}

// Of all sizes at which something may go wrong.
constexpr std::size_t kSizes[] = {1, 2, 7, 255, 256, 1023, 1024, 1025, 5000};

TEST(Int8DifferenceTest, BothEndsHoldTheSameBitsWithinHalfAScale) {
  Rng rng(3);
  for (const std::size_t size : kSizes) {
    const auto values = normals(rng, size, 3.0);
    const auto copy = normals(rng, size, 3.0);
    std::vector<std::byte> payload;
    std::vector<float> moved(size);
    encode_int8_difference(values, copy, payload, moved);
    EXPECT_EQ(payload.size(), int8_payload_bytes(size));
    EXPECT_EQ(decode_int8(payload, copy), moved);
    for (std::size_t begin = 0; begin < size; begin += kInt8Block) {
      const std::size_t end = std::min(begin + kInt8Block, size);
      float most = 0;
      for (std::size_t k = begin; k < end; ++k) {
        most = std::max(most, std::abs(values[k] - copy[k]));
      }
      for (std::size_t k = begin; k < end; ++k) {
        ASSERT_LE(std::abs(values[k] - moved[k]), most / 254.0F * 1.001F) << k;
      }
    }
  }
}

TEST(Int8DifferenceTest, FollowsAModelThatStandsStill) {
  Rng rng(4);
  const auto values = normals(rng, 3000);
  std::vector<float> copy(values.size(), 0.0F);
  for (int round = 0; round < 6; ++round) {
    std::vector<std::byte> payload;
    std::vector<float> moved(values.size());
    encode_int8_difference(values, copy, payload, moved);
    copy = moved;
  }
  for (std::size_t k = 0; k < values.size(); ++k) ASSERT_NEAR(copy[k], values[k], 1e-6);
}

TEST(Int8DifferenceTest, RefusesWhatIsNoDifference) {
  const std::vector<float> copy(2000, 1.0F);
  std::vector<float> out(copy.size());
  std::vector<std::byte> payload;
  encode_int8_difference(copy, copy, payload, out);
  EXPECT_EQ(out, copy) << "no difference at all";
  payload.pop_back();
  EXPECT_THAT(decode_int8_difference(payload, copy, out).error().message,
              HasSubstr("2007 bytes, expected 2008"));
  payload.push_back({});
  for (const float bad :
       {std::numeric_limits<float>::infinity(), -1.0F, std::numeric_limits<float>::quiet_NaN()}) {
    std::memcpy(payload.data() + sizeof bad, &bad, sizeof bad);
    const Status refused = decode_int8_difference(payload, copy, out);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kNumeric);
    EXPECT_THAT(refused.error().message, HasSubstr("the scale of block 1 is "));
  }
}

TEST(TopKDifferenceTest, SendsTheLargestAndLeavesTheRest) {
  Rng rng(5);
  for (const std::size_t size : kSizes) {
    for (const double fraction : {0.001, 0.1, 0.5, 1.0}) {
      const auto values = normals(rng, size);
      const auto copy = normals(rng, size);
      const std::size_t count = top_k_count(size, fraction);
      std::vector<std::uint32_t> scratch;
      std::vector<std::byte> payload;
      std::vector<float> moved(size);
      encode_top_k_difference(values, copy, count, scratch, payload, moved);
      EXPECT_LE(payload.size(), max_top_k_payload_bytes(size));
      EXPECT_EQ(decode_top_k(payload, copy), moved);
      std::vector<std::size_t> order(size);
      std::iota(order.begin(), order.end(), 0);
      std::ranges::stable_sort(order, std::greater<>(),
                               [&](std::size_t k) { return std::abs(values[k] - copy[k]); });
      const std::set<std::size_t> chosen(order.begin(),
                                         order.begin() + static_cast<std::ptrdiff_t>(count));
      for (std::size_t k = 0; k < size; ++k) {
        if (!chosen.contains(k)) {
          ASSERT_EQ(moved[k], copy[k]) << k << " of " << size;
        } else {  // as bfloat16
          ASSERT_LE(std::abs(moved[k] - values[k]), 0.00391F * std::abs(values[k] - copy[k]));
        }
      }
    }
  }
}

TEST(TopKDifferenceTest, OfEqualMagnitudesThoseAtTheFrontGo) {
  const std::vector<float> copy(10, 0.0F);
  const std::vector<float> values = {0, 1, -1, 1, 0, -1, 1, 2, 1, 1};
  std::vector<std::uint32_t> scratch;
  std::vector<std::byte> payload;
  std::vector<float> moved(10);
  encode_top_k_difference(values, copy, 4, scratch, payload, moved);
  EXPECT_EQ(moved, (std::vector<float>{0, 1, -1, 1, 0, 0, 0, 2, 0, 0}));
  // 4 bytes of count, 2 for each value, and a byte for each place.
  EXPECT_EQ(payload.size(), 4U + 4U * 3U);
}

TEST(TopKDifferenceTest, LeavesOutDifferencesOfZeroAndCrossesLongGaps) {
  std::vector<float> copy(2000, 0.5F);
  std::vector<float> values = copy;
  values[0] = 1.0F;
  values[1999] = -1.0F;
  std::vector<std::uint32_t> scratch;
  std::vector<std::byte> payload;
  std::vector<float> moved(2000);
  encode_top_k_difference(values, copy, 500, scratch, payload, moved);
  EXPECT_EQ(moved, values);
  EXPECT_EQ(payload.size(), 4U + 2U * 2U + 1U + (1998U / 255U + 1U));
  EXPECT_EQ(decode_top_k(payload, copy), values);
}

TEST(TopKDifferenceTest, RefusesWhatDoesNotAddUp) {
  const std::vector<float> copy(100, 0.0F);
  std::vector<float> values = copy;
  values[3] = 1.0F;
  values[99] = 2.0F;
  std::vector<std::uint32_t> scratch;
  std::vector<std::byte> good;
  std::vector<float> out(100);
  encode_top_k_difference(values, copy, 2, scratch, good, out);
  ASSERT_EQ(good.size(), 10U);
  const auto refusal = [&](auto spoil) {
    auto payload = good;
    spoil(payload);
    const Status ok = decode_top_k_difference(payload, copy, out);
    return ok ? std::string("taken") : ok.error().message;
  };
  EXPECT_EQ(refusal([](auto&) {}), "taken");
  EXPECT_THAT(refusal([](auto& p) { p.resize(3); }), HasSubstr("expected at least 4"));
  EXPECT_THAT(refusal([](auto& p) { p[0] = std::byte{200}; }), HasSubstr("with 200 values"));
  EXPECT_THAT(refusal([](auto& p) { p[3] = std::byte{255}; }), HasSubstr("values in 10 bytes"));
  EXPECT_THAT(refusal([](auto& p) { p[9] = std::byte{96}; }), HasSubstr("names place 100 of 100"));
  EXPECT_THAT(refusal([](auto& p) { p[9] = std::byte{255}; }), HasSubstr("place of value 1"));
  EXPECT_THAT(refusal([](auto& p) { p.push_back({}); }), HasSubstr("1 bytes too many"));
  EXPECT_THAT(refusal([](auto& p) { p[5] = p[4] = std::byte{0x7f}; }), "taken");
  EXPECT_THAT(refusal([](auto& p) { p[5] = std::byte{0x7f}, p[4] = std::byte{0x80}; }),
              HasSubstr("the difference at place 3 is inf"));
}

// What a receiver does with any bytes: refuse them, or stay within the vectors (for sanitizers).
TEST(TopKDifferenceTest, AnyBytesAreTakenOrRefused) {
  Rng rng(6);
  const std::vector<float> copy(300, 0.0F);
  std::vector<float> out(300);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::byte> payload(rng.below(64));
    for (std::byte& byte : payload) byte = static_cast<std::byte>(rng.next());
    if (payload.size() > 4) payload[1] = payload[2] = payload[3] = std::byte{0};
    if (payload.size() > 4) payload[0] = static_cast<std::byte>(rng.below(20));
    (void)decode_top_k_difference(payload, copy, out);
  }
}

TEST(TopKDifferenceTest, CountsArePartsRoundedUp) {
  EXPECT_EQ(top_k_count(10, 0.7), 7U);
  EXPECT_EQ(top_k_count(10, 0.71), 8U);
  EXPECT_EQ(top_k_count(10, 1e-9), 1U);
  EXPECT_EQ(top_k_count(10, 1.0), 10U);
  EXPECT_EQ(top_k_count(0, 0.5), 0U);
}

}  // namespace
}  // namespace skiptrain
