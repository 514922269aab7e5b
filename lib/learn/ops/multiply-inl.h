// The one multiplication under convolutions and linear layers: c[r][j] (+)= sum over k of
// a[r][k] * b[k][j], with a tile of c in registers, b along the vectors' lanes, and a's values
// broadcast. Both factors are walked with strides, so neither is copied first: a may be rows of an
// image, b a matrix of weights, and k pixels. Sums run over k in order, one lane each, so a result
// depends on the instruction set only by whether it has a fused multiply-add.
//
// Included once for each instruction set by the files of kernels; see Highway's foreach_target.
#include <hwy/highway.h>

#include <cstddef>

#if defined(SKIPTRAIN_LEARN_OPS_MULTIPLY_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef SKIPTRAIN_LEARN_OPS_MULTIPLY_INL
#undef SKIPTRAIN_LEARN_OPS_MULTIPLY_INL
#else
#define SKIPTRAIN_LEARN_OPS_MULTIPLY_INL
#endif

HWY_BEFORE_NAMESPACE();
namespace skiptrain::learn::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// At most 16 lanes: of wider vectors most models could not fill one.
using Floats = hn::CappedTag<float, 16>;
using FloatVector = hn::Vec<Floats>;

// How k runs: `outer` times over `inner` steps, and how far each goes in a and in b.
struct Walk {
  std::size_t outer = 1;
  std::size_t inner = 0;
  std::size_t a_outer = 0;
  std::size_t a_inner = 1;
  std::size_t b_outer = 0;
  std::size_t b_inner = 0;
};

// What a sum starts from.
enum class Start {
  kZero,
  kSum,   // what c holds
  kBias,  // bias[j]
};

struct Product {
  const float* a = nullptr;
  std::size_t a_row = 0;
  const float* b = nullptr;
  Walk walk;
  float* c = nullptr;
  std::size_t c_row = 0;
  const float* bias = nullptr;  // kBias only
};

// Twelve accumulators fill the sixteen registers of AVX2, and hide the latency of its two units.
inline constexpr std::size_t kTileRows = 6;
inline constexpr std::size_t kTileVectors = 2;

template <std::size_t kRows, std::size_t kVectors, Start kStart>
HWY_INLINE void multiply_tile(const Product& p) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  FloatVector sums[kRows][kVectors];
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      if constexpr (kStart == Start::kZero) sums[r][v] = hn::Zero(d);
      if constexpr (kStart == Start::kSum) sums[r][v] = hn::LoadU(d, p.c + r * p.c_row + v * lanes);
      if constexpr (kStart == Start::kBias) sums[r][v] = hn::LoadU(d, p.bias + v * lanes);
    }
  }
  const float* a_outer = p.a;
  const float* b_outer = p.b;
  for (std::size_t o = 0; o < p.walk.outer; ++o) {
    const float* a = a_outer;
    const float* b = b_outer;
    for (std::size_t i = 0; i < p.walk.inner; ++i) {
      FloatVector columns[kVectors];
      for (std::size_t v = 0; v < kVectors; ++v) columns[v] = hn::LoadU(d, b + v * lanes);
      for (std::size_t r = 0; r < kRows; ++r) {
        const FloatVector value = hn::Set(d, a[r * p.a_row]);
        for (std::size_t v = 0; v < kVectors; ++v) {
          sums[r][v] = hn::MulAdd(value, columns[v], sums[r][v]);
        }
      }
      a += p.walk.a_inner;
      b += p.walk.b_inner;
    }
    a_outer += p.walk.a_outer;
    b_outer += p.walk.b_outer;
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(sums[r][v], d, p.c + r * p.c_row + v * lanes);
    }
  }
}

// Columns that fill no vector.
template <Start kStart>
void multiply_scalar(const Product& p, std::size_t rows, std::size_t columns) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t j = 0; j < columns; ++j) {
      float* const c = p.c + r * p.c_row + j;
      float sum = kStart == Start::kSum ? *c : kStart == Start::kBias ? p.bias[j] : 0.0f;
      for (std::size_t o = 0; o < p.walk.outer; ++o) {
        const float* a = p.a + r * p.a_row + o * p.walk.a_outer;
        const float* b = p.b + j + o * p.walk.b_outer;
        for (std::size_t i = 0; i < p.walk.inner; ++i) {
          sum += a[i * p.walk.a_inner] * b[i * p.walk.b_inner];
        }
      }
      *c = sum;
    }
  }
}

template <std::size_t kVectors, Start kStart>
HWY_INLINE void multiply_rows(const Product& p, std::size_t rows) {
  switch (rows) {
    case 1:
      return multiply_tile<1, kVectors, kStart>(p);
    case 2:
      return multiply_tile<2, kVectors, kStart>(p);
    case 3:
      return multiply_tile<3, kVectors, kStart>(p);
    case 4:
      return multiply_tile<4, kVectors, kStart>(p);
    case 5:
      return multiply_tile<5, kVectors, kStart>(p);
    default:
      return multiply_tile<6, kVectors, kStart>(p);
  }
}

// Rows of the next tile if `left` are: 14 as 6 + 4 + 4 and not 6 + 6 + 2, which would wait for its
// own sums.
inline std::size_t tile_rows(std::size_t left) {
  if (left <= kTileRows) return left;
  return left < 2 * kTileRows ? (left + 1) / 2 : kTileRows;
}

template <Start kStart>
HWY_INLINE void multiply_at(const Product& p, std::size_t row, std::size_t rows, std::size_t column,
                            std::size_t columns) {
  const std::size_t lanes = hn::Lanes(Floats());
  Product tile = p;
  tile.a += row * p.a_row;
  tile.b += column;
  tile.c += row * p.c_row + column;
  if constexpr (kStart == Start::kBias) tile.bias += column;
  if (columns >= kTileVectors * lanes) return multiply_rows<kTileVectors, kStart>(tile, rows);
  if (columns >= lanes) return multiply_rows<1, kStart>(tile, rows);
  multiply_scalar<kStart>(tile, rows, columns);
}

inline std::size_t tile_columns(std::size_t left) {
  const std::size_t lanes = hn::Lanes(Floats());
  return left >= kTileVectors * lanes ? kTileVectors * lanes : left >= lanes ? lanes : left;
}

// c is [rows][columns]. All columns of some rows first: a is read once, from wherever it comes.
template <Start kStart>
HWY_NOINLINE void multiply_by_rows(const Product& p, std::size_t rows, std::size_t columns) {
  for (std::size_t r = 0; r < rows;) {
    const std::size_t take = tile_rows(rows - r);
    for (std::size_t j = 0; j < columns; j += tile_columns(columns - j)) {
      multiply_at<kStart>(p, r, take, j, columns - j);
    }
    r += take;
  }
}

// The same, all rows of some columns first: b is read once.
template <Start kStart>
HWY_NOINLINE void multiply_by_columns(const Product& p, std::size_t rows, std::size_t columns) {
  for (std::size_t j = 0; j < columns; j += tile_columns(columns - j)) {
    for (std::size_t r = 0; r < rows;) {
      const std::size_t take = tile_rows(rows - r);
      multiply_at<kStart>(p, r, take, j, columns - j);
      r += take;
    }
  }
}

inline std::size_t round_up_to_lanes(std::size_t count) {
  const std::size_t lanes = hn::Lanes(Floats());
  return (count + lanes - 1) / lanes * lanes;
}

}  // namespace skiptrain::learn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
