#include "learn/ops/winograd_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "learn/ops/winograd_kernels.cc"
#include <hwy/foreach_target.h>

#include "learn/ops/multiply-inl.h"

HWY_BEFORE_NAMESPACE();
namespace skiptrain::learn::HWY_NAMESPACE {
namespace {

constexpr std::size_t kTile = 6;     // side of a tile of inputs
constexpr std::size_t kOutTile = 2;  // and of outputs
constexpr std::size_t kPoints = kTile * kTile;
// Tiles at once: with 64 channels their transforms stay in a second-level cache of 512 KB.
constexpr std::size_t kBlock = 48;

// Floats between two points of a block. The odd line keeps the points of one tile, which are read
// and written together, out of each other's places in the first-level cache.
constexpr std::size_t point_stride(std::size_t channels) {
  return kBlock * channels + 16;
}

// The transforms in one dimension, and their transposes. Each reads and writes with a stride.
struct ToInput {  // B^T
  static constexpr std::size_t kIn = kTile, kOut = kTile;
  HWY_INLINE static void apply(const FloatVector* d, std::size_t s, FloatVector* t, std::size_t u) {
    const Floats tag;
    const FloatVector four = hn::Set(tag, 4.0f), five = hn::Set(tag, 5.0f),
                      two = hn::Set(tag, 2.0f);
    const FloatVector d0 = d[0], d1 = d[s], d2 = d[2 * s], d3 = d[3 * s], d4 = d[4 * s];
    const FloatVector even = hn::NegMulAdd(four, d2, d4), odd = hn::NegMulAdd(four, d1, d3);
    const FloatVector even2 = hn::Sub(d4, d2), odd2 = hn::Sub(d3, d1);
    t[0] = hn::MulAdd(four, d0, hn::NegMulAdd(five, d2, d4));
    t[u] = hn::Add(even, odd);
    t[2 * u] = hn::Sub(even, odd);
    t[3 * u] = hn::MulAdd(two, odd2, even2);
    t[4 * u] = hn::NegMulAdd(two, odd2, even2);
    t[5 * u] = hn::MulAdd(four, d1, hn::NegMulAdd(five, d3, d[5 * s]));
  }
};
struct FromInput {  // B
  static constexpr std::size_t kIn = kTile, kOut = kTile;
  HWY_INLINE static void apply(const FloatVector* t, std::size_t s, FloatVector* d, std::size_t u) {
    const Floats tag;
    const FloatVector four = hn::Set(tag, 4.0f), five = hn::Set(tag, 5.0f),
                      two = hn::Set(tag, 2.0f);
    const FloatVector sum1 = hn::Add(t[s], t[2 * s]), difference1 = hn::Sub(t[s], t[2 * s]);
    const FloatVector sum2 = hn::Add(t[3 * s], t[4 * s]), difference2 = hn::Sub(t[3 * s], t[4 * s]);
    const FloatVector t0 = t[0], t5 = t[5 * s];
    d[0] = hn::Mul(four, t0);
    d[u] = hn::MulAdd(four, hn::Sub(t5, difference1), hn::Neg(hn::Mul(two, difference2)));
    d[2 * u] = hn::NegMulAdd(five, t0, hn::NegMulAdd(four, sum1, hn::Neg(sum2)));
    d[3 * u] = hn::NegMulAdd(five, t5, hn::MulAdd(two, difference2, difference1));
    d[4 * u] = hn::Add(t0, hn::Add(sum1, sum2));
    d[5 * u] = t5;
  }
};
struct ToOutput {  // A^T
  static constexpr std::size_t kIn = kTile, kOut = kOutTile;
  HWY_INLINE static void apply(const FloatVector* m, std::size_t s, FloatVector* y, std::size_t u) {
    const Floats tag;
    const FloatVector two = hn::Set(tag, 2.0f);
    const FloatVector sums = hn::Add(hn::Add(m[s], m[2 * s]), hn::Add(m[3 * s], m[4 * s]));
    const FloatVector odd = hn::MulAdd(two, hn::Sub(m[3 * s], m[4 * s]), hn::Sub(m[s], m[2 * s]));
    y[0] = hn::Add(m[0], sums);
    y[u] = hn::Add(odd, m[5 * s]);
  }
};
struct FromOutput {  // A
  static constexpr std::size_t kIn = kOutTile, kOut = kTile;
  HWY_INLINE static void apply(const FloatVector* y, std::size_t s, FloatVector* m, std::size_t u) {
    const Floats tag;
    const FloatVector two = hn::Set(tag, 2.0f);
    const FloatVector y0 = y[0], y1 = y[s];
    m[0] = y0;
    m[u] = hn::Add(y0, y1);
    m[2 * u] = hn::Sub(y0, y1);
    m[3 * u] = hn::MulAdd(two, y1, y0);
    m[4 * u] = hn::NegMulAdd(two, y1, y0);
    m[5 * u] = y1;
  }
};
struct ToWeights {  // G
  static constexpr std::size_t kIn = kKernelSide, kOut = kTile;
  HWY_INLINE static void apply(const FloatVector* g, std::size_t s, FloatVector* w, std::size_t u) {
    const Floats tag;
    const FloatVector sixth = hn::Set(tag, -1.0f / 6), part = hn::Set(tag, 1.0f / 24);
    const FloatVector two = hn::Set(tag, 2.0f), four = hn::Set(tag, 4.0f);
    const FloatVector g0 = g[0], g1 = g[s], g2 = g[2 * s], g3 = g[3 * s], g4 = g[4 * s];
    const FloatVector even = hn::Add(hn::Add(g0, g2), g4), odd = hn::Add(g1, g3);
    const FloatVector even2 = hn::MulAdd(four, hn::MulAdd(four, g4, g2), g0);
    const FloatVector odd2 = hn::Mul(two, hn::MulAdd(four, g3, g1));
    w[0] = hn::Mul(hn::Set(tag, 0.25f), g0);
    w[u] = hn::Mul(sixth, hn::Add(even, odd));
    w[2 * u] = hn::Mul(sixth, hn::Sub(even, odd));
    w[3 * u] = hn::Mul(part, hn::Add(even2, odd2));
    w[4 * u] = hn::Mul(part, hn::Sub(even2, odd2));
    w[5 * u] = g4;
  }
};
struct FromWeights {  // G^T
  static constexpr std::size_t kIn = kTile, kOut = kKernelSide;
  HWY_INLINE static void apply(const FloatVector* w, std::size_t s, FloatVector* g, std::size_t u) {
    const Floats tag;
    const FloatVector sixth = hn::Set(tag, -1.0f / 6), part = hn::Set(tag, 1.0f / 24);
    const FloatVector two = hn::Set(tag, 2.0f), four = hn::Set(tag, 4.0f);
    const FloatVector sum1 = hn::Mul(sixth, hn::Add(w[s], w[2 * s]));
    const FloatVector difference1 = hn::Mul(sixth, hn::Sub(w[s], w[2 * s]));
    const FloatVector sum2 = hn::Mul(part, hn::Add(w[3 * s], w[4 * s]));
    const FloatVector difference2 = hn::Mul(part, hn::Sub(w[3 * s], w[4 * s]));
    const FloatVector w5 = w[5 * s];
    g[0] = hn::MulAdd(hn::Set(tag, 0.25f), w[0], hn::Add(sum1, sum2));
    g[u] = hn::MulAdd(two, difference2, difference1);
    g[2 * u] = hn::MulAdd(four, sum2, sum1);
    g[3 * u] = hn::MulAdd(hn::Set(tag, 8.0f), difference2, difference1);
    g[4 * u] = hn::MulAdd(hn::Set(tag, 16.0f), sum2, hn::Add(sum1, w5));
  }
};

// `from` is [kIn][kIn], `to` [kOut][kOut]: first down the columns, then along the rows.
template <typename Step>
HWY_INLINE void transform_tile(const FloatVector* from, FloatVector* to) {
  FloatVector half[Step::kOut * Step::kIn];
  for (std::size_t x = 0; x < Step::kIn; ++x) Step::apply(from + x, Step::kIn, half + x, Step::kIn);
  for (std::size_t y = 0; y < Step::kOut; ++y) {
    Step::apply(half + y * Step::kIn, 1, to + y * Step::kOut, 1);
  }
}

// Tiles of all images in a row, as the blocks take them.
struct Tiles {
  explicit Tiles(const ConvShape& s)
      : shape(s),
        across((s.out_width() + 1) / kOutTile),
        per_image(across * ((s.out_height() + 1) / kOutTile)) {}

