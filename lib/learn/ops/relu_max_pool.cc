#include "learn/ops/relu_max_pool.h"

#include <torch/torch.h>

#include "learn/ops/pool_kernels.h"
#include "learn/ops/relu_max_pool_kernels.h"

namespace skiptrain::learn {
namespace {

// Planes per piece of work, if there are several threads.
constexpr std::int64_t kGrain = 64;

struct Pooled {
  at::Tensor out;
  at::Tensor winners;  // uint8, of out's shape
};

// Channels last, as the convolutions of this folder leave them; else plane by plane.
bool is_channels_last(const at::Tensor& x) {
  return !x.is_contiguous() && x.is_contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor empty_like_layout(at::IntArrayRef shape, at::ScalarType type, bool channels_last) {
  return at::empty(
      shape, at::TensorOptions(type).memory_format(channels_last ? at::MemoryFormat::ChannelsLast
                                                                 : at::MemoryFormat::Contiguous));
}

ImageSize image_size(at::IntArrayRef shape) {
  return {static_cast<std::size_t>(shape[2]), static_cast<std::size_t>(shape[3]),
          static_cast<std::size_t>(shape[1])};
}

// Calls work(index) for every one of `count` images or planes.
template <typename Work>
void for_each(std::int64_t count, std::int64_t grain, const Work& work) {
  at::parallel_for(0, count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) work(static_cast<std::size_t>(i));
  });
}

Pooled pool(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 4 && x.scalar_type() == at::kFloat && x.size(2) >= 2 && x.size(3) >= 2,
              "relu_max_pool takes float32 [batch, channels, height >= 2, width >= 2], not ",
              x.scalar_type(), x.sizes());
  const bool channels_last = is_channels_last(x);
  const at::Tensor in = channels_last ? x : x.contiguous();
  const std::vector<std::int64_t> shape = {in.size(0), in.size(1), in.size(2) / 2, in.size(3) / 2};
  Pooled pooled{empty_like_layout(shape, at::kFloat, channels_last),
                empty_like_layout(shape, at::kByte, channels_last)};
  const float* from = in.data_ptr<float>();
  float* to = pooled.out.data_ptr<float>();
  std::uint8_t* winners = pooled.winners.data_ptr<std::uint8_t>();
  const ImageSize image = image_size(in.sizes());
  if (channels_last) {
    for_each(in.size(0), 1, [&](std::size_t i) {
      relu_pool_forward(image, from + i * image.count(), to + i * image.pooled_count(),
                        winners + i * image.pooled_count());
    });
    return pooled;
  }
  const Plane plane{image.height, image.width};
  const std::size_t out_size = (image.height / 2) * (image.width / 2);
  for_each(in.size(0) * in.size(1), kGrain, [&](std::size_t i) {
    relu_max_pool_forward(from + i * image.height * image.width, plane, to + i * out_size,
                          winners + i * out_size);
  });
  return pooled;
}

at::Tensor unpool(const at::Tensor& grad, const at::Tensor& winners,
                  const std::vector<std::int64_t>& shape) {
  const bool channels_last = is_channels_last(winners);
  const at::Tensor grad_out = grad.contiguous(channels_last ? at::MemoryFormat::ChannelsLast
                                                            : at::MemoryFormat::Contiguous);
  at::Tensor grad_in = empty_like_layout(shape, at::kFloat, channels_last);
  const float* from = grad_out.data_ptr<float>();
  const std::uint8_t* won = winners.data_ptr<std::uint8_t>();
  float* to = grad_in.data_ptr<float>();
  const ImageSize image = image_size(shape);
  if (channels_last) {
    for_each(shape[0], 1, [&](std::size_t i) {
      relu_pool_backward(image, from + i * image.pooled_count(), won + i * image.pooled_count(),
                         to + i * image.count());
    });
    return grad_in;
  }
  const Plane plane{image.height, image.width};
  const std::size_t out_size = (image.height / 2) * (image.width / 2);
  for_each(shape[0] * shape[1], kGrain, [&](std::size_t i) {
    relu_max_pool_backward(from + i * out_size, won + i * out_size, plane,
                           to + i * image.height * image.width);
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
