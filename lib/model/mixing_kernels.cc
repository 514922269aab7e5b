#include "model/mixing_kernels.h"

#include <algorithm>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/multiversion.h"

// Contraction is off for this file, so all versions of a loop agree bit for bit. A loop over four
// inputs adds them one after the other, as four loops would, but goes through `out` once.

namespace skiptrain::internal {
namespace {

struct Term {
  const float* values;
  float weight;
};

Term term(const WeightedInput& input, std::size_t begin) {
  return {input.values.data() + begin, static_cast<float>(input.weight)};
}

SKIPTRAIN_MULTIVERSION
void scale1(Term a, float* __restrict out, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) out[k] = a.weight * a.values[k];
}

SKIPTRAIN_MULTIVERSION
void add1(Term a, float* __restrict out, std::size_t count) {
  const float* __restrict x = a.values;
  for (std::size_t k = 0; k < count; ++k) out[k] += a.weight * x[k];
}

SKIPTRAIN_MULTIVERSION
void scale4(Term a, Term b, Term c, Term d, float* __restrict out, std::size_t count) {
  const float* __restrict x = a.values;
  const float* __restrict y = b.values;
  const float* __restrict z = c.values;
  const float* __restrict w = d.values;
  for (std::size_t k = 0; k < count; ++k) {
    float sum = a.weight * x[k];
    sum += b.weight * y[k];
    sum += c.weight * z[k];
    sum += d.weight * w[k];
    out[k] = sum;
  }
}

SKIPTRAIN_MULTIVERSION
void add2(Term a, Term b, float* __restrict out, std::size_t count) {
  const float* __restrict x = a.values;
  const float* __restrict y = b.values;
  for (std::size_t k = 0; k < count; ++k) {
    float sum = out[k];
    sum += a.weight * x[k];
    sum += b.weight * y[k];
    out[k] = sum;
  }
}

SKIPTRAIN_MULTIVERSION
void add4(Term a, Term b, Term c, Term d, float* __restrict out, std::size_t count) {
  const float* __restrict x = a.values;
  const float* __restrict y = b.values;
  const float* __restrict z = c.values;
  const float* __restrict w = d.values;
  for (std::size_t k = 0; k < count; ++k) {
    float sum = out[k];
    sum += a.weight * x[k];
    sum += b.weight * y[k];
    sum += c.weight * z[k];
    sum += d.weight * w[k];
    out[k] = sum;
  }
}

SKIPTRAIN_MULTIVERSION
void add_squares(const float* __restrict a, const float* __restrict b, std::size_t count,
                 double* __restrict lanes) {
  double partial[8];
  for (std::size_t lane = 0; lane < 8; ++lane) partial[lane] = lanes[lane];
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
  for (std::size_t lane = 0; lane < 8; ++lane) lanes[lane] = partial[lane];
}

}  // namespace

void combine_columns(std::span<const WeightedInput> inputs, std::size_t begin, std::size_t count,
                     float* out) {
  const std::size_t n = inputs.size();
  std::size_t k = 0;
  if (n >= 4) {
    scale4(term(inputs[0], begin), term(inputs[1], begin), term(inputs[2], begin),
           term(inputs[3], begin), out, count);
    k = 4;
  } else {
    scale1(term(inputs[0], begin), out, count);
    k = 1;
  }
  for (; k + 4 <= n; k += 4) {
    add4(term(inputs[k], begin), term(inputs[k + 1], begin), term(inputs[k + 2], begin),
         term(inputs[k + 3], begin), out, count);
  }
  if (k + 2 <= n) {
    add2(term(inputs[k], begin), term(inputs[k + 1], begin), out, count);
    k += 2;
  }
  if (k < n) add1(term(inputs[k], begin), out, count);
}

#if defined(__SSE2__)

bool can_stream(const float* out) {
  return reinterpret_cast<std::uintptr_t>(out) % sizeof(__m128) == 0;
}

void stream_out(const float* from, float* out, std::size_t count) {
  for (std::size_t k = 0; k < count; k += 4) _mm_stream_ps(out + k, _mm_load_ps(from + k));
}

void end_streaming() {
  _mm_sfence();
}

#else

bool can_stream(const float*) {
  return false;
}

void stream_out(const float* from, float* out, std::size_t count) {
  std::copy_n(from, count, out);
}

void end_streaming() {}

#endif

void SquareSum::add_differences(const float* a, const float* b, std::size_t count) {
  add_squares(a, b, count, lanes.data());
}

double SquareSum::total() const {
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace skiptrain::internal
