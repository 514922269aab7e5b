#include "learn/models.h"

#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "learn/architecture.h"
#include "learn/flat_module.h"
#include "learn/guarded.h"
#include "learn/ops/convolution.h"
#include "learn/ops/linear.h"
#include "learn/ops/norm_relu_max_pool.h"
#include "learn/ops/relu_max_pool.h"
#include "learn/script_model.h"
#include "learn/seeded_generator.h"

namespace skiptrain::learn {
namespace {

// Named and ordered as the same model written in PyTorch: conv1, norm1, conv2, ..., fc1, fc2, ...
class StackedModel final : public torch::nn::Module, public Model {
 public:
  StackedModel(const ModelSpec& spec, Paths paths) : paths_(paths) {
    const Architecture architecture = architecture_of(spec);
    data::ImageShape shape = spec.input;
    for (const ConvolutionBlock& block : architecture.blocks) {
      append(block, shape);
      shape = shape_after(block, shape);
    }
    auto width = static_cast<std::int64_t>(shape.value_count());
    for (const LinearLayer& layer : architecture.linear) {
      linear_.push_back(register_module(layer.name, torch::nn::Linear(width, layer.width)));
      width = layer.width;
    }
  }

  at::Tensor forward(const at::Tensor& images) override {
    return paths_ == Paths::kFast ? fast(images) : plain(images);
  }
  at::Tensor loss(const at::Tensor&, const at::Tensor&, at::Tensor&) override {
    refuse(ErrorCode::kInvalidArgument, "train.loss = \"model\" needs model.file");
  }
  StateWalk state() override { return walk_of(static_cast<const torch::nn::Module&>(*this)); }
  void set_training(bool training) override { train(training); }
  // It has neither buffers nor dropout.
  void keep_in_evaluation(std::vector<std::string>) override {}
  void seed(std::uint64_t) override {}
  void settle() override {}

 private:
  struct Block {
    torch::nn::Conv2d convolution;
    torch::nn::GroupNorm norm{nullptr};
    std::int64_t padding = 0;
  };

  at::Tensor plain(const at::Tensor& images) {
    at::Tensor x = images;
    for (Block& block : blocks_) {
      x = block.convolution(x).to(at::kFloat);  // ATen's GroupNorm takes one type alone
      if (!block.norm.is_empty()) x = block.norm(x);
      x = torch::max_pool2d(x.relu(), {2, 2});
    }
    x = x.flatten(1);
    for (std::size_t i = 0; i + 1 < linear_.size(); ++i) x = linear_[i](x).relu_();
    return linear_.back()(x);
  }

  at::Tensor fast(const at::Tensor& images) {
    at::Tensor x = images;
    for (Block& block : blocks_) {
      torch::nn::Conv2dImpl& conv = *block.convolution;
      x = convolution(x, conv.weight, conv.bias, block.padding);
      if (block.norm.is_empty()) {
        x = relu_max_pool(x);
      } else {
        torch::nn::GroupNormImpl& norm = *block.norm;
        x = norm_relu_max_pool(x, norm.options.num_groups(), norm.weight, norm.bias,
                               norm.options.eps());
      }
    }
    x = x.flatten(1);
    for (const torch::nn::Linear& layer : linear_) {
      const bool is_last = &layer == &linear_.back();
      x = linear(x, layer->weight, layer->bias, is_last ? Then::kNothing : Then::kRelu);
    }
    return x;
  }

  void append(const ConvolutionBlock& block, const data::ImageShape& in) {
    const std::string number = std::to_string(blocks_.size() + 1);
    const auto options =
        torch::nn::Conv2dOptions(in.channels, block.channels, kKernel).padding(block.padding);
    blocks_.push_back({register_module("conv" + number, torch::nn::Conv2d(options)),
                       torch::nn::GroupNorm(nullptr), block.padding});
    if (block.groups == 0) return;
    blocks_.back().norm =
        register_module("norm" + number, torch::nn::GroupNorm(block.groups, block.channels));
  }

  const Paths paths_;
  std::vector<Block> blocks_;
  std::vector<torch::nn::Linear> linear_;
};

}  // namespace

std::unique_ptr<Model> make_model(const ModelSpec& spec, std::uint64_t seed, Paths paths,
                                  Place place) {
  if (spec.file) return make_script_model(*spec.file, spec, paths, place);
  const SeededGenerator seeded(seed);
  return std::make_unique<StackedModel>(spec, paths);
}

FlatModule flatten(Model& model, const ModelSpec& spec, Place place) {
  if (!spec.file) return FlatModule(model.state(), spec.frozen, place);
  try {
    return FlatModule(model.state(), spec.frozen, place);
  } catch (const Refusal& refusal) {
    refuse(refusal.error().code, "model.file " + spec.file->path + ": " + refusal.error().message);
  }
}

namespace {

template <typename Take>
Result<ParameterLayout> look_at(const ModelSpec& spec, Take&& take) {
  if (auto valid = validate(spec); !valid) return tl::unexpected<Error>(valid.error());
  return guarded("model", [&]() -> Result<ParameterLayout> {
    const auto model = make_model(spec, 0);
    return take(flatten(*model, spec));
  });
}

}  // namespace

Result<ParameterLayout> layout_of(const ModelSpec& spec) {
  return look_at(spec, [](const FlatModule& flat) { return flat.layout(); });
}

Result<ParameterLayout> whole_layout_of(const ModelSpec& spec) {
  return look_at(spec, [](const FlatModule& flat) { return flat.whole_layout(); });
}

}  // namespace skiptrain::learn
