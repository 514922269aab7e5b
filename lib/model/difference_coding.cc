#include "model/difference_coding.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/multiversion.h"
#include "model/half_floats.h"

// Contraction is off for this file, so that all versions of a loop agree bit for bit.

namespace skiptrain {
namespace {

constexpr std::uint32_t kMagnitude = 0x7fffffffu;
constexpr std::uint32_t kInfinity = 0x7f800000u;
constexpr float kLargestCode = 127.0f;
// Below this the inverse of a scale would overflow, and nobody misses the difference.
constexpr float kLeastMagnitude = 1e-35f;
// Added to a number of magnitude below 2^22 it leaves the nearest whole one in the low bits.
constexpr float kToWhole = 12582912.0f;  // 1.5 * 2^23

std::size_t block_count(std::size_t parameter_count) {
  return (parameter_count + kInt8Block - 1) / kInt8Block;
}

void check_sizes(std::span<const float> a, std::span<const float> b, std::span<const float> c) {
  SKIPTRAIN_CHECK(a.size() == b.size() && a.size() == c.size(), "differences have one length");
  SKIPTRAIN_CHECK(a.size() <= UINT32_MAX, "places of differences have 32 bits");
}

// The largest |values - copy|, as bits: magnitudes compare as integers do, NaN above all.
SKIPTRAIN_MULTIVERSION
std::uint32_t largest_difference(const float* __restrict values, const float* __restrict copy,
                                 std::size_t count) {
  std::uint32_t most = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(values[k] - copy[k]) & kMagnitude;
    most = bits > most ? bits : most;
  }
  return most;
}

SKIPTRAIN_MULTIVERSION
void encode_block(const float* __restrict values, const float* __restrict copy, float inverse,
                  std::int8_t* __restrict codes, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) {
    const float whole = (values[k] - copy[k]) * inverse + kToWhole;
    codes[k] = static_cast<std::int8_t>(std::bit_cast<std::uint32_t>(whole) & 0xffu);
  }
}

SKIPTRAIN_MULTIVERSION
void move_block(const float* __restrict copy, const std::int8_t* __restrict codes, float scale,
                float* __restrict out, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) {
    out[k] = copy[k] + scale * static_cast<float>(codes[k]);
  }
}

SKIPTRAIN_MULTIVERSION
void take_magnitudes(const float* __restrict values, const float* __restrict copy,
                     std::uint32_t* __restrict out, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) {
    out[k] = std::bit_cast<std::uint32_t>(values[k] - copy[k]) & kMagnitude;
  }
}

}  // namespace

// ---- int8 --------------------------------------------------------------------------------------

std::size_t int8_payload_bytes(std::size_t parameter_count) {
  return block_count(parameter_count) * sizeof(float) + parameter_count;
}

void encode_int8_difference(std::span<const float> values, std::span<const float> copy,
                            std::vector<std::byte>& payload, std::span<float> out) {
  check_sizes(values, copy, out);
  payload.resize(int8_payload_bytes(values.size()));
  std::byte* scales = payload.data();
  auto* codes =
      reinterpret_cast<std::int8_t*>(payload.data() + block_count(values.size()) * sizeof(float));
  for (std::size_t begin = 0; begin < values.size(); begin += kInt8Block) {
    const std::size_t count = std::min(kInt8Block, values.size() - begin);
    const float* in = values.data() + begin;
    const float* base = copy.data() + begin;
    const auto most = std::bit_cast<float>(largest_difference(in, base, count));
    const bool is_zero = most < kLeastMagnitude;
    const float scale = is_zero ? 0.0f : most / kLargestCode;
    encode_block(in, base, is_zero ? 0.0f : kLargestCode / most, codes + begin, count);
    move_block(base, codes + begin, scale, out.data() + begin, count);
    std::memcpy(scales, &scale, sizeof scale);
    scales += sizeof scale;
  }
}

