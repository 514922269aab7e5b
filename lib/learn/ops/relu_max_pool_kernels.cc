#include "learn/ops/relu_max_pool_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace skiptrain::learn {
namespace {

// Four lanes, as SSE2 and NEON have. Written with the compilers' vector types, because rows are
// short (14 outputs in the first layer): the wide loops of an auto-vectorizer never start on them.
constexpr std::size_t kLanes = 4;
using Floats = float __attribute__((vector_size(16)));
using Ints = std::int32_t __attribute__((vector_size(16)));
using Bytes4 = std::uint8_t __attribute__((vector_size(4)));

Floats load(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof values);
  return values;
}
void store(Floats values, float* to) {
  std::memcpy(to, &values, sizeof values);
}

// ATen's rule, without a branch: a larger value or a NaN takes over.
void challenge(Floats value, std::int32_t position, Floats& best, Ints& winner) {
  const Ints is_nan = value != value;  // NOLINT(misc-redundant-expression)
  const Ints takes = (value > best) | is_nan;
  best = takes ? value : best;
  winner = takes ? Ints{} + position : winner;
}
void challenge(float value, std::int32_t position, float& best, std::int32_t& winner) {
  if (value > best || std::isnan(value)) {
    best = value;
    winner = position;
  }
}

// Outputs [k, k + kLanes) of a row.
void pool_lanes(const float* top, const float* bottom, std::size_t k, float* out,
                std::uint8_t* winners) {
  const Floats top_low = load(top + 2 * k);
  const Floats top_high = load(top + 2 * k + kLanes);
  const Floats bottom_low = load(bottom + 2 * k);
  const Floats bottom_high = load(bottom + 2 * k + kLanes);
  Floats best = __builtin_shufflevector(top_low, top_high, 0, 2, 4, 6);
  Ints winner{};
  challenge(__builtin_shufflevector(top_low, top_high, 1, 3, 5, 7), 1, best, winner);
  challenge(__builtin_shufflevector(bottom_low, bottom_high, 0, 2, 4, 6), 2, best, winner);
  challenge(__builtin_shufflevector(bottom_low, bottom_high, 1, 3, 5, 7), 3, best, winner);
  const Ints closed = best <= 0.0f;  // false for NaN, which passes
  store(closed ? Floats{} : best, out + k);
  const Bytes4 bytes = __builtin_convertvector(closed ? Ints{} + kNoWinner : winner, Bytes4);
  std::memcpy(winners + k, &bytes, sizeof bytes);
}

void pool_one(const float* top, const float* bottom, std::size_t k, float* out,
              std::uint8_t* winners) {
  float best = top[2 * k];
  std::int32_t winner = 0;
  challenge(top[2 * k + 1], 1, best, winner);
  challenge(bottom[2 * k], 2, best, winner);
  challenge(bottom[2 * k + 1], 3, best, winner);
  const bool closed = best <= 0;
  out[k] = closed ? 0.0f : best;
  winners[k] = static_cast<std::uint8_t>(closed ? kNoWinner : winner);
}

void unpool_lanes(const float* grad_out, const std::uint8_t* winners, std::size_t k, float* top,
                  float* bottom) {
  const Floats grad = load(grad_out + k);
  Bytes4 bytes;
  std::memcpy(&bytes, winners + k, sizeof bytes);
  const Ints winner = __builtin_convertvector(bytes, Ints);
  const auto part = [&](std::int32_t position) { return winner == position ? grad : Floats{}; };
  const auto interleave = [k](Floats even, Floats odd, float* row) {
    store(__builtin_shufflevector(even, odd, 0, 4, 1, 5), row + 2 * k);
    store(__builtin_shufflevector(even, odd, 2, 6, 3, 7), row + 2 * k + kLanes);
  };
  interleave(part(0), part(1), top);
  interleave(part(2), part(3), bottom);
}

void unpool_one(const float* grad_out, const std::uint8_t* winners, std::size_t k, float* top,
                float* bottom) {
  const auto part = [&](std::uint8_t position) {
    return winners[k] == position ? grad_out[k] : 0.0f;
  };
  top[2 * k] = part(0);
  top[2 * k + 1] = part(1);
  bottom[2 * k] = part(2);
  bottom[2 * k + 1] = part(3);
}

// Calls lanes(k) or one(k) so that all of [0, columns) is covered. The last lanes may cover some
// columns for a second time, which writes the same values again.
template <typename Lanes, typename One>
void for_columns(std::size_t columns, const Lanes& lanes, const One& one) {
  if (columns < kLanes) {
    for (std::size_t k = 0; k < columns; ++k) one(k);
    return;
  }
  for (std::size_t k = 0; k + kLanes <= columns; k += kLanes) lanes(k);
  if (columns % kLanes != 0) lanes(columns - kLanes);
}

}  // namespace

void relu_max_pool_forward(const float* in, Plane plane, float* out, std::uint8_t* winners) {
  const std::size_t columns = plane.width / 2;
  for (std::size_t row = 0; row < plane.height / 2; ++row) {
    const float* top = in + 2 * row * plane.width;
    const float* bottom = top + plane.width;
    for_columns(
        columns, [&](std::size_t k) { pool_lanes(top, bottom, k, out, winners); },
        [&](std::size_t k) { pool_one(top, bottom, k, out, winners); });
    out += columns;
    winners += columns;
  }
}

void relu_max_pool_backward(const float* grad_out, const std::uint8_t* winners, Plane plane,
                            float* grad_in) {
  const std::size_t columns = plane.width / 2;
  for (std::size_t row = 0; row < plane.height / 2; ++row) {
    float* top = grad_in + 2 * row * plane.width;
    float* bottom = top + plane.width;
    for_columns(
        columns, [&](std::size_t k) { unpool_lanes(grad_out, winners, k, top, bottom); },
        [&](std::size_t k) { unpool_one(grad_out, winners, k, top, bottom); });
    if (plane.width % 2 != 0) top[plane.width - 1] = bottom[plane.width - 1] = 0.0f;
    grad_out += columns;
    winners += columns;
  }
  if (plane.height % 2 != 0) {
    std::fill_n(grad_in + (plane.height - 1) * plane.width, plane.width, 0.0f);
  }
}

}  // namespace skiptrain::learn
