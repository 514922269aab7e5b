// Weighted averages of flat parameters: the arithmetic of a mix, and the distances that judge it.
//
// Pure functions over spans. The sum runs over the inputs in the order given, in float32 without
// fused multiply-add, so that one set of inputs gives the same bits on every machine.
#pragma once

#include <cstddef>
#include <span>

namespace skiptrain {

struct WeightedInput {
  double weight = 0.0;
  std::span<const float> values;
};

// out[k] = sum over inputs of weight * values[k]. All inputs have out's length; `out` overlaps
// none of them. Reads each input once and writes `out` once, in blocks that fit the first cache.
void mix(std::span<const WeightedInput> inputs, std::span<float> out);

// The same, and returns the L2 norm of inputs[own].values - out, taken while the blocks are in the
// cache: how far this node was from its neighbourhood's consensus.
double mix_with_distance(std::span<const WeightedInput> inputs, std::size_t own,
                         std::span<float> out);

// The L2 norm of a - b, accumulated in double. Equal lengths.
double l2_distance(std::span<const float> a, std::span<const float> b);

}  // namespace skiptrain
