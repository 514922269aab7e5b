#include "learn/relu_max_pool_kernels.h"

#include <algorithm>

// Compiled for several instruction sets and picked at load time; the loops select and copy, so all
// of them agree bit for bit. Sanitizers cannot follow that kind of dispatch.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)
#define SKIPTRAIN_MULTIVERSION __attribute__((target_clones("avx2", "default")))
#else
#define SKIPTRAIN_MULTIVERSION
#endif

namespace skiptrain::learn {
namespace {

// ATen's rule, without a branch: a larger value or a NaN takes over.
inline void challenge(float value, std::uint32_t position, float& best, std::uint32_t& winner) {
  const bool takes = (value > best) | (value != value);
  best = takes ? value : best;
  winner = takes ? position : winner;
}

}  // namespace

SKIPTRAIN_MULTIVERSION
void relu_max_pool_forward(const float* __restrict in, Plane plane, float* __restrict out,
                           std::uint8_t* __restrict winners) {
  const std::size_t columns = plane.width / 2;
  for (std::size_t row = 0; row < plane.height / 2; ++row) {
    const float* top = in + 2 * row * plane.width;
    const float* bottom = top + plane.width;
    for (std::size_t k = 0; k < columns; ++k) {
      float best = top[2 * k];
      std::uint32_t winner = 0;
      challenge(top[2 * k + 1], 1, best, winner);
      challenge(bottom[2 * k], 2, best, winner);
      challenge(bottom[2 * k + 1], 3, best, winner);
      const bool closed = best <= 0;  // false for NaN, which passes
      out[k] = closed ? 0.0f : best;
      winners[k] = static_cast<std::uint8_t>(closed ? kNoWinner : winner);
    }
    out += columns;
    winners += columns;
  }
}

SKIPTRAIN_MULTIVERSION
void relu_max_pool_backward(const float* __restrict grad_out,
                            const std::uint8_t* __restrict winners, Plane plane,
                            float* __restrict grad_in) {
  const std::size_t columns = plane.width / 2;
  for (std::size_t row = 0; row < plane.height / 2; ++row) {
    float* top = grad_in + 2 * row * plane.width;
    float* bottom = top + plane.width;
    for (std::size_t k = 0; k < columns; ++k) {
      const float grad = grad_out[k];
      const std::uint32_t winner = winners[k];
      top[2 * k] = winner == 0 ? grad : 0.0f;
      top[2 * k + 1] = winner == 1 ? grad : 0.0f;
      bottom[2 * k] = winner == 2 ? grad : 0.0f;
      bottom[2 * k + 1] = winner == 3 ? grad : 0.0f;
    }
    if (plane.width % 2 != 0) top[plane.width - 1] = bottom[plane.width - 1] = 0.0f;
    grad_out += columns;
    winners += columns;
  }
  if (plane.height % 2 != 0)
    std::fill_n(grad_in + (plane.height - 1) * plane.width, plane.width, 0.0f);
}

}  // namespace skiptrain::learn
