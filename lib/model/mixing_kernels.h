// The inner loops of mixing, shared by mixing.h and batch_mixing.h, so that both give the same
// bits. Inside lib/model only.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "model/mixing.h"

namespace skiptrain::internal {

// Sums of squared differences are taken over blocks of this many elements, and the blocks' sums
// are added in order. 8 KiB of output, and as much of each of three inputs, stay in a 32 KiB
// first-level cache.
inline constexpr std::size_t kMixBlock = 2048;

// out[k] = sum over inputs of weight * values[begin + k], for k < count.
void combine_columns(std::span<const WeightedInput> inputs, std::size_t begin, std::size_t count,
                     float* out);

// Whether `out` may be written by `stream_out`: it is aligned for it.
bool can_stream(const float* out);
// Copies past the caches, which saves reading the memory that is about to be overwritten; for
// outputs that no cache would keep. `count` is a multiple of 4, `from` is 16-byte aligned.
// `end_streaming` must follow before another thread is told.
void stream_out(const float* from, float* out, std::size_t count);
void end_streaming();

// A sum of squares in eight fixed lanes: the order of additions depends neither on the vector width
// nor on how a block is cut, as long as it is cut at multiples of eight.
struct SquareSum {
  std::array<double, 8> lanes{};

  void add_differences(const float* a, const float* b, std::size_t count);
  double total() const;
};

}  // namespace skiptrain::internal
