// Differences between a vector of parameters and a copy of an older one, packed into few bytes, and
// the copy moved by what they say.
//
// Two formats, little-endian. With N parameters:
//   int8    scale[ceil(N / 1024)] float32, code[N] int8. Of each block of 1024 numbers the
//           difference of the largest magnitude gets the code 127 or -127: number k moves by
//           scale[k / 1024] * code[k]. Off by half a scale at most.
//   top-k   count uint32, value[count] bfloat16, then the places of the values, in ascending order,
//           as gaps: a place is the one before + 1 + gap, the first one is gap. A gap is a sum of
//           bytes of which the first below 255 is the last.
// Rounding is to the nearest. Its error is smaller than that of stochastic rounding (a quarter of
// the variance), needs no seed, and does no harm by its bias: what an update leaves out is in the
// difference of the next one (Karimireddy et al. 2019, arXiv 1901.09847, call it error feedback).
//
// Pure functions. Encoder and decoder move their copies by the same operations in the same order,
// in float32 without fused multiply-add, so both ends hold the same bits on every machine. All
// spans of floats have one length N, below 2^32; `out` overlaps nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"

namespace skiptrain {

inline constexpr std::size_t kInt8Block = 1024;

std::size_t int8_payload_bytes(std::size_t parameter_count);

// Into `payload`, which is resized; out = `copy` moved by it.
void encode_int8_difference(std::span<const float> values, std::span<const float> copy,
                            std::vector<std::byte>& payload, std::span<float> out);
// kCorrupt for a payload of another size, kNumeric for a scale that is not finite or below 0.
// `out` may be written to in part even then. It may turn out infinite: the caller looks.
Status decode_int8_difference(std::span<const std::byte> payload, std::span<const float> copy,
                              std::span<float> out);

// How many differences top-k:`fraction` sends: at least 1, rounded up.
std::size_t top_k_count(std::size_t parameter_count, double fraction);
// What no payload of top-k exceeds.
std::size_t max_top_k_payload_bytes(std::size_t parameter_count);

// The `count` largest magnitudes, of equal ones those at the front; differences of zero are left
// out. `scratch` is memory to work in.
void encode_top_k_difference(std::span<const float> values, std::span<const float> copy,
                             std::size_t count, std::vector<std::uint32_t>& scratch,
                             std::vector<std::byte>& payload, std::span<float> out);
// kCorrupt for a payload that does not add up or names a place beyond the end, kNumeric for a value
// that is not finite. As above otherwise.
Status decode_top_k_difference(std::span<const std::byte> payload, std::span<const float> copy,
                               std::span<float> out);

}  // namespace skiptrain
