#include "learn/models.h"

#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "learn/architecture.h"
#include "learn/flat_module.h"
#include "learn/guarded.h"
#include "learn/relu_max_pool.h"
#include "learn/script_model.h"
#include "learn/seeded_generator.h"

namespace skiptrain::learn {
namespace {

// Named and ordered as the same model written in PyTorch: conv1, norm1, conv2, ..., fc1, fc2, ...
class StackedModel final : public torch::nn::Module, public Model {
 public:
  explicit StackedModel(const ModelSpec& spec) {
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
    at::Tensor x = images;
    for (Block& block : blocks_) {
      x = block.convolution(x).to(at::kFloat);  // ATen's GroupNorm takes one type alone
      if (!block.norm.is_empty()) x = block.norm(x);
      x = relu_max_pool(x);
    }
    x = x.flatten(1);
    for (std::size_t i = 0; i + 1 < linear_.size(); ++i) x = linear_[i](x).relu_();
    return linear_.back()(x);
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
  };

  void append(const ConvolutionBlock& block, const data::ImageShape& in) {
    const std::string number = std::to_string(blocks_.size() + 1);
    const auto options =
        torch::nn::Conv2dOptions(in.channels, block.channels, kKernel).padding(block.padding);
    blocks_.push_back({register_module("conv" + number, torch::nn::Conv2d(options))});
    if (block.groups == 0) return;
    blocks_.back().norm =
        register_module("norm" + number, torch::nn::GroupNorm(block.groups, block.channels));
  }

  std::vector<Block> blocks_;
  std::vector<torch::nn::Linear> linear_;
};

}  // namespace

std::unique_ptr<Model> make_model(const ModelSpec& spec, std::uint64_t seed) {
  if (spec.file) return make_script_model(*spec.file, spec);
  const SeededGenerator seeded(seed);
  return std::make_unique<StackedModel>(spec);
}

namespace {

template <typename Take>
Result<ParameterLayout> look_at(const ModelSpec& spec, Take&& take) {
  if (auto valid = validate(spec); !valid) return tl::unexpected<Error>(valid.error());
  return guarded("model", [&]() -> Result<ParameterLayout> {
    const auto model = make_model(spec, 0);
    return take(FlatModule(model->state(), spec.frozen));
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
