#include "learn/relu_max_pool.h"

#include <torch/torch.h>

#include "learn/relu_max_pool_kernels.h"

namespace skiptrain::learn {
namespace {

// Planes per piece of work, if there are several threads.
constexpr std::int64_t kGrain = 64;

struct Pooled {
  at::Tensor out;
  at::Tensor winners;  // uint8, of out's shape
};

Pooled pool(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 4 && x.scalar_type() == at::kFloat && x.size(2) >= 2 && x.size(3) >= 2,
              "relu_max_pool takes float32 [batch, channels, height >= 2, width >= 2], not ",
              x.scalar_type(), x.sizes());
  const at::Tensor in = x.contiguous();
  const std::vector<std::int64_t> shape = {in.size(0), in.size(1), in.size(2) / 2, in.size(3) / 2};
  Pooled pooled{at::empty(shape, at::kFloat), at::empty(shape, at::kByte)};
  const Plane plane{static_cast<std::size_t>(in.size(2)), static_cast<std::size_t>(in.size(3))};
  const float* from = in.data_ptr<float>();
  float* to = pooled.out.data_ptr<float>();
  std::uint8_t* winners = pooled.winners.data_ptr<std::uint8_t>();
  const std::int64_t in_size = in.size(2) * in.size(3);
  const std::int64_t out_size = shape[2] * shape[3];
  at::parallel_for(0, in.size(0) * in.size(1), kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      relu_max_pool_forward(from + i * in_size, plane, to + i * out_size, winners + i * out_size);
    }
  });
  return pooled;
}

at::Tensor unpool(const at::Tensor& grad, const at::Tensor& winners,
                  const std::vector<std::int64_t>& shape) {
  const at::Tensor grad_out = grad.contiguous();
  at::Tensor grad_in = at::empty(shape, at::kFloat);
  const Plane plane{static_cast<std::size_t>(shape[2]), static_cast<std::size_t>(shape[3])};
  const float* from = grad_out.data_ptr<float>();
  const std::uint8_t* won = winners.data_ptr<std::uint8_t>();
  float* to = grad_in.data_ptr<float>();
  const std::int64_t in_size = shape[2] * shape[3];
  const std::int64_t out_size = winners.size(2) * winners.size(3);
  at::parallel_for(0, shape[0] * shape[1], kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      relu_max_pool_backward(from + i * out_size, won + i * out_size, plane, to + i * in_size);
    }
  });
  return grad_in;
}

struct ReluMaxPool final : torch::autograd::Function<ReluMaxPool> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x) {
    Pooled pooled = pool(x);
    context->saved_data["shape"] = x.sizes().vec();
    context->save_for_backward({pooled.winners});
    return pooled.out;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    return {unpool(grads[0], context->get_saved_variables()[0],
                   context->saved_data["shape"].toIntVector())};
  }
};

}  // namespace

at::Tensor relu_max_pool(const at::Tensor& x) {
  if (!at::GradMode::is_enabled() || !x.requires_grad()) return pool(x).out;
  return ReluMaxPool::apply(x);
}

}  // namespace skiptrain::learn
