#include "learn/ops/direct_conv_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "learn/ops/direct_conv_kernels.cc"
#include <hwy/foreach_target.h>

#include "learn/ops/multiply-inl.h"

HWY_BEFORE_NAMESPACE();
namespace skiptrain::learn::HWY_NAMESPACE {
namespace {

// Of the copy with zeros around it.
struct Padded {
  explicit Padded(const ConvShape& shape)
      : height(shape.height + 2 * shape.padding),
        row((shape.width + 2 * shape.padding) * shape.channels) {}
  std::size_t size() const { return height * row; }
  std::size_t height;
  std::size_t row;  // floats
};

std::size_t direct_packed_size(const ConvShape& shape) {
  return kKernelArea * shape.channels * round_up_to_lanes(shape.out_channels);
}

std::size_t out_lanes_size(const ConvShape& shape) {
  return shape.out_height() * shape.out_width() * round_up_to_lanes(shape.out_channels);
}

// A padded image, an output or its gradient with filled-up lanes, a bias.
std::size_t direct_scratch_size(const ConvShape& shape) {
  return Padded(shape).size() + out_lanes_size(shape) + round_up_to_lanes(shape.out_channels);
}

void pad(const ConvShape& shape, const float* image, float* padded) {
  const Padded size(shape);
  const std::size_t row = shape.width * shape.channels;
  const std::size_t side = shape.padding * shape.channels;
  std::fill_n(padded, shape.padding * size.row, 0.0f);
  float* to = padded + shape.padding * size.row;
  for (std::size_t y = 0; y < shape.height; ++y) {
    std::fill_n(to, side, 0.0f);
    std::copy_n(image + y * row, row, to + side);
    std::fill_n(to + side + row, side, 0.0f);
    to += size.row;
  }
  std::fill_n(to, shape.padding * size.row, 0.0f);
}

// From rows of `from_width` floats to rows of `to_width`, which get zeros at their end, or lose it.
void change_width(const float* from, std::size_t from_width, float* to, std::size_t to_width,
                  std::size_t rows) {
  const std::size_t both = std::min(from_width, to_width);
  for (std::size_t r = 0; r < rows; ++r) {
    std::copy_n(from + r * from_width, both, to + r * to_width);
    std::fill_n(to + r * to_width + both, to_width - both, 0.0f);
  }
}

void direct_forward(const ConvShape& shape, const float* images, std::size_t count,
                    const float* packed, const float* bias, float* out, float* scratch) {
  const Padded size(shape);
  const std::size_t lanes = round_up_to_lanes(shape.out_channels);
  const std::size_t width = shape.out_width();
  float* const padded = scratch;
  float* const wide = padded + size.size();
  float* const wide_bias = wide + out_lanes_size(shape);
  std::fill_n(wide_bias, lanes, 0.0f);
  if (bias != nullptr) std::copy_n(bias, shape.out_channels, wide_bias);
  for (std::size_t n = 0; n < count; ++n) {
    pad(shape, images + n * shape.in_size(), padded);
    float* const to = out + n * shape.out_size();
    float* const target = lanes == shape.out_channels ? to : wide;
    for (std::size_t y = 0; y < shape.out_height(); ++y) {
      multiply_by_rows<Start::kBias>({.a = padded + y * size.row,
                                      .a_row = shape.channels,
                                      .b = packed,
                                      .walk = {.outer = kKernelSide,
                                               .inner = kKernelSide * shape.channels,
                                               .a_outer = size.row,
                                               .b_outer = kKernelSide * shape.channels * lanes,
                                               .b_inner = lanes},
                                      .c = target + y * width * lanes,
                                      .c_row = lanes,
                                      .bias = wide_bias},
                                     width, lanes);
    }
    if (target != to) {
      change_width(wide, lanes, to, shape.out_channels, shape.out_height() * width);
    }
  }
}

void direct_backward_weights(const ConvShape& shape, const float* images, const float* out_gradient,
                             std::size_t count, float* gradient, float* scratch) {
  const Padded size(shape);
  const std::size_t lanes = round_up_to_lanes(shape.out_channels);
  const std::size_t width = shape.out_width();
  const std::size_t rows = kKernelSide * shape.channels;
  float* const padded = scratch;
  float* const wide = padded + size.size();
  for (std::size_t n = 0; n < count; ++n) {
    pad(shape, images + n * shape.in_size(), padded);
    const float* from = out_gradient + n * shape.out_size();
    if (lanes != shape.out_channels) {
      change_width(from, shape.out_channels, wide, lanes, shape.out_height() * width);
      from = wide;
    }
    for (std::size_t y = 0; y < kKernelSide; ++y) {
      multiply_by_rows<Start::kSum>({.a = padded + y * size.row,
                                     .a_row = 1,
                                     .b = from,
                                     .walk = {.outer = shape.out_height(),
                                              .inner = width,
                                              .a_outer = size.row,
                                              .a_inner = shape.channels,
                                              .b_outer = width * lanes,
                                              .b_inner = lanes},
                                     .c = gradient + y * rows * lanes,
                                     .c_row = lanes},
                                    rows, lanes);
    }
  }
}

// Calls visit(out channel, channel, row and column of the kernel).
template <typename Visit>
void for_weights(const ConvShape& shape, const Visit& visit) {
  for (std::size_t o = 0; o < shape.out_channels; ++o) {
    for (std::size_t c = 0; c < shape.channels; ++c) {
      for (std::size_t k = 0; k < kKernelArea; ++k) visit(o, c, k);
    }
  }
}

void direct_pack(const ConvShape& shape, const float* weights, float* packed) {
  const std::size_t lanes = round_up_to_lanes(shape.out_channels);
  std::fill_n(packed, direct_packed_size(shape), 0.0f);
  for_weights(shape, [&](std::size_t o, std::size_t c, std::size_t k) {
    packed[(k * shape.channels + c) * lanes + o] = *weights++;
  });
}

void direct_pack_transposed(const ConvShape& shape, const float* weights, float* packed) {
  const std::size_t lanes = round_up_to_lanes(shape.channels);
  std::fill_n(packed, direct_packed_size(shape.transposed()), 0.0f);
  for_weights(shape, [&](std::size_t o, std::size_t c, std::size_t k) {
    packed[((kKernelArea - 1 - k) * shape.out_channels + o) * lanes + c] = *weights++;
  });
}

void direct_add_unpacked(const ConvShape& shape, const float* packed, float* gradient) {
  const std::size_t lanes = round_up_to_lanes(shape.out_channels);
  for_weights(shape, [&](std::size_t o, std::size_t c, std::size_t k) {
    *gradient++ += packed[(k * shape.channels + c) * lanes + o];
  });
}

}  // namespace
}  // namespace skiptrain::learn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skiptrain::learn {

