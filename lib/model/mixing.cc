#include "model/mixing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "base/check.h"
#include "model/mixing_kernels.h"

namespace skiptrain {
namespace {

using internal::kMixBlock;
using internal::SquareSum;

// Larger outputs than this leave the second-level cache before anybody reads them.
constexpr std::size_t kStreamedBytes = std::size_t{2} << 20;
// Small pieces keep the hardware's prefetch of the inputs going; 1024 took twice as long as 256.
constexpr std::size_t kStreamedPiece = 256;
static_assert(kMixBlock % kStreamedPiece == 0, "the distance is summed block by block");

// Mixes one block of all inputs after the other and calls `visit(begin, count)` behind each.
template <typename Visit>
void mix_blocks(std::span<const WeightedInput> inputs, std::span<float> out, Visit visit) {
  for (std::size_t begin = 0; begin < out.size(); begin += kMixBlock) {
    const std::size_t count = std::min(kMixBlock, out.size() - begin);
    internal::combine_columns(inputs, begin, count, out.data() + begin);
    visit(begin, count);
  }
}

// As mix_with_distance, for an output that is larger than a second-level cache: made piece by piece
// in the first one and written past all of them.
double stream_mix(std::span<const WeightedInput> inputs, const float* before,
                  std::span<float> out) {
  alignas(64) std::array<float, kStreamedPiece> piece;
  double sum = 0;
  SquareSum block;
  for (std::size_t begin = 0; begin < out.size(); begin += kStreamedPiece) {
    const std::size_t count = std::min(kStreamedPiece, out.size() - begin);
    if (begin % kMixBlock == 0) {
      sum += block.total();
      block = {};
    }
    internal::combine_columns(inputs, begin, count, piece.data());
    block.add_differences(before + begin, piece.data(), count);
    if (count == kStreamedPiece) {
      internal::stream_out(piece.data(), out.data() + begin, count);
    } else {
      std::copy_n(piece.data(), count, out.data() + begin);
    }
  }
  internal::end_streaming();
  return sum + block.total();
}

void check(std::span<const WeightedInput> inputs, std::span<float> out) {
  SKIPTRAIN_CHECK(!inputs.empty(), "a mix has at least the node's own parameters");
  for (const WeightedInput& input : inputs) {
    SKIPTRAIN_CHECK(input.values.size() == out.size(), "all inputs of a mix have one length");
  }
}

}  // namespace

void mix(std::span<const WeightedInput> inputs, std::span<float> out) {
  check(inputs, out);
  mix_blocks(inputs, out, [](std::size_t, std::size_t) {});
}

double mix_with_distance(std::span<const WeightedInput> inputs, std::size_t own,
                         std::span<float> out) {
  SKIPTRAIN_CHECK(own < inputs.size(), "the node's own parameters are one of the inputs");
  check(inputs, out);
  const float* before = inputs[own].values.data();
  if (out.size_bytes() >= kStreamedBytes && internal::can_stream(out.data())) {
    return std::sqrt(stream_mix(inputs, before, out));
  }
  double sum = 0;
  mix_blocks(inputs, out, [&](std::size_t begin, std::size_t count) {
    SquareSum block;
    block.add_differences(before + begin, out.data() + begin, count);
    sum += block.total();
  });
  return std::sqrt(sum);
}

double l2_distance(std::span<const float> a, std::span<const float> b) {
  SKIPTRAIN_CHECK(a.size() == b.size(), "a distance needs vectors of one length");
  SquareSum sum;
  sum.add_differences(a.data(), b.data(), a.size());
  return std::sqrt(sum.total());
}

}  // namespace skiptrain
