#include "model/half_floats.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "base/check.h"
#include "base/multiversion.h"

// The loops choose between cases without a branch, so that the compiler vectorizes them.

namespace skiptrain {
namespace {

constexpr std::uint32_t kSign = 0x80000000u;
constexpr std::uint32_t kExponent = 0x7f800000u;  // all ones: NaN or infinity

inline std::uint16_t bfloat16_bits(float value) {
  constexpr std::uint32_t kLargest = 0x7f7fu;
  constexpr std::uint32_t kNan = 0x7fc0u;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & ~kSign;
  const std::uint32_t sign = (bits & kSign) >> 16;
  const std::uint32_t rounded = (magnitude + 0x7fffu + ((magnitude >> 16) & 1u)) >> 16;
  const std::uint32_t finite = rounded < kLargest ? rounded : kLargest;
  return static_cast<std::uint16_t>(sign | (magnitude >= kExponent ? kNan : finite));
}

inline std::uint16_t float16_bits(float value) {
  constexpr std::uint32_t kLargest = 0x7bffu;
  constexpr std::uint32_t kNan = 0x7e00u;
  constexpr std::uint32_t kSmallestNormal = 0x38800000u;  // 2^-14 in float32
  constexpr std::uint32_t kRebias = 112u << 23;           // between the formats' exponents
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & ~kSign;
  const std::uint32_t sign = (bits & kSign) >> 16;
  // A float32 of 0.5 has steps of 2^-24, float16's below its normal numbers: the sum rounds.
  constexpr float kHalf = 0.5f;
  const std::uint32_t small =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + kHalf) -
      std::bit_cast<std::uint32_t>(kHalf);
  const std::uint32_t normal = (magnitude - kRebias + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  const std::uint32_t large = normal < kLargest ? normal : kLargest;
  const std::uint32_t finite = magnitude < kSmallestNormal ? small : large;
  return static_cast<std::uint16_t>(sign | (magnitude >= kExponent ? kNan : finite));
}

inline float float16_value(std::uint16_t half) {
  const std::uint32_t magnitude = half & 0x7fffu;
  const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16;
  const std::uint32_t normal = (magnitude << 13) + (112u << 23);
  const auto small =
      std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<int>(magnitude)) * 0x1p-24f);
  const std::uint32_t special = (magnitude << 13) | kExponent;
  const std::uint32_t finite = magnitude < 0x400u ? small : normal;
  return std::bit_cast<float>(sign | (magnitude >= 0x7c00u ? special : finite));
}

template <typename A, typename B>
void check_sizes(std::span<A> from, std::span<B> out) {
  SKIPTRAIN_CHECK(from.size() == out.size(), "as many numbers come out as go in");
}

SKIPTRAIN_MULTIVERSION
void pack_bfloat16(const float* __restrict in, std::uint16_t* __restrict out, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) out[k] = bfloat16_bits(in[k]);
}

SKIPTRAIN_MULTIVERSION
void unpack_bfloat16(const std::uint16_t* __restrict in, float* __restrict out, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) {
    out[k] = std::bit_cast<float>(std::uint32_t{in[k]} << 16);
  }
}

SKIPTRAIN_MULTIVERSION
void pack_float16(const float* __restrict in, std::uint16_t* __restrict out, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) out[k] = float16_bits(in[k]);
}

SKIPTRAIN_MULTIVERSION
void unpack_float16(const std::uint16_t* __restrict in, float* __restrict out, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) out[k] = float16_value(in[k]);
}

}  // namespace

void to_bfloat16(std::span<const float> values, std::span<std::uint16_t> out) {
  check_sizes(values, out);
  pack_bfloat16(values.data(), out.data(), values.size());
}

void from_bfloat16(std::span<const std::uint16_t> halves, std::span<float> out) {
  check_sizes(halves, out);
  unpack_bfloat16(halves.data(), out.data(), halves.size());
}

void to_float16(std::span<const float> values, std::span<std::uint16_t> out) {
  check_sizes(values, out);
  pack_float16(values.data(), out.data(), values.size());
}

void from_float16(std::span<const std::uint16_t> halves, std::span<float> out) {
  check_sizes(halves, out);
  unpack_float16(halves.data(), out.data(), halves.size());
}

std::uint16_t bfloat16_of(float value) {
  return bfloat16_bits(value);
}

float value_of_bfloat16(std::uint16_t half) {
  return std::bit_cast<float>(std::uint32_t{half} << 16);
}

}  // namespace skiptrain
