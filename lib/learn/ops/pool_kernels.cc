#include "learn/ops/pool_kernels.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "learn/ops/pool_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace skiptrain::learn::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <typename D>
using IntsOf = hn::RebindToSigned<D>;
template <typename D>
using BytesOf = hn::Rebind<std::uint8_t, D>;

// Calls visit(tag, channel) so that all channels are covered: in vectors of up to sixteen, then of
// four, then one by one.
template <typename Visit>
HWY_INLINE void for_channels(std::size_t channels, const Visit& visit) {
  std::size_t c = 0;
  const auto run = [&](auto tag) HWY_ATTR {
    for (; c + hn::Lanes(tag) <= channels; c += hn::Lanes(tag)) visit(tag, c);
  };
  run(hn::CappedTag<float, 16>());
  run(hn::CappedTag<float, 4>());
  run(hn::CappedTag<float, 1>());
}

// The four values of a window at one channel, and where they lie.
struct Window {
  Window(const ImageSize& size, std::size_t row, std::size_t column)
      : at{(2 * row * size.width + 2 * column) * size.channels,
           (2 * row * size.width + 2 * column + 1) * size.channels,
           ((2 * row + 1) * size.width + 2 * column) * size.channels,
           ((2 * row + 1) * size.width + 2 * column + 1) * size.channels} {}
  std::size_t at[4];
};

template <typename D>
struct Best {
  hn::Vec<D> value;
  hn::Vec<IntsOf<D>> winner;
};

// value(i) gives the i-th value of the window.
template <typename D, typename Value>
HWY_INLINE Best<D> best_of(D d, const Value& value) {
  const IntsOf<D> di;
  Best<D> best{value(0), hn::Zero(di)};
  for (int i = 1; i < 4; ++i) {
    const hn::Vec<D> challenger = value(i);
    const auto takes = hn::Or(hn::Gt(challenger, best.value), hn::IsNaN(challenger));
    best.value = hn::IfThenElse(takes, challenger, best.value);
    best.winner = hn::IfThenElse(hn::RebindMask(di, takes), hn::Set(di, i), best.winner);
  }
  const auto closed = hn::Le(best.value, hn::Zero(d));  // false for NaN, which passes
  best.value = hn::IfThenZeroElse(closed, best.value);
  best.winner = hn::IfThenElse(hn::RebindMask(di, closed), hn::Set(di, kNoneWon), best.winner);
  return best;
}

template <typename D>
HWY_INLINE void store_winner(D, hn::Vec<IntsOf<D>> winner, std::uint8_t* to) {
  const BytesOf<D> bytes;
  hn::StoreU(hn::DemoteTo(bytes, winner), bytes, to);
}
template <typename D>
HWY_INLINE hn::Vec<IntsOf<D>> load_winner(D, const std::uint8_t* from) {
  return hn::PromoteTo(IntsOf<D>(), hn::LoadU(BytesOf<D>(), from));
}
// `gradient` where the i-th value won, else zero.
template <typename D>
HWY_INLINE hn::Vec<D> share_of(D d, hn::Vec<IntsOf<D>> winner, int i, hn::Vec<D> gradient) {
  const auto won = hn::Eq(winner, hn::Set(IntsOf<D>(), i));
  return hn::IfThenElseZero(hn::RebindMask(d, won), gradient);
}

// Calls visit(window, index of its first output) for all windows of an image.
template <typename Visit>
HWY_INLINE void for_windows(const ImageSize& size, const Visit& visit) {
  std::size_t out = 0;
  for (std::size_t row = 0; row < size.height / 2; ++row) {
    for (std::size_t column = 0; column < size.width / 2; ++column) {
      visit(Window(size, row, column), out);
      out += size.channels;
    }
  }
}

// Calls visit(index of its first channel) for every pixel that is in no window.
template <typename Visit>
HWY_INLINE void for_left_over(const ImageSize& size, const Visit& visit) {
  if (size.width % 2 != 0) {
    for (std::size_t y = 0; y < size.height / 2 * 2; ++y) {
      visit((y * size.width + size.width - 1) * size.channels);
    }
  }
  if (size.height % 2 != 0) {
    for (std::size_t x = 0; x < size.width; ++x) {
      visit(((size.height - 1) * size.width + x) * size.channels);
    }
  }
}