  // Where the values of a tile are in `plane`, all its images; `outside` where there are none.
  template <std::size_t kSide, typename Float>
  void places(std::size_t tile, Float* images, Float* outside, Float** at) const {
    constexpr bool kInput = kSide == kTile;
    const std::size_t channels = kInput ? shape.channels : shape.out_channels;
    const std::size_t height = kInput ? shape.height : shape.out_height();
    const std::size_t width = kInput ? shape.width : shape.out_width();
    const std::size_t padding = kInput ? shape.padding : 0;
    const std::size_t within = tile % per_image;
    Float* const image = images + tile / per_image * height * width * channels;
    // One that lies before the edge wraps round, and so beyond the end.
    const std::size_t top = within / across * kOutTile - padding;
    const std::size_t left = within % across * kOutTile - padding;
    for (std::size_t y = 0; y < kSide; ++y) {
      for (std::size_t x = 0; x < kSide; ++x) {
        const bool inside = top + y < height && left + x < width;
        at[y * kSide + x] = inside ? image + ((top + y) * width + left + x) * channels : outside;
      }
    }
  }

  const ConvShape& shape;
  std::size_t across;
  std::size_t per_image;
};

// The memory of one block: [point][tile][channel].
struct Block {
  Block(const ConvShape& shape, float* scratch)
      : in(scratch),
        out(in + kPoints * point_stride(shape.channels)),
        zeros(out + kPoints * point_stride(shape.out_channels)),
        unused(zeros + std::max(shape.channels, shape.out_channels)) {
    std::fill(zeros, unused, 0.0f);
  }
  float* in;
  float* out;
  float* zeros;   // what lies outside an image
  float* unused;  // where a sum goes that lies outside
};

std::size_t winograd_scratch_size(const ConvShape& shape) {
  return kPoints * (point_stride(shape.channels) + point_stride(shape.out_channels)) +
         2 * std::max(shape.channels, shape.out_channels);
}

// Transforms a tile whose values are at `at` into `to`, whose points are `stride` floats apart.
template <typename Step>
HWY_NOINLINE void gather_tile(const float* const* at, std::size_t channels, float* to,
                              std::size_t stride) {
  const Floats d;
  for (std::size_t c = 0; c < channels; c += hn::Lanes(d)) {
    FloatVector from[Step::kIn * Step::kIn];
    FloatVector transformed[kPoints];
    for (std::size_t i = 0; i < Step::kIn * Step::kIn; ++i) from[i] = hn::LoadU(d, at[i] + c);
    transform_tile<Step>(from, transformed);
    for (std::size_t i = 0; i < kPoints; ++i) hn::StoreU(transformed[i], d, to + i * stride + c);
  }
}

template <typename Step>
HWY_INLINE void load_and_transform(const float* from, std::size_t stride, FloatVector* to) {
  const Floats d;
  FloatVector points[kPoints];
  for (std::size_t i = 0; i < kPoints; ++i) points[i] = hn::LoadU(d, from + i * stride);
  transform_tile<Step>(points, to);
}

void winograd_forward(const ConvShape& shape, const float* images, std::size_t count,
                      const float* transformed, const float* bias, float* out, float* scratch) {
  const Floats d;
  const Tiles tiles(shape);
  const Block block(shape, scratch);
  const std::size_t channels = shape.channels;
  const std::size_t out_channels = shape.out_channels;
  for (std::size_t begin = 0; begin < count * tiles.per_image; begin += kBlock) {
    const std::size_t size = std::min(kBlock, count * tiles.per_image - begin);
    for (std::size_t t = 0; t < size; ++t) {
      const float* at[kPoints];
      tiles.places<kTile, const float>(begin + t, images, block.zeros, at);
      gather_tile<ToInput>(at, channels, block.in + t * channels, point_stride(channels));
    }
    for (std::size_t i = 0; i < kPoints; ++i) {
      multiply_by_columns<Start::kZero>({.a = block.in + i * point_stride(channels),
                                         .a_row = channels,
                                         .b = transformed + i * channels * out_channels,
                                         .walk = {.inner = channels, .b_inner = out_channels},
                                         .c = block.out + i * point_stride(out_channels),
                                         .c_row = out_channels},
                                        size, out_channels);
    }
    for (std::size_t t = 0; t < size; ++t) {
      float* at[kOutTile * kOutTile];
      tiles.places<kOutTile, float>(begin + t, out, block.unused, at);
      for (std::size_t c = 0; c < out_channels; c += hn::Lanes(d)) {
        FloatVector values[kOutTile * kOutTile];
        load_and_transform<ToOutput>(block.out + t * out_channels + c, point_stride(out_channels),
                                     values);
        const FloatVector start = bias != nullptr ? hn::LoadU(d, bias + c) : hn::Zero(d);
        for (std::size_t i = 0; i < kOutTile * kOutTile; ++i) {
          hn::StoreU(hn::Add(values[i], start), d, at[i] + c);
        }
      }
    }
  }
}

// dW += in^T * dOut, at every point.
void add_weights_gradient(const ConvShape& shape, const Block& block, std::size_t size,
                          float* gradient) {
  const std::size_t channels = shape.channels;
  const std::size_t out_channels = shape.out_channels;
  for (std::size_t i = 0; i < kPoints; ++i) {
    multiply_by_columns<Start::kSum>(
        {.a = block.in + i * point_stride(channels),
         .a_row = 1,
         .b = block.out + i * point_stride(out_channels),
         .walk = {.inner = size, .a_inner = channels, .b_inner = out_channels},
         .c = gradient + i * channels * out_channels,
         .c_row = out_channels},
        channels, out_channels);
  }
}

// dIn = dOut * W^T, at every point, and then back to the images. Overwrites block.in.
void add_input_gradient(const Tiles& tiles, const Block& block, std::size_t begin, std::size_t size,
                        const winograd::Gradients& gradients) {
  const Floats d;
  const std::size_t channels = tiles.shape.channels;
  const std::size_t out_channels = tiles.shape.out_channels;
  for (std::size_t i = 0; i < kPoints; ++i) {
    multiply_by_columns<Start::kZero>({.a = block.out + i * point_stride(out_channels),
                                       .a_row = out_channels,
                                       .b = gradients.transposed + i * channels * out_channels,
                                       .walk = {.inner = out_channels, .b_inner = channels},
                                       .c = block.in + i * point_stride(channels),
                                       .c_row = channels},
                                      size, channels);
  }
  for (std::size_t t = 0; t < size; ++t) {
    float* at[kPoints];
    tiles.places<kTile, float>(begin + t, gradients.in, block.unused, at);
    for (std::size_t c = 0; c < channels; c += hn::Lanes(d)) {
      FloatVector values[kPoints];
      load_and_transform<FromInput>(block.in + t * channels + c, point_stride(channels), values);
      for (std::size_t i = 0; i < kPoints; ++i) {
        hn::StoreU(hn::Add(hn::LoadU(d, at[i] + c), values[i]), d, at[i] + c);
      }
    }
  }
}

void winograd_backward(const ConvShape& shape, const float* images, const float* out_gradient,
                       std::size_t count, const winograd::Gradients& gradients, float* scratch) {
  const Tiles tiles(shape);
  const Block block(shape, scratch);
  if (gradients.in != nullptr) std::fill_n(gradients.in, count * shape.in_size(), 0.0f);
  for (std::size_t begin = 0; begin < count * tiles.per_image; begin += kBlock) {
    const std::size_t size = std::min(kBlock, count * tiles.per_image - begin);
    for (std::size_t t = 0; t < size; ++t) {
      const float* at[kPoints];
      tiles.places<kOutTile, const float>(begin + t, out_gradient, block.zeros, at);
      gather_tile<FromOutput>(at, shape.out_channels, block.out + t * shape.out_channels,
                              point_stride(shape.out_channels));
      if (gradients.weights == nullptr) continue;
      tiles.places<kTile, const float>(begin + t, images, block.zeros, at);
      gather_tile<ToInput>(at, shape.channels, block.in + t * shape.channels,
                           point_stride(shape.channels));
    }
    if (gradients.weights != nullptr) add_weights_gradient(shape, block, size, gradients.weights);
    if (gradients.in != nullptr) add_input_gradient(tiles, block, begin, size, gradients);
  }
}

// Weights lie [out channel][channel][5][5]: lanes are gathered one by one.
void winograd_transform(const ConvShape& shape, const float* weights, float* transformed) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t out_stride = shape.channels * kKernelArea;
  const std::size_t point = shape.channels * shape.out_channels;
  HWY_ALIGN float columns[kKernelArea * 16];
  for (std::size_t c = 0; c < shape.channels; ++c) {
    for (std::size_t o = 0; o < shape.out_channels; o += lanes) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const float* kernel = weights + (o + lane) * out_stride + c * kKernelArea;
        for (std::size_t k = 0; k < kKernelArea; ++k) columns[k * lanes + lane] = kernel[k];
      }
      FloatVector from[kKernelArea];
      FloatVector to[kPoints];
      for (std::size_t k = 0; k < kKernelArea; ++k) from[k] = hn::Load(d, columns + k * lanes);
      transform_tile<ToWeights>(from, to);
      float* const at = transformed + c * shape.out_channels + o;
      for (std::size_t i = 0; i < kPoints; ++i) hn::StoreU(to[i], d, at + i * point);
    }
  }
}

