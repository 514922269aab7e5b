// The two 16-bit floating-point formats of the wire: bfloat16 and IEEE 754 binary16 (float16).
//
// bfloat16 has float32's range and 8 bits of precision (relative error at most 2^-8); float16 has
// 11 (2^-11) from 2^-14 to 65504, and steps of 2^-24 below. Towards 16 bits a number is rounded to
// the nearest, ties to even, and one above the largest becomes the largest: what is lost is error
// like any other, and stays with the sender (publisher.h). NaN and infinity, which are nobody's
// model, become NaN, so that a receiver refuses them.
//
// Pure functions over spans of equal lengths that do not overlap. The same bits on every machine.
#pragma once

#include <cstdint>
#include <span>

namespace skiptrain {

void to_bfloat16(std::span<const float> values, std::span<std::uint16_t> out);
void from_bfloat16(std::span<const std::uint16_t> halves, std::span<float> out);

void to_float16(std::span<const float> values, std::span<std::uint16_t> out);
void from_float16(std::span<const std::uint16_t> halves, std::span<float> out);

// One number, for those who pack few of many.
std::uint16_t bfloat16_of(float value);
float value_of_bfloat16(std::uint16_t half);

}  // namespace skiptrain