void relu_pool(const ImageSize& size, const float* in, float* out, std::uint8_t* winners) {
  for_windows(size, [&](const Window& window, std::size_t to) HWY_ATTR {
    for_channels(size.channels, [&](auto d, std::size_t c) HWY_ATTR {
      const auto best =
          best_of(d, [&](int i) HWY_ATTR { return hn::LoadU(d, in + window.at[i] + c); });
      hn::StoreU(best.value, d, out + to + c);
      store_winner(d, best.winner, winners + to + c);
    });
  });
}

void relu_unpool(const ImageSize& size, const float* out_gradient, const std::uint8_t* winners,
                 float* in_gradient) {
  for_windows(size, [&](const Window& window, std::size_t from) HWY_ATTR {
    for_channels(size.channels, [&](auto d, std::size_t c) HWY_ATTR {
      const auto gradient = hn::LoadU(d, out_gradient + from + c);
      const auto winner = load_winner(d, winners + from + c);
      for (int i = 0; i < 4; ++i) {
        hn::StoreU(share_of(d, winner, i, gradient), d, in_gradient + window.at[i] + c);
      }
    });
  });
  for_left_over(
      size, [&](std::size_t at) HWY_ATTR { std::fill_n(in_gradient + at, size.channels, 0.0f); });
}

// Of one group's channels, added up in double.
double sum_of(const float* values, std::size_t count) {
  double sum = 0.0;
  for (std::size_t k = 0; k < count; ++k) sum += static_cast<double>(values[k]);
  return sum;
}

// sums[c] = the sum over all pixels of term(tag, values, channel). A row's are added up before they
// join the rest, which keeps rounding errors small.
template <typename Term>
HWY_INLINE void sum_channels(const ImageSize& size, const float* in, float* sums,
                             const Term& term) {
  std::fill_n(sums, size.channels, 0.0f);
  const std::size_t row = size.width * size.channels;
  for (std::size_t y = 0; y < size.height; ++y) {
    for_channels(size.channels, [&](auto d, std::size_t c) HWY_ATTR {
      auto even = hn::Zero(d);
      auto odd = hn::Zero(d);
      const float* from = in + y * row + c;
      std::size_t x = 0;
      for (; x + 2 <= size.width; x += 2) {
        even = term(d, hn::LoadU(d, from + x * size.channels), c, even);
        odd = term(d, hn::LoadU(d, from + (x + 1) * size.channels), c, odd);
      }
      if (x < size.width) even = term(d, hn::LoadU(d, from + x * size.channels), c, even);
      hn::StoreU(hn::Add(hn::LoadU(d, sums + c), hn::Add(even, odd)), d, sums + c);
    });
  }
}

// [channels] each, in the memory that a caller lends.
struct Channels {
  Channels(const ImageSize& size, float* scratch)
      : sums(scratch),
        mean(sums + size.channels),
        scale(mean + size.channels),
        shift(scale + size.channels),
        products(shift + size.channels),
        slope(products + size.channels),
        offset(slope + size.channels),
        winners(reinterpret_cast<std::uint8_t*>(offset + size.channels)) {}
  float* sums;
  float* mean;
  float* scale;  // an input becomes scale * input + shift
  float* shift;
  float* products;
  float* slope;  // of the part of an input's gradient that flows through the moments
  float* offset;
  std::uint8_t* winners;  // of the whole image
};

void spread_moments(const ImageSize& size, const GroupNorm& norm, const float* mean,
                    const float* inverse_deviation, const Channels& channels) {
  const std::size_t per_group = size.channels / norm.groups;
  for (std::size_t c = 0; c < size.channels; ++c) {
    const std::size_t group = c / per_group;
    channels.mean[c] = mean[group];
    channels.scale[c] = norm.weight[c] * inverse_deviation[group];
    channels.shift[c] = norm.bias[c] - mean[group] * channels.scale[c];
  }
}

