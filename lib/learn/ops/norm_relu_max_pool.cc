#include "learn/ops/norm_relu_max_pool.h"

#include <torch/torch.h>

#include "learn/ops/gradient_place.h"
#include "learn/ops/pool_kernels.h"

namespace skiptrain::learn {
namespace {

ImageSize size_of(const at::Tensor& x) {
  return {static_cast<std::size_t>(x.size(2)), static_cast<std::size_t>(x.size(3)),
          static_cast<std::size_t>(x.size(1))};
}

at::Tensor empty_images(at::IntArrayRef sizes) {
  return at::empty(sizes,
                   at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
}

struct Settings {
  std::int64_t groups = 1;
  double epsilon = 0.0;
};

GroupNorm norm_of(const Settings& settings, const at::Tensor& weight, const at::Tensor& bias) {
  return {static_cast<std::size_t>(settings.groups), weight.data_ptr<float>(),
          bias.data_ptr<float>(), static_cast<float>(settings.epsilon)};
}

void check(const at::Tensor& x, std::int64_t groups, const at::Tensor& weight,
           const at::Tensor& bias) {
  TORCH_CHECK(x.dim() == 4 && x.scalar_type() == at::kFloat && x.size(2) >= 2 && x.size(3) >= 2,
              "norm_relu_max_pool takes float32 [batch, channels, height >= 2, width >= 2], not ",
              x.scalar_type(), x.sizes());
  TORCH_CHECK(groups > 0 && x.size(1) % groups == 0, "norm_relu_max_pool: ", x.size(1),
              " channels do not split into ", groups, " groups");
  for (const at::Tensor* parameter : {&weight, &bias}) {
    TORCH_CHECK(parameter->dim() == 1 && parameter->size(0) == x.size(1) &&
                    parameter->scalar_type() == at::kFloat && parameter->is_contiguous(),
                "norm_relu_max_pool: weight and bias must be one float32 for each of ", x.size(1),
                " channels");
  }
}

struct Pooled {
  at::Tensor out;
  at::Tensor moments;  // [2, batch, groups]: means, then inverse deviations
};

Pooled pool(const at::Tensor& x, const Settings& settings, const at::Tensor& weight,
            const at::Tensor& bias) {
  const ImageSize size = size_of(x);
  Pooled pooled{empty_images({x.size(0), x.size(1), x.size(2) / 2, x.size(3) / 2}),
                at::empty({2, x.size(0), settings.groups}, at::kFloat)};
  const GroupNorm norm = norm_of(settings, weight, bias);
  const float* const in = x.data_ptr<float>();
  float* const out = pooled.out.data_ptr<float>();
  float* const mean = pooled.moments.data_ptr<float>();
  float* const inverse = mean + pooled.moments.stride(0);
  const at::Tensor scratch = at::empty({static_cast<std::int64_t>(piece_count(x.size(0))),
                                        static_cast<std::int64_t>(norm_pool_scratch_size(size))},
                                       at::kFloat);
  for_pieces(x.size(0), [&](std::size_t piece, std::int64_t begin, std::int64_t end) {
    float* const working = scratch.data_ptr<float>() + piece * norm_pool_scratch_size(size);
    for (auto n = static_cast<std::size_t>(begin); n < static_cast<std::size_t>(end); ++n) {
      norm_pool_forward(size, norm, in + n * size.count(), out + n * size.pooled_count(),
                        mean + n * norm.groups, inverse + n * norm.groups, working);
    }
  });
  return pooled;
}

// Each piece of the batch sums gradients of its own, [pieces, 2, channels].
at::Tensor unpool(const at::Tensor& x, const GroupNorm& norm, const at::Tensor& moments,
                  const at::Tensor& out_gradient, const at::Tensor& in_gradient) {
  const ImageSize size = size_of(x);
  const auto pieces = static_cast<std::int64_t>(piece_count(x.size(0)));
  at::Tensor sums = at::zeros({pieces, 2, x.size(1)}, at::kFloat);
  const at::Tensor scratch =
      at::empty({pieces, static_cast<std::int64_t>(norm_pool_scratch_size(size))}, at::kFloat);
  const float* const mean = moments.data_ptr<float>();
  const float* const inverse = mean + moments.stride(0);
  for_pieces(x.size(0), [&](std::size_t piece, std::int64_t begin, std::int64_t end) {
    float* const sum = sums.data_ptr<float>() + piece * 2 * size.channels;
    float* const working = scratch.data_ptr<float>() + piece * norm_pool_scratch_size(size);
    for (auto n = static_cast<std::size_t>(begin); n < static_cast<std::size_t>(end); ++n) {
      norm_pool_backward(
          size, norm, x.data_ptr<float>() + n * size.count(), mean + n * norm.groups,
          inverse + n * norm.groups, out_gradient.data_ptr<float>() + n * size.pooled_count(),
          in_gradient.data_ptr<float>() + n * size.count(), sum, sum + size.channels, working);
    }
  });
  return sums;
}

struct NormReluMaxPool final : torch::autograd::Function<NormReluMaxPool> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias, std::int64_t groups,
                            double epsilon) {
    const Pooled pooled = pool(x, {groups, epsilon}, weight, bias);
    context->save_for_backward({x, weight, bias, pooled.moments});
    context->saved_data["groups"] = groups;
    context->saved_data["epsilon"] = epsilon;
    return pooled.out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const Settings settings{context->saved_data["groups"].toInt(),
                            context->saved_data["epsilon"].toDouble()};
    at::Tensor in_gradient = empty_images(saved[0].sizes());
    const at::Tensor sums =
        unpool(saved[0], norm_of(settings, saved[1], saved[2]), saved[3],
               grads[0].contiguous(at::MemoryFormat::ChannelsLast), in_gradient);
    at::Tensor made[2];
    for (int which = 0; which < 2; ++which) {
      if (!context->needs_input_grad(static_cast<std::size_t>(which) + 1)) continue;
      float* const place = gradient_place(saved[static_cast<std::size_t>(which) + 1], made[which]);
      for (std::int64_t piece = 0; piece < sums.size(0); ++piece) {
        const float* const from = sums.data_ptr<float>() + (2 * piece + which) * sums.size(2);
        for (std::int64_t c = 0; c < sums.size(2); ++c) place[c] += from[c];
      }
    }
    return {in_gradient, made[0], made[1], at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor norm_relu_max_pool(const at::Tensor& x, std::int64_t groups, const at::Tensor& weight,
                              const at::Tensor& bias, double epsilon) {
  check(x, groups, weight, bias);
  const at::Tensor in = x.contiguous(at::MemoryFormat::ChannelsLast);
  const bool differentiable = at::GradMode::is_enabled() &&
                              (x.requires_grad() || weight.requires_grad() || bias.requires_grad());
  if (!differentiable) return pool(in, {groups, epsilon}, weight, bias).out;
  return NormReluMaxPool::apply(in, weight, bias, groups, epsilon);
}

}  // namespace skiptrain::learn