Status decode_int8_difference(std::span<const std::byte> payload, std::span<const float> copy,
                              std::span<float> out) {
  check_sizes(copy, copy, out);
  if (payload.size() != int8_payload_bytes(copy.size())) {
    return fail(ErrorCode::kCorrupt, "an int8 difference of " + std::to_string(payload.size()) +
                                         " bytes, expected " +
                                         std::to_string(int8_payload_bytes(copy.size())));
  }
  const auto* codes = reinterpret_cast<const std::int8_t*>(
      payload.data() + block_count(copy.size()) * sizeof(float));
  for (std::size_t begin = 0; begin < copy.size(); begin += kInt8Block) {
    const std::size_t block = begin / kInt8Block;
    float scale = 0.0f;
    std::memcpy(&scale, payload.data() + block * sizeof scale, sizeof scale);
    if (!std::isfinite(scale) || scale < 0.0f) {
      return fail(ErrorCode::kNumeric, "the scale of block " + std::to_string(block) + " is " +
                                           std::to_string(scale) +
                                           ", expected a finite number of 0 or more");
    }
    move_block(copy.data() + begin, codes + begin, scale, out.data() + begin,
               std::min(kInt8Block, copy.size() - begin));
  }
  return {};
}

// ---- top-k -------------------------------------------------------------------------------------

namespace {

constexpr std::uint32_t kLongGap = 255;

// The threshold of the `count` largest: all above `magnitude`, and the first `ties` equal to it.
struct Threshold {
  std::uint32_t magnitude = 0;
  std::size_t ties = 0;
};

// Puts what `pick` says of each index into `out`, where `pick` also says to; returns how many.
// Without a branch, which would be mispredicted too often; `out` has room for all.
template <typename Pick>
std::size_t compact(std::size_t count, std::uint32_t* out, Pick pick) {
  std::size_t kept = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const auto [value, keep] = pick(k);
    out[kept] = value;
    kept += keep ? 1 : 0;
  }
  return kept;
}

// By the upper bits into bins first, so that few are left to be put in order. `room` is for as many
// numbers as there are magnitudes.
Threshold find_threshold(std::span<const std::uint32_t> magnitudes, std::size_t count,
                         std::uint32_t* room) {
  constexpr unsigned kShift = 20;
  constexpr std::size_t kBins = (kMagnitude >> kShift) + 1;
  std::array<std::array<std::uint32_t, kBins>, 2> bins{};
  const std::size_t even = magnitudes.size() / 2 * 2;
  for (std::size_t k = 0; k < even; k += 2) {  // two tables: neighbours are often in one bin
    ++bins[0][magnitudes[k] >> kShift];
    ++bins[1][magnitudes[k + 1] >> kShift];
  }
  if (even < magnitudes.size()) ++bins[0][magnitudes.back() >> kShift];
  std::size_t above = 0;
  std::size_t bin = kBins - 1;
  const auto in_bin = [&bins](std::size_t b) { return std::size_t{bins[0][b]} + bins[1][b]; };
  while (above + in_bin(bin) < count) above += in_bin(bin--);
  const std::size_t candidates = compact(magnitudes.size(), room, [&](std::size_t k) {
    return std::pair(magnitudes[k], magnitudes[k] >> kShift == bin);
  });
  const std::size_t wanted = count - above;  // of the candidates, at least 1
  std::uint32_t* const last = room + wanted - 1;
  std::nth_element(room, last, room + candidates, std::greater<>());
  const std::uint32_t threshold = *last;
  const auto larger = static_cast<std::size_t>(
      std::count_if(room, last, [&](std::uint32_t m) { return m > threshold; }));
  return {threshold, wanted - larger};
}

void append_gap(std::vector<std::byte>& bytes, std::uint32_t gap) {
  for (; gap >= kLongGap; gap -= kLongGap) bytes.push_back(std::byte{kLongGap});
  bytes.push_back(static_cast<std::byte>(gap));
}

}  // namespace

std::size_t top_k_count(std::size_t parameter_count, double fraction) {
  if (parameter_count == 0) return 0;
  constexpr double kRounding = 1e-9;  // else 0.7 of 10 would be 8
  const double part = std::ceil(fraction * static_cast<double>(parameter_count) - kRounding);
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::max(part, 1.0)), 1, parameter_count);
}

std::size_t max_top_k_payload_bytes(std::size_t parameter_count) {
  // Each place costs a byte, and one more for 255 places that are passed over.
  return sizeof(std::uint32_t) + parameter_count * (sizeof(std::uint16_t) + 1) +
         parameter_count / kLongGap;
}