// Mean first and then the squares around it: no cancellation.
void find_moments(const ImageSize& size, const GroupNorm& norm, const float* in, float* mean,
                  float* inverse_deviation, const Channels& channels) {
  const std::size_t per_group = size.channels / norm.groups;
  const auto count = static_cast<double>(per_group * size.height * size.width);
  sum_channels(size, in, channels.sums, [](auto, auto value, std::size_t, auto sum) HWY_ATTR {
    return hn::Add(sum, value);
  });
  for (std::size_t g = 0; g < norm.groups; ++g) {
    mean[g] = static_cast<float>(sum_of(channels.sums + g * per_group, per_group) / count);
    std::fill_n(channels.mean + g * per_group, per_group, mean[g]);
  }
  sum_channels(size, in, channels.sums, [&](auto d, auto value, std::size_t c, auto sum) HWY_ATTR {
    const auto difference = hn::Sub(value, hn::LoadU(d, channels.mean + c));
    return hn::MulAdd(difference, difference, sum);
  });
  for (std::size_t g = 0; g < norm.groups; ++g) {
    const double variance = sum_of(channels.sums + g * per_group, per_group) / count;
    inverse_deviation[g] =
        static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(norm.epsilon)));
  }
}

template <typename D>
HWY_INLINE Best<D> normalized_best(D d, const float* in, const Window& window, std::size_t c,
                                   const Channels& channels) {
  const auto scale = hn::LoadU(d, channels.scale + c);
  const auto shift = hn::LoadU(d, channels.shift + c);
  return best_of(d, [&](int i) HWY_ATTR {
    return hn::MulAdd(hn::LoadU(d, in + window.at[i] + c), scale, shift);
  });
}

void norm_relu_pool(const ImageSize& size, const GroupNorm& norm, const float* in, float* out,
                    float* mean, float* inverse_deviation, float* scratch) {
  const Channels channels(size, scratch);
  find_moments(size, norm, in, mean, inverse_deviation, channels);
  spread_moments(size, norm, mean, inverse_deviation, channels);
  for_windows(size, [&](const Window& window, std::size_t to) HWY_ATTR {
    for_channels(size.channels, [&](auto d, std::size_t c) HWY_ATTR {
      hn::StoreU(normalized_best(d, in, window, c, channels).value, d, out + to + c);
    });
  });
}

// Per channel: sums of the gradients that pass, and of their products with the centred inputs.
void sum_gradients(const ImageSize& size, const float* in, const float* out_gradient,
                   const Channels& channels) {
  std::fill_n(channels.sums, size.channels, 0.0f);
  std::fill_n(channels.products, size.channels, 0.0f);
  const std::size_t columns = size.width / 2;
  for (std::size_t row = 0; row < size.height / 2; ++row) {
    for_channels(size.channels, [&](auto d, std::size_t c) HWY_ATTR {
      const auto mean = hn::LoadU(d, channels.mean + c);
      auto sum = hn::Zero(d);
      auto product = hn::Zero(d);
      for (std::size_t column = 0; column < columns; ++column) {
        const Window window(size, row, column);
        const std::size_t at = (row * columns + column) * size.channels + c;
        const auto best = normalized_best(d, in, window, c, channels);
        store_winner(d, best.winner, channels.winners + at);
        const auto gradient = hn::LoadU(d, out_gradient + at);
        for (int i = 0; i < 4; ++i) {
          const auto share = share_of(d, best.winner, i, gradient);
          sum = hn::Add(sum, share);
          product = hn::MulAdd(share, hn::Sub(hn::LoadU(d, in + window.at[i] + c), mean), product);
        }
      }
      hn::StoreU(hn::Add(hn::LoadU(d, channels.sums + c), sum), d, channels.sums + c);
      hn::StoreU(hn::Add(hn::LoadU(d, channels.products + c), product), d, channels.products + c);
    });
  }
}

// The gradient with respect to an input x is scale * (gradient that passes) + slope * x + offset.
void find_lines(const ImageSize& size, const GroupNorm& norm, const float* mean,
                const float* inverse_deviation, const Channels& channels) {
  const std::size_t per_group = size.channels / norm.groups;
  const auto count = static_cast<double>(per_group * size.height * size.width);
  for (std::size_t g = 0; g < norm.groups; ++g) {
    double sum = 0.0;
    double product = 0.0;
    for (std::size_t c = g * per_group; c < (g + 1) * per_group; ++c) {
      sum += static_cast<double>(norm.weight[c]) * static_cast<double>(channels.sums[c]);
      product += static_cast<double>(norm.weight[c]) * static_cast<double>(channels.products[c]);
    }
    const auto inverse = static_cast<double>(inverse_deviation[g]);
    const double slope = -product * inverse * inverse * inverse / count;
    const double offset = -slope * static_cast<double>(mean[g]) - sum * inverse / count;
    std::fill_n(channels.slope + g * per_group, per_group, static_cast<float>(slope));
    std::fill_n(channels.offset + g * per_group, per_group, static_cast<float>(offset));
  }
}

