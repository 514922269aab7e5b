#include "learn/models.h"

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "base/check.h"
#include "learn/model_shapes.h"
#include "learn/relu_max_pool.h"

namespace skiptrain::learn {
namespace {

torch::nn::Conv2d convolution(std::int64_t in, std::int64_t out, std::int64_t padding) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kKernel).padding(padding));
}

class GnLeNet final : public torch::nn::Module, public Model {
 public:
  explicit GnLeNet(const ModelSpec& spec)
      : conv1_(register_module("conv1", convolution(spec.input.channels, 32, kPadding))),
        norm1_(register_module("norm1", torch::nn::GroupNorm(2, 32))),
        conv2_(register_module("conv2", convolution(32, 32, kPadding))),
        norm2_(register_module("norm2", torch::nn::GroupNorm(2, 32))),
        conv3_(register_module("conv3", convolution(32, 64, kPadding))),
        norm3_(register_module("norm3", torch::nn::GroupNorm(2, 64))),
        fc_(register_module("fc", torch::nn::Linear(static_cast<std::int64_t>(
                                                        64 * gn_lenet_grid(spec.input).area()),
                                                    spec.classes))) {}

  at::Tensor forward(const at::Tensor& images) override {
    at::Tensor x = relu_max_pool(norm1_(conv1_(images)));
    x = relu_max_pool(norm2_(conv2_(x)));
    x = relu_max_pool(norm3_(conv3_(x)));
    return fc_(x.flatten(1));
  }
  torch::nn::Module& module() override { return *this; }

 private:
  torch::nn::Conv2d conv1_;
  torch::nn::GroupNorm norm1_;
  torch::nn::Conv2d conv2_;
  torch::nn::GroupNorm norm2_;
  torch::nn::Conv2d conv3_;
  torch::nn::GroupNorm norm3_;
  torch::nn::Linear fc_;
};

class FemnistCnn final : public torch::nn::Module, public Model {
 public:
  explicit FemnistCnn(const ModelSpec& spec)
      : conv1_(register_module("conv1", convolution(spec.input.channels, 32, kPadding))),
        conv2_(register_module("conv2", convolution(32, 64, kPadding))),
        fc1_(register_module(
            "fc1", torch::nn::Linear(
                       static_cast<std::int64_t>(64 * femnist_cnn_grid(spec.input).area()), 512))),
        fc2_(register_module("fc2", torch::nn::Linear(512, spec.classes))) {}

  at::Tensor forward(const at::Tensor& images) override {
    at::Tensor x = relu_max_pool(conv1_(images));
    x = relu_max_pool(conv2_(x));
    return fc2_(fc1_(x.flatten(1)).relu_());
  }
  torch::nn::Module& module() override { return *this; }

 private:
  torch::nn::Conv2d conv1_;
  torch::nn::Conv2d conv2_;
  torch::nn::Linear fc1_;
  torch::nn::Linear fc2_;
};

class LeNet5 final : public torch::nn::Module, public Model {
 public:
  explicit LeNet5(const ModelSpec& spec)
      : conv1_(register_module("conv1",
                               convolution(spec.input.channels, 6, lenet5_padding(spec.input)))),
        conv2_(register_module("conv2", convolution(6, 16, 0))),
        fc1_(register_module(
            "fc1", torch::nn::Linear(static_cast<std::int64_t>(16 * lenet5_grid(spec.input).area()),
                                     120))),
        fc2_(register_module("fc2", torch::nn::Linear(120, 84))),
        fc3_(register_module("fc3", torch::nn::Linear(84, spec.classes))) {}

  at::Tensor forward(const at::Tensor& images) override {
    at::Tensor x = relu_max_pool(conv1_(images));
    x = relu_max_pool(conv2_(x));
    x = fc1_(x.flatten(1)).relu_();
    return fc3_(fc2_(x).relu_());
  }
  torch::nn::Module& module() override { return *this; }

 private:
  torch::nn::Conv2d conv1_;
  torch::nn::Conv2d conv2_;
  torch::nn::Linear fc1_;
  torch::nn::Linear fc2_;
  torch::nn::Linear fc3_;
};

class Mlp final : public torch::nn::Module, public Model {
 public:
  explicit Mlp(const ModelSpec& spec) {
    auto width = static_cast<std::int64_t>(spec.input.value_count());
    std::vector<std::uint32_t> widths = spec.hidden;
    widths.push_back(spec.classes);
    for (const std::uint32_t next : widths) {
      const std::string name = "fc" + std::to_string(layers_.size() + 1);
      layers_.push_back(register_module(name, torch::nn::Linear(width, next)));
      width = next;
    }
  }

  at::Tensor forward(const at::Tensor& images) override {
    at::Tensor x = images.flatten(1);
    for (std::size_t i = 0; i + 1 < layers_.size(); ++i) x = layers_[i](x).relu_();
    return layers_.back()(x);
  }
  torch::nn::Module& module() override { return *this; }

 private:
  std::vector<torch::nn::Linear> layers_;
};

// Seeds the process's generator for as long as it lives, then puts the old state back.
class SeededGenerator {
 public:
  explicit SeededGenerator(std::uint64_t seed)
      : lock_(mutex()), generator_(at::detail::getDefaultCPUGenerator()) {
    const std::lock_guard inner(generator_.mutex());
    old_state_ = generator_.get_state();
    generator_.set_current_seed(seed);
  }
  ~SeededGenerator() {
    const std::lock_guard inner(generator_.mutex());
    generator_.set_state(old_state_);
  }
  SeededGenerator(const SeededGenerator&) = delete;
  SeededGenerator& operator=(const SeededGenerator&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex one_at_a_time;
    return one_at_a_time;
  }

  std::unique_lock<std::mutex> lock_;
  at::Generator generator_;
  at::Tensor old_state_;
};

}  // namespace

std::unique_ptr<Model> make_model(const ModelSpec& spec, std::uint64_t seed) {
  const SeededGenerator seeded(seed);
  if (spec.name == "gn-lenet") return std::make_unique<GnLeNet>(spec);
  if (spec.name == "femnist-cnn") return std::make_unique<FemnistCnn>(spec);
  if (spec.name == "lenet5") return std::make_unique<LeNet5>(spec);
  SKIPTRAIN_CHECK(spec.name == "mlp", "make_model takes a valid spec");
  return std::make_unique<Mlp>(spec);
}

}  // namespace skiptrain::learn