HWY_EXPORT(direct_packed_size);
HWY_EXPORT(direct_scratch_size);
HWY_EXPORT(direct_pack);
HWY_EXPORT(direct_pack_transposed);
HWY_EXPORT(direct_forward);
HWY_EXPORT(direct_backward_weights);
HWY_EXPORT(direct_add_unpacked);

namespace direct {

std::size_t packed_size(const ConvShape& shape) {
  return HWY_DYNAMIC_DISPATCH(direct_packed_size)(shape);
}
std::size_t scratch_size(const ConvShape& shape) {
  return HWY_DYNAMIC_DISPATCH(direct_scratch_size)(shape);
}
void pack(const ConvShape& shape, const float* weights, float* packed) {
  HWY_DYNAMIC_DISPATCH(direct_pack)(shape, weights, packed);
}
void pack_transposed(const ConvShape& shape, const float* weights, float* packed) {
  HWY_DYNAMIC_DISPATCH(direct_pack_transposed)(shape, weights, packed);
}
void forward(const ConvShape& shape, const float* images, std::size_t count, const float* packed,
             const float* bias, float* out, float* scratch) {
  HWY_DYNAMIC_DISPATCH(direct_forward)(shape, images, count, packed, bias, out, scratch);
}
void backward_weights(const ConvShape& shape, const float* images, const float* out_gradient,
                      std::size_t count, float* gradient, float* scratch) {
  HWY_DYNAMIC_DISPATCH(direct_backward_weights)
  (shape, images, out_gradient, count, gradient, scratch);
}
void add_unpacked(const ConvShape& shape, const float* packed, float* gradient) {
  HWY_DYNAMIC_DISPATCH(direct_add_unpacked)(shape, packed, gradient);
}

}  // namespace direct
}  // namespace skiptrain::learn
#endif