void norm_relu_unpool(const ImageSize& size, const GroupNorm& norm, const float* in,
                      const float* mean, const float* inverse_deviation, const float* out_gradient,
                      float* in_gradient, float* weight_gradient, float* bias_gradient,
                      float* scratch) {
  const Channels channels(size, scratch);
  spread_moments(size, norm, mean, inverse_deviation, channels);
  sum_gradients(size, in, out_gradient, channels);
  find_lines(size, norm, mean, inverse_deviation, channels);
  const std::size_t per_group = size.channels / norm.groups;
  for (std::size_t c = 0; c < size.channels; ++c) {
    weight_gradient[c] += channels.products[c] * inverse_deviation[c / per_group];
    bias_gradient[c] += channels.sums[c];
  }
  for_windows(size, [&](const Window& window, std::size_t from) HWY_ATTR {
    for_channels(size.channels, [&](auto d, std::size_t c) HWY_ATTR {
      const auto scale = hn::LoadU(d, channels.scale + c);
      const auto slope = hn::LoadU(d, channels.slope + c);
      const auto offset = hn::LoadU(d, channels.offset + c);
      const auto passing = hn::Mul(hn::LoadU(d, out_gradient + from + c), scale);
      const auto winner = load_winner(d, channels.winners + from + c);
      for (int i = 0; i < 4; ++i) {
        const auto line = hn::MulAdd(hn::LoadU(d, in + window.at[i] + c), slope, offset);
        hn::StoreU(hn::Add(line, share_of(d, winner, i, passing)), d,
                   in_gradient + window.at[i] + c);
      }
    });
  });
  for_left_over(size, [&](std::size_t at) HWY_ATTR {
    for_channels(size.channels, [&](auto d, std::size_t c) HWY_ATTR {
      const auto line = hn::MulAdd(hn::LoadU(d, in + at + c), hn::LoadU(d, channels.slope + c),
                                   hn::LoadU(d, channels.offset + c));
      hn::StoreU(line, d, in_gradient + at + c);
    });
  });
}

}  // namespace
}  // namespace skiptrain::learn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skiptrain::learn {

HWY_EXPORT(relu_pool);
HWY_EXPORT(relu_unpool);
HWY_EXPORT(norm_relu_pool);
HWY_EXPORT(norm_relu_unpool);

void relu_pool_forward(const ImageSize& size, const float* in, float* out, std::uint8_t* winners) {
  HWY_DYNAMIC_DISPATCH(relu_pool)(size, in, out, winners);
}
void relu_pool_backward(const ImageSize& size, const float* out_gradient,
                        const std::uint8_t* winners, float* in_gradient) {
  HWY_DYNAMIC_DISPATCH(relu_unpool)(size, out_gradient, winners, in_gradient);
}

std::size_t norm_pool_scratch_size(const ImageSize& size) {
  return 7 * size.channels + (size.pooled_count() + sizeof(float) - 1) / sizeof(float);
}
void norm_pool_forward(const ImageSize& size, const GroupNorm& norm, const float* in, float* out,
                       float* mean, float* inverse_deviation, float* scratch) {
  HWY_DYNAMIC_DISPATCH(norm_relu_pool)
  (size, norm, in, out, mean, inverse_deviation, scratch);
}
void norm_pool_backward(const ImageSize& size, const GroupNorm& norm, const float* in,
                        const float* mean, const float* inverse_deviation,
                        const float* out_gradient, float* in_gradient, float* weight_gradient,
                        float* bias_gradient, float* scratch) {
  HWY_DYNAMIC_DISPATCH(norm_relu_unpool)
  (size, norm, in, mean, inverse_deviation, out_gradient, in_gradient, weight_gradient,
   bias_gradient, scratch);
}

}  // namespace skiptrain::learn
#endif
