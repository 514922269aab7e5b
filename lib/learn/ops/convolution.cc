#include "learn/ops/convolution.h"

#include <algorithm>

#include <torch/torch.h>

#include "learn/ops/direct_conv_kernels.h"
#include "learn/ops/gradient_place.h"
#include "learn/ops/linear_kernels.h"
#include "learn/ops/winograd_kernels.h"

namespace skiptrain::learn {
namespace {

constexpr auto kSide = static_cast<std::int64_t>(kKernelSide);

bool is_computed_here(const at::Tensor& images, const at::Tensor& weight, const at::Tensor& bias,
                      std::int64_t padding) {
  if (images.dim() != 4 || weight.dim() != 4) return false;
  const std::int64_t least = kSide - 2 * padding;
  return weight.size(2) == kSide && weight.size(3) == kSide && padding >= 0 && padding < kSide &&
         images.size(1) == weight.size(1) && images.size(2) >= least && images.size(3) >= least &&
         images.numel() > 0 && weight.numel() > 0 && images.scalar_type() == at::kFloat &&
         weight.scalar_type() == at::kFloat &&
         (!bias.defined() || (bias.scalar_type() == at::kFloat && bias.dim() == 1 &&
                              bias.size(0) == weight.size(0) && bias.is_contiguous()));
}

ConvShape shape_of(const at::Tensor& images, const at::Tensor& weight, std::int64_t padding) {
  const auto size = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  return {size(images.size(1)), size(images.size(2)), size(images.size(3)), size(weight.size(0)),
          size(padding)};
}

at::Tensor floats(std::size_t count) {
  return at::empty({static_cast<std::int64_t>(count)}, at::kFloat);
}
at::Tensor zeros(std::size_t pieces, std::size_t count) {
  return at::zeros({static_cast<std::int64_t>(pieces), static_cast<std::int64_t>(count)},
                   at::kFloat);
}

at::Tensor empty_images(at::IntArrayRef sizes) {
  return at::empty(sizes,
                   at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
}

// A piece's row of a tensor [pieces, ...].
float* row_of(const at::Tensor& rows, std::size_t piece) {
  return rows.data_ptr<float>() + piece * static_cast<std::size_t>(rows.stride(0));
}

struct Convolved {
  at::Tensor out;
  at::Tensor prepared;  // weights, as the kernels take them
};

Convolved convolve(const at::Tensor& images, const at::Tensor& weight, const at::Tensor& bias,
                   const ConvShape& shape) {
  const bool by_winograd = winograd::suits(shape);
  Convolved result;
  result.prepared =
      floats(by_winograd ? winograd::transformed_size(shape) : direct::packed_size(shape));
  float* const prepared = result.prepared.data_ptr<float>();
  const auto prepare = by_winograd ? winograd::transform : direct::pack;
  prepare(shape, weight.data_ptr<float>(), prepared);
  result.out =
      empty_images({images.size(0), weight.size(0), static_cast<std::int64_t>(shape.out_height()),
                    static_cast<std::int64_t>(shape.out_width())});
  const float* const in = images.data_ptr<float>();
  const float* const added = values_of(bias);
  float* const out = result.out.data_ptr<float>();
  const auto run = by_winograd ? winograd::forward : direct::forward;
  const std::size_t scratch_size =
      by_winograd ? winograd::scratch_size(shape) : direct::scratch_size(shape);
  for_pieces(images.size(0), [&](std::size_t, std::int64_t begin, std::int64_t end) {
    const at::Tensor scratch = floats(scratch_size);
    const auto first = static_cast<std::size_t>(begin);
    run(shape, in + first * shape.in_size(), static_cast<std::size_t>(end) - first, prepared, added,
        out + first * shape.out_size(), scratch.data_ptr<float>());
  });
  return result;
}

// Which gradients to compute; null is none.
struct Wanted {
  float* images = nullptr;
  float* weight = nullptr;
  float* bias = nullptr;
};

struct Saved {
  at::Tensor images;
  at::Tensor weight;
  at::Tensor prepared;
};

// The gradients of weights come in pieces [pieces, ...], which are added up in their order.
void add_pieces(const at::Tensor& pieces, std::size_t count) {
  float* const first = row_of(pieces, 0);
  for (std::int64_t piece = 1; piece < pieces.size(0); ++piece) {
    const float* const other = row_of(pieces, static_cast<std::size_t>(piece));
    for (std::size_t k = 0; k < count; ++k) first[k] += other[k];
  }
}

void go_back_by_winograd(const ConvShape& shape, const Saved& saved, const at::Tensor& gradient,
                         const Wanted& wanted) {
  const std::size_t count = winograd::transformed_size(shape);
  const at::Tensor transposed = floats(wanted.images != nullptr ? count : 0);
  if (wanted.images != nullptr) {
    winograd::transpose(shape, saved.prepared.data_ptr<float>(), transposed.data_ptr<float>());
  }
  const std::int64_t images = saved.images.size(0);
  const at::Tensor sums = zeros(wanted.weight != nullptr ? piece_count(images) : 0, count);
  for_pieces(images, [&](std::size_t piece, std::int64_t begin, std::int64_t end) {
    const at::Tensor scratch = floats(winograd::scratch_size(shape));
    const auto first = static_cast<std::size_t>(begin);
    const winograd::Gradients gradients{
        transposed.data_ptr<float>(),
        wanted.images != nullptr ? wanted.images + first * shape.in_size() : nullptr,
        wanted.weight != nullptr ? row_of(sums, piece) : nullptr};
    winograd::backward(shape, saved.images.data_ptr<float>() + first * shape.in_size(),
                       gradient.data_ptr<float>() + first * shape.out_size(),
                       static_cast<std::size_t>(end) - first, gradients, scratch.data_ptr<float>());
  });
  if (wanted.weight == nullptr) return;
  add_pieces(sums, count);
  winograd::add_untransformed(shape, sums.data_ptr<float>(), wanted.weight);
}

void go_back_directly(const ConvShape& shape, const Saved& saved, const at::Tensor& gradient,
                      const Wanted& wanted) {
  const ConvShape transposed = shape.transposed();
  const std::size_t count = direct::packed_size(shape);
  const at::Tensor packed = floats(wanted.images != nullptr ? direct::packed_size(transposed) : 0);
  if (wanted.images != nullptr) {
    direct::pack_transposed(shape, saved.weight.data_ptr<float>(), packed.data_ptr<float>());
  }
  const std::int64_t images = saved.images.size(0);
  const at::Tensor sums = zeros(wanted.weight != nullptr ? piece_count(images) : 0, count);
  for_pieces(images, [&](std::size_t piece, std::int64_t begin, std::int64_t end) {
    const at::Tensor scratch =
        floats(std::max(direct::scratch_size(shape), direct::scratch_size(transposed)));
    const auto first = static_cast<std::size_t>(begin);
    const std::size_t size = static_cast<std::size_t>(end) - first;
    const float* const from = gradient.data_ptr<float>() + first * shape.out_size();
    if (wanted.weight != nullptr) {
      direct::backward_weights(shape, saved.images.data_ptr<float>() + first * shape.in_size(),
                               from, size, row_of(sums, piece), scratch.data_ptr<float>());
    }
    if (wanted.images != nullptr) {
      direct::forward(transposed, from, size, packed.data_ptr<float>(), nullptr,
                      wanted.images + first * shape.in_size(), scratch.data_ptr<float>());
    }
  });
  if (wanted.weight == nullptr) return;
  add_pieces(sums, count);
  direct::add_unpacked(shape, sums.data_ptr<float>(), wanted.weight);
}

struct Convolution final : torch::autograd::Function<Convolution> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& images,
                            const at::Tensor& weight, const at::Tensor& bias,
                            std::int64_t padding) {
    const Convolved convolved = convolve(images, weight, bias, shape_of(images, weight, padding));
    context->save_for_backward({images, weight, bias, convolved.prepared});
    context->saved_data["padding"] = padding;
    return convolved.out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    const auto variables = context->get_saved_variables();
    const Saved saved{variables[0], variables[1], variables[3]};
    const ConvShape shape =
        shape_of(saved.images, saved.weight, context->saved_data["padding"].toInt());
    const at::Tensor gradient = grads[0].contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor images_gradient;
    at::Tensor weight_gradient;
    at::Tensor bias_gradient;
    Wanted wanted;
    if (context->needs_input_grad(0)) {
      images_gradient = empty_images(saved.images.sizes());
      wanted.images = images_gradient.data_ptr<float>();
    }
    if (context->needs_input_grad(1)) wanted.weight = gradient_place(saved.weight, weight_gradient);
    (winograd::suits(shape) ? go_back_by_winograd : go_back_directly)(shape, saved, gradient,
                                                                      wanted);
    if (context->needs_input_grad(2)) {
      float* const sum = gradient_place(variables[2], bias_gradient);
      const std::size_t pixels = shape.out_height() * shape.out_width();
      for (std::int64_t n = 0; n < gradient.size(0); ++n) {
        dense::add_rows(gradient.data_ptr<float>() + static_cast<std::size_t>(n) * shape.out_size(),
                        pixels, shape.out_channels, sum);
      }
    }
    return {images_gradient, weight_gradient, bias_gradient, at::Tensor()};
  }
};

}  // namespace

at::Tensor convolution(const at::Tensor& images, const at::Tensor& weight, const at::Tensor& bias,
                       std::int64_t padding) {
  if (!is_computed_here(images, weight, bias, padding)) {
    return at::conv2d(images, weight, bias, /*stride=*/1, padding);
  }
  const at::Tensor in = images.contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor kernels = weight.contiguous();
  const bool differentiable =
      at::GradMode::is_enabled() &&
      (in.requires_grad() || kernels.requires_grad() || (bias.defined() && bias.requires_grad()));
  if (!differentiable) return convolve(in, kernels, bias, shape_of(in, kernels, padding)).out;
  return Convolution::apply(in, kernels, or_empty(bias), padding);
}

}  // namespace skiptrain::learn
