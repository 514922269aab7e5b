#include "model/mixing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/check.h"
#include "base/multiversion.h"

// Contraction is off for this file, so all versions of a loop agree bit for bit.

namespace skiptrain {
namespace {

// 8 KiB of output and as much of each input stay in a 32 KiB first-level cache.
constexpr std::size_t kBlock = 2048;

SKIPTRAIN_MULTIVERSION
void scale_block(const float* __restrict in, float weight, float* __restrict out,
                 std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) out[k] = weight * in[k];
}

SKIPTRAIN_MULTIVERSION
void add_block(const float* __restrict in, float weight, float* __restrict out, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) out[k] += weight * in[k];
}

SKIPTRAIN_MULTIVERSION
double squared_distance(const float* __restrict a, const float* __restrict b, std::size_t count) {
  // Eight fixed partial sums: the order of additions does not depend on the vector width.
  double partial[8] = {};
  std::size_t k = 0;
  for (; k + 8 <= count; k += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) {
      const double difference = static_cast<double>(a[k + lane]) - static_cast<double>(b[k + lane]);
      partial[lane] += difference * difference;
    }
  }
  for (; k < count; ++k) {
    const double difference = static_cast<double>(a[k]) - static_cast<double>(b[k]);
    partial[0] += difference * difference;
  }
  double sum = 0;
  for (const double value : partial) sum += value;
  return sum;
}

// Mixes one block of all inputs after the other and calls `visit(begin, count)` behind each.
template <typename Visit>
void mix_blocks(std::span<const WeightedInput> inputs, std::span<float> out, Visit visit) {
  SKIPTRAIN_CHECK(!inputs.empty(), "a mix has at least the node's own parameters");
  for (const WeightedInput& input : inputs) {
    SKIPTRAIN_CHECK(input.values.size() == out.size(), "all inputs of a mix have one length");
  }
  for (std::size_t begin = 0; begin < out.size(); begin += kBlock) {
    const std::size_t count = std::min(kBlock, out.size() - begin);
    float* block = out.data() + begin;
    scale_block(inputs[0].values.data() + begin, static_cast<float>(inputs[0].weight), block,
                count);
    for (const WeightedInput& input : inputs.subspan(1)) {
      add_block(input.values.data() + begin, static_cast<float>(input.weight), block, count);
    }
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
    sum += squared_distance(before + begin, out.data() + begin, count);
  });
  return std::sqrt(sum);
}

double l2_distance(std::span<const float> a, std::span<const float> b) {
  SKIPTRAIN_CHECK(a.size() == b.size(), "a distance needs vectors of one length");
  return std::sqrt(squared_distance(a.data(), b.data(), a.size()));
}

}  // namespace skiptrain
