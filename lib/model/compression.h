// How the updates of a run are packed for the wire: the setting that all its nodes share.
//
// bf16 and fp16 send every number in 16 bits, each update by itself. int8 and top-k:F send
// differences to what was sent before, which is why both ends of a link keep a copy of it; see
// publisher.h for the algorithm and difference_coding.h for the formats. A plain value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace skiptrain {

enum class Packing : std::uint8_t {
  kNone,      // float32
  kBfloat16,  // half the bytes
  kFloat16,   // half the bytes
  kInt8,      // differences, a byte for each number: a quarter
  kTopK,      // differences, those of the largest magnitude alone: about 3 bytes for each
};

// What a config may say: "none, bf16, fp16, int8 or top-k:F ...".
inline constexpr const char* kCompressionWords =
    "none, bf16, fp16, int8 or top-k:F (F above 0 to 1, as in top-k:0.1)";

struct Compression {
  Packing packing = Packing::kNone;
  double fraction = 0.0;  // kTopK: the part of the numbers that an update names, above 0 to 1
  // gamma of the consensus step, above 0 to 1; 0 takes the default.
  double step = 0.0;

  bool is_none() const { return packing == Packing::kNone; }
  // Do both ends of a link keep a copy that differences are added to?
  bool keeps_copies() const { return packing == Packing::kInt8 || packing == Packing::kTopK; }
  // gamma. The default is 1 but with top-k. There a number that is sent every 1/F rounds is on
  // average as many rounds old, and a step on old news overshoots if it is too long: kTopKStep * F,
  // at most 1 (measured, see README.md; the proof of arXiv 1902.00340, Theorem 2, wants far less).
  double consensus_step() const;

  bool operator==(const Compression&) const = default;
};

inline constexpr double kTopKStep = 2.0;

// kInvalidArgument, saying what is allowed. The step is left at its default.
Result<Compression> parse_compression(std::string_view text);
// As `parse_compression` reads it.
std::string to_string(const Compression& compression);

}  // namespace skiptrain