void winograd_transpose(const ConvShape& shape, const float* transformed, float* transposed) {
  const std::size_t point = shape.channels * shape.out_channels;
  for (std::size_t i = 0; i < kPoints; ++i) {
    for (std::size_t c = 0; c < shape.channels; ++c) {
      const float* from = transformed + i * point + c * shape.out_channels;
      float* to = transposed + i * point + c;
      for (std::size_t o = 0; o < shape.out_channels; ++o) to[o * shape.channels] = from[o];
    }
  }
}

void winograd_add_untransformed(const ConvShape& shape, const float* transformed, float* gradient) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t out_stride = shape.channels * kKernelArea;
  const std::size_t point = shape.channels * shape.out_channels;
  HWY_ALIGN float columns[kKernelArea * 16];
  for (std::size_t c = 0; c < shape.channels; ++c) {
    for (std::size_t o = 0; o < shape.out_channels; o += lanes) {
      FloatVector kernel[kKernelArea];
      load_and_transform<FromWeights>(transformed + c * shape.out_channels + o, point, kernel);
      for (std::size_t k = 0; k < kKernelArea; ++k) hn::Store(kernel[k], d, columns + k * lanes);
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        float* to = gradient + (o + lane) * out_stride + c * kKernelArea;
        for (std::size_t k = 0; k < kKernelArea; ++k) to[k] += columns[k * lanes + lane];
      }
    }
  }
}

}  // namespace
}  // namespace skiptrain::learn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skiptrain::learn {

