#include "model/mixing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/check.h"
#include "model/mixing_kernels.h"

namespace skiptrain {
namespace {

using internal::kMixBlock;
using internal::SquareSum;

// Mixes one block of all inputs after the other and calls `visit(begin, count)` behind each.
template <typename Visit>
void mix_blocks(std::span<const WeightedInput> inputs, std::span<float> out, Visit visit) {
  SKIPTRAIN_CHECK(!inputs.empty(), "a mix has at least the node's own parameters");
  for (const WeightedInput& input : inputs) {
    SKIPTRAIN_CHECK(input.values.size() == out.size(), "all inputs of a mix have one length");
  }
  for (std::size_t begin = 0; begin < out.size(); begin += kMixBlock) {
    const std::size_t count = std::min(kMixBlock, out.size() - begin);
    internal::combine_columns(inputs, begin, count, out.data());
    visit(begin, count);
  }
}

}  // namespace

void mix(std::span<const WeightedInput> inputs, std::span<float> out) {
  mix_blocks(inputs, out, [](std::size_t, std::size_t) {});
}

double mix_with_distance(std::span<const WeightedInput> inputs, std::size_t own,
                         std::span<float> out) {
  SKIPTRAIN_CHECK(own < inputs.size(), "the node's own parameters are one of the inputs");
  const float* before = inputs[own].values.data();
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