void encode_top_k_difference(std::span<const float> values, std::span<const float> copy,
                             std::size_t count, std::vector<std::uint32_t>& scratch,
                             std::vector<std::byte>& payload, std::span<float> out) {
  check_sizes(values, copy, out);
  SKIPTRAIN_CHECK(count <= values.size(), "no more differences than parameters");
  payload.resize(sizeof(std::uint32_t) + count * sizeof(std::uint16_t));
  std::ranges::copy(copy, out.begin());
  std::uint32_t sent = 0;
  if (count > 0) {
    scratch.resize(2 * values.size());
    const std::span<std::uint32_t> magnitudes(scratch.data(), values.size());
    std::uint32_t* const places = scratch.data() + values.size();
    take_magnitudes(values.data(), copy.data(), magnitudes.data(), values.size());
    auto [threshold, ties] = find_threshold(magnitudes, count, places);
    const std::size_t chosen = compact(values.size(), places, [&](std::size_t k) {
      return std::pair(static_cast<std::uint32_t>(k), magnitudes[k] >= threshold);
    });
    std::vector<std::byte> gaps;
    gaps.reserve(count + values.size() / kLongGap);
    std::uint32_t next = 0;  // the place after the one before
    for (const std::uint32_t k : std::span(places, chosen)) {
      if (magnitudes[k] == threshold) {
        if (ties == 0) continue;
        --ties;
      }
      const std::uint16_t half = bfloat16_of(values[k] - copy[k]);
      if ((half & 0x7fffu) == 0) continue;
      std::memcpy(payload.data() + sizeof sent + sent * sizeof half, &half, sizeof half);
      append_gap(gaps, k - next);
      out[k] = copy[k] + value_of_bfloat16(half);
      next = k + 1;
      ++sent;
    }
    payload.resize(sizeof sent + sent * sizeof(std::uint16_t));
    payload.insert(payload.end(), gaps.begin(), gaps.end());
  }
  std::memcpy(payload.data(), &sent, sizeof sent);
}

namespace {

tl::unexpected<Error> corrupt(const std::string& what) {
  return fail(ErrorCode::kCorrupt, "a top-k difference " + what);
}

}  // namespace

Status decode_top_k_difference(std::span<const std::byte> payload, std::span<const float> copy,
                               std::span<float> out) {
  check_sizes(copy, copy, out);
  std::uint32_t count = 0;
  if (payload.size() < sizeof count) {
    return corrupt("of " + std::to_string(payload.size()) + " bytes, expected at least 4");
  }
  std::memcpy(&count, payload.data(), sizeof count);
  const auto rest = payload.subspan(sizeof count);
  if (count > copy.size() || count > rest.size() / (sizeof(std::uint16_t) + 1)) {
    return corrupt("with " + std::to_string(count) + " values in " +
                   std::to_string(payload.size()) + " bytes for " + std::to_string(copy.size()) +
                   " parameters");
  }
  std::ranges::copy(copy, out.begin());
  const std::byte* values = rest.data();
  auto gaps = rest.subspan(count * sizeof(std::uint16_t));
  std::uint64_t place = 0;  // after the one before
  for (std::uint32_t k = 0; k < count; ++k) {
    std::uint32_t byte = kLongGap;
    while (byte == kLongGap) {
      if (gaps.empty()) return corrupt("that ends within the place of value " + std::to_string(k));
      byte = static_cast<std::uint32_t>(gaps.front());
      place += byte;
      gaps = gaps.subspan(1);
    }
    if (place >= copy.size()) {
      return corrupt("that names place " + std::to_string(place) + " of " +
                     std::to_string(copy.size()));
    }
    std::uint16_t half = 0;
    std::memcpy(&half, values + k * sizeof half, sizeof half);
    const float value = value_of_bfloat16(half);
    if ((std::bit_cast<std::uint32_t>(value) & kMagnitude) >= kInfinity) {
      return fail(ErrorCode::kNumeric, "the difference at place " + std::to_string(place) + " is " +
                                           std::to_string(value) + ", expected a finite number");
    }
    out[place] = copy[place] + value;
    ++place;
  }
  if (!gaps.empty()) return corrupt("with " + std::to_string(gaps.size()) + " bytes too many");
  return {};
}

}  // namespace skiptrain