HWY_EXPORT(winograd_scratch_size);
HWY_EXPORT(winograd_transform);
HWY_EXPORT(winograd_transpose);
HWY_EXPORT(winograd_forward);
HWY_EXPORT(winograd_backward);
HWY_EXPORT(winograd_add_untransformed);

namespace winograd {

bool suits(const ConvShape& shape) {
  constexpr std::size_t kWidest = 16;
  return shape.channels % kWidest == 0 && shape.out_channels % kWidest == 0;
}
std::size_t transformed_size(const ConvShape& shape) {
  return 36 * shape.channels * shape.out_channels;
}
std::size_t scratch_size(const ConvShape& shape) {
  return HWY_DYNAMIC_DISPATCH(winograd_scratch_size)(shape);
}
void transform(const ConvShape& shape, const float* weights, float* transformed) {
  HWY_DYNAMIC_DISPATCH(winograd_transform)(shape, weights, transformed);
}
void transpose(const ConvShape& shape, const float* transformed, float* transposed) {
  HWY_DYNAMIC_DISPATCH(winograd_transpose)(shape, transformed, transposed);
}
void forward(const ConvShape& shape, const float* images, std::size_t count,
             const float* transformed, const float* bias, float* out, float* scratch) {
  HWY_DYNAMIC_DISPATCH(winograd_forward)
  (shape, images, count, transformed, bias, out, scratch);
}
void backward(const ConvShape& shape, const float* images, const float* out_gradient,
              std::size_t count, const winograd::Gradients& gradients, float* scratch) {
  HWY_DYNAMIC_DISPATCH(winograd_backward)
  (shape, images, out_gradient, count, gradients, scratch);
}
void add_untransformed(const ConvShape& shape, const float* transformed, float* gradient) {
  HWY_DYNAMIC_DISPATCH(winograd_add_untransformed)(shape, transformed, gradient);
}

}  // namespace winograd
}  // namespace skiptrain::learn
#endif
