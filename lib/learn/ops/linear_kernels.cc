#include "learn/ops/linear_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "learn/ops/linear_kernels.cc"
#include <hwy/foreach_target.h>

#include "learn/ops/multiply-inl.h"

HWY_BEFORE_NAMESPACE();
namespace skiptrain::learn::HWY_NAMESPACE {
namespace {

// Rows of weights at once on the way back: so many streams from memory a processor can follow.
constexpr std::size_t kRowBlock = 32;

std::size_t linear_scratch_size(const dense::Size& size) {
  return round_up_to_lanes(size.samples) * (size.in + size.out);
}

// [rows][columns] to [columns][width], in squares that stay in the first-level cache; what is
// beyond the rows becomes zero.
void turn(const float* from, std::size_t rows, std::size_t columns, float* to, std::size_t width) {
  constexpr std::size_t kSquare = 16;
  for (std::size_t k = 0; k < columns; k += kSquare) {
    const std::size_t end = std::min(columns, k + kSquare);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t j = k; j < end; ++j) to[j * width + r] = from[r * columns + j];
    }
    if (rows == width) continue;
    for (std::size_t j = k; j < end; ++j) std::fill_n(to + j * width + rows, width - rows, 0.0f);
  }
}

void linear_forward(const dense::Size& size, const float* in, const float* weights,
                    const float* bias, bool relu, float* out, float* scratch) {
  const std::size_t width = round_up_to_lanes(size.samples);
  float* const turned = scratch;
  float* const turned_out = turned + width * size.in;
  turn(in, size.samples, size.in, turned, width);
  multiply_by_rows<Start::kZero>({.a = weights,
                                  .a_row = size.in,
                                  .b = turned,
                                  .walk = {.inner = size.in, .b_inner = width},
                                  .c = turned_out,
                                  .c_row = width},
                                 size.out, width);
  for (std::size_t r = 0; r < size.samples; ++r) {
    for (std::size_t o = 0; o < size.out; ++o) {
      const float value = turned_out[o * width + r] + (bias != nullptr ? bias[o] : 0.0f);
      out[r * size.out + o] = relu && value <= 0.0f ? 0.0f : value;
    }
  }
}

void linear_backward_input(const dense::Size& size, const float* out_gradient, const float* weights,
                           float* in_gradient) {
  std::fill_n(in_gradient, size.samples * size.in, 0.0f);
  for (std::size_t begin = 0; begin < size.out; begin += kRowBlock) {
    multiply_by_columns<Start::kSum>(
        {.a = out_gradient + begin,
         .a_row = size.out,
         .b = weights + begin * size.in,
         .walk = {.inner = std::min(kRowBlock, size.out - begin), .b_inner = size.in},
         .c = in_gradient,
         .c_row = size.in},
        size.samples, size.in);
  }
}

void linear_backward_weights(const dense::Size& size, const float* in, const float* out_gradient,
                             float* gradient) {
  multiply_by_rows<Start::kSum>(
      {.a = out_gradient,
       .a_row = 1,
       .b = in,
       .walk = {.inner = size.samples, .a_inner = size.out, .b_inner = size.in},
       .c = gradient,
       .c_row = size.in},
      size.out, size.in);
}

void linear_add_rows(const float* values, std::size_t rows, std::size_t columns, float* gradient) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t k = 0;
  for (; k + lanes <= columns; k += lanes) {
    FloatVector sum = hn::Zero(d);
    for (std::size_t r = 0; r < rows; ++r) {
      sum = hn::Add(sum, hn::LoadU(d, values + r * columns + k));
    }
    hn::StoreU(hn::Add(hn::LoadU(d, gradient + k), sum), d, gradient + k);
  }
  for (; k < columns; ++k) {
    float sum = 0.0f;
    for (std::size_t r = 0; r < rows; ++r) sum += values[r * columns + k];
    gradient[k] += sum;
  }
}

void linear_mask_gradient(const float* out, const float* out_gradient, std::size_t count,
                          float* masked) {
  for (std::size_t k = 0; k < count; ++k) masked[k] = out[k] <= 0.0f ? 0.0f : out_gradient[k];
}

}  // namespace
}  // namespace skiptrain::learn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skiptrain::learn {

HWY_EXPORT(linear_scratch_size);
HWY_EXPORT(linear_forward);
HWY_EXPORT(linear_backward_input);
HWY_EXPORT(linear_backward_weights);
HWY_EXPORT(linear_add_rows);
HWY_EXPORT(linear_mask_gradient);

namespace dense {

std::size_t scratch_size(const Size& size) {
  return HWY_DYNAMIC_DISPATCH(linear_scratch_size)(size);
}
void forward(const Size& size, const float* in, const float* weights, const float* bias, bool relu,
             float* out, float* scratch) {
  HWY_DYNAMIC_DISPATCH(linear_forward)(size, in, weights, bias, relu, out, scratch);
}
void backward_input(const Size& size, const float* out_gradient, const float* weights,
                    float* in_gradient) {
  HWY_DYNAMIC_DISPATCH(linear_backward_input)(size, out_gradient, weights, in_gradient);
}
void backward_weights(const Size& size, const float* in, const float* out_gradient,
                      float* gradient) {
  HWY_DYNAMIC_DISPATCH(linear_backward_weights)(size, in, out_gradient, gradient);
}
void add_rows(const float* values, std::size_t rows, std::size_t columns, float* gradient) {
  HWY_DYNAMIC_DISPATCH(linear_add_rows)(values, rows, columns, gradient);
}
void mask_gradient(const float* out, const float* out_gradient, std::size_t count, float* masked) {
  HWY_DYNAMIC_DISPATCH(linear_mask_gradient)(out, out_gradient, count, masked);
}

}  // namespace dense
}  // namespace skiptrain::learn
#endif
