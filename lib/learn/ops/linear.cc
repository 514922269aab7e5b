#include "learn/ops/linear.h"

#include <algorithm>

#include <torch/torch.h>

#include "learn/ops/gradient_place.h"
#include "learn/ops/linear_kernels.h"

namespace skiptrain::learn {
namespace {

// So many samples at once stay in a second-level cache with a few rows of weights.
constexpr std::int64_t kSamples = 64;

dense::Size size_of(std::int64_t samples, const at::Tensor& weight) {
  return {static_cast<std::size_t>(samples), static_cast<std::size_t>(weight.size(1)),
          static_cast<std::size_t>(weight.size(0))};
}

at::Tensor multiply(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    Then then) {
  const std::int64_t in = weight.size(1);
  const std::int64_t out = weight.size(0);
  at::Tensor result = at::empty({x.size(0), out}, at::kFloat);
  const std::int64_t blocks = (x.size(0) + kSamples - 1) / kSamples;
  for_pieces(blocks, [&](std::size_t, std::int64_t first, std::int64_t last) {
    const dense::Size largest = size_of(std::min(kSamples, x.size(0)), weight);
    const at::Tensor scratch =
        at::empty({static_cast<std::int64_t>(dense::scratch_size(largest))}, at::kFloat);
    for (std::int64_t block = first; block < last; ++block) {
      const std::int64_t begin = block * kSamples;
      dense::forward(size_of(std::min(kSamples, x.size(0) - begin), weight),
                     x.data_ptr<float>() + begin * in, weight.data_ptr<float>(), values_of(bias),
                     then == Then::kRelu, result.data_ptr<float>() + begin * out,
                     scratch.data_ptr<float>());
    }
  });
  return result;
}

struct Linear final : torch::autograd::Function<Linear> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias, bool relu) {
    at::Tensor out = multiply(x, weight, bias, relu ? Then::kRelu : Then::kNothing);
    context->save_for_backward({x, weight, bias, relu ? out : at::Tensor()});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const dense::Size size = size_of(x.size(0), weight);
    at::Tensor gradient = grads[0].contiguous();
    if (saved[3].defined()) {
      at::Tensor masked = at::empty(gradient.sizes(), at::kFloat);
      dense::mask_gradient(saved[3].data_ptr<float>(), gradient.data_ptr<float>(),
                           size.samples * size.out, masked.data_ptr<float>());
      gradient = masked;
    }
    const float* const along = gradient.data_ptr<float>();
    at::Tensor x_gradient;
    at::Tensor weight_gradient;
    at::Tensor bias_gradient;
    if (context->needs_input_grad(0)) {
      x_gradient = at::empty(x.sizes(), at::kFloat);
      dense::backward_input(size, along, weight.data_ptr<float>(), x_gradient.data_ptr<float>());
    }
    if (context->needs_input_grad(1)) {
      dense::backward_weights(size, x.data_ptr<float>(), along,
                              gradient_place(weight, weight_gradient));
    }
    if (context->needs_input_grad(2)) {
      dense::add_rows(along, size.samples, size.out, gradient_place(saved[2], bias_gradient));
    }
    return {x_gradient, weight_gradient, bias_gradient, at::Tensor()};
  }
};

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  Then then) {
  TORCH_CHECK(x.dim() == 2 && weight.dim() == 2 && x.size(1) == weight.size(1) &&
                  x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat,
              "linear takes float32 [batch, in] and [out, in], not ", x.scalar_type(), x.sizes(),
              " and ", weight.scalar_type(), weight.sizes());
  TORCH_CHECK(!bias.defined() || (bias.dim() == 1 && bias.size(0) == weight.size(0) &&
                                  bias.scalar_type() == at::kFloat && bias.is_contiguous()),
              "linear takes a bias of one float32 for each of ", weight.size(0), " outputs");
  const at::Tensor in = x.contiguous();
  const at::Tensor matrix = weight.contiguous();
  const bool differentiable =
      at::GradMode::is_enabled() &&
      (in.requires_grad() || matrix.requires_grad() || (bias.defined() && bias.requires_grad()));
  if (!differentiable) return multiply(in, matrix, bias, then);
  return Linear::apply(in, matrix, or_empty(bias), then == Then::kRelu);
}

}  // namespace skiptrain::learn
