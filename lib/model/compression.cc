#include "model/compression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace skiptrain {
namespace {

constexpr std::string_view kTopKPrefix = "top-k:";

struct NamedPacking {
  std::string_view name;
  Packing packing;
};
constexpr std::array kNamed = {
    NamedPacking{"none", Packing::kNone},
    NamedPacking{"bf16", Packing::kBfloat16},
    NamedPacking{"fp16", Packing::kFloat16},
    NamedPacking{"int8", Packing::kInt8},
};

}  // namespace

double Compression::consensus_step() const {
  if (step > 0.0) return step;
  return packing == Packing::kTopK ? std::min(1.0, kTopKStep * fraction) : 1.0;
}

Result<Compression> parse_compression(std::string_view text) {
  for (const auto& [name, packing] : kNamed) {
    if (name == text) return Compression{packing, 0.0, 0.0};
  }
  if (text.starts_with(kTopKPrefix)) {
    const std::string_view number = text.substr(kTopKPrefix.size());
    double fraction = 0.0;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), fraction);
    const bool whole = error == std::errc() && end == number.data() + number.size();
    if (whole && fraction > 0.0 && fraction <= 1.0) {
      return Compression{Packing::kTopK, fraction, 0.0};
    }
  }
  return fail(ErrorCode::kInvalidArgument,
              "compression \"" + std::string(text) + "\": must be " + kCompressionWords);
}

std::string to_string(const Compression& compression) {
  for (const auto& [name, packing] : kNamed) {
    if (packing == compression.packing) return std::string(name);
  }
  std::array<char, 32> text;
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), compression.fraction);
  return std::string(kTopKPrefix) + std::string(text.data(), end);
}

}  // namespace skiptrain
