#include "learn/ops/gradient_place.h"

#include <algorithm>

#include <ATen/Parallel.h>
#include <torch/torch.h>

namespace skiptrain::learn {

float* gradient_place(const at::Tensor& parameter, at::Tensor& made) {
  if (parameter.is_leaf()) {
    const at::Tensor& own = parameter.grad();
    if (own.defined() && own.is_contiguous() && own.scalar_type() == at::kFloat) {
      return own.data_ptr<float>();
    }
  }
  made = at::zeros(parameter.sizes(), at::kFloat);
  return made.data_ptr<float>();
}

at::Tensor or_empty(const at::Tensor& bias) {
  return bias.defined() ? bias : at::empty({0}, at::kFloat);
}

const float* values_of(const at::Tensor& bias) {
  return bias.defined() && bias.numel() > 0 ? bias.data_ptr<float>() : nullptr;
}

std::size_t piece_count(std::int64_t count) {
  const std::int64_t threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  return static_cast<std::size_t>(std::max<std::int64_t>(std::min(count, threads), 1));
}

void for_pieces(std::int64_t count,
                const std::function<void(std::size_t, std::int64_t, std::int64_t)>& work) {
  const auto pieces = static_cast<std::int64_t>(piece_count(count));
  if (pieces == 1) return work(0, 0, count);
  at::parallel_for(0, pieces, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t piece = first; piece < last; ++piece) {
      work(static_cast<std::size_t>(piece), piece * count / pieces, (piece + 1) * count / pieces);
    }
  });
}

}  // namespace skiptrain::learn
