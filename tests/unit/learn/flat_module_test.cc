// The flat buffer against LibTorch's own parameters.
#include "learn/flat_module.h"

#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace skiptrain::learn {
namespace {

// A module with float parameters, float buffers and an integer buffer (of the batch norm).
struct WithBuffers final : torch::nn::Module {
  WithBuffers()
      : first(register_module("first", torch::nn::Linear(3, 4))),
        norm(register_module("norm", torch::nn::BatchNorm1d(4))),
        last(register_module("last", torch::nn::Linear(4, 2))) {}
  at::Tensor forward(const at::Tensor& x) { return last(norm(first(x)).relu()); }

  torch::nn::Linear first;
  torch::nn::BatchNorm1d norm;
  torch::nn::Linear last;
};

TEST(FlatModuleTest, ListsParametersAndFloatBuffersInStateDictOrder) {
  WithBuffers module;
  const FlatModule flat(module);
  std::vector<std::string> names;
  for (const TensorSpec& tensor : flat.layout().tensors()) names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"first.weight", "first.bias", "norm.weight",
                                             "norm.bias", "norm.running_mean", "norm.running_var",
                                             "last.weight", "last.bias"}));
  EXPECT_EQ(flat.layout(), copy_state(walk_of(module)).layout);
}

TEST(FlatModuleTest, KeepsTheValuesAndSharesTheMemory) {
  WithBuffers module;
  const at::Tensor before = module.first->weight.detach().clone();
  FlatModule flat(module);
  EXPECT_TRUE(module.first->weight.equal(before));
  flat.values()[5] = 42;
  EXPECT_EQ(module.first->weight[1][2].item<float>(), 42);
  // The running mean starts at 0 and moves when the module trains.
  module.train();
  module.forward(torch::ones({8, 3}));
  const std::size_t running_mean = flat.layout().tensors()[4].offset;
  EXPECT_NE(flat.values()[running_mean], 0);
}

TEST(FlatModuleTest, GradientsArriveInTheFlatBuffer) {
  WithBuffers module;
  FlatModule flat(module);
  const at::Tensor input = torch::randn({8, 3});
  const auto backward = [&] { module.forward(input).square().sum().backward(); };
  backward();
  const std::vector<float> once(flat.gradients().begin(), flat.gradients().end());
  EXPECT_FLOAT_EQ(once[2], module.first->weight.grad()[0][2].item<float>());
  EXPECT_NE(once[2], 0);
  flat.zero_gradients();
  EXPECT_EQ(flat.gradients()[2], 0);
  EXPECT_EQ(module.first->weight.grad()[0][2].item<float>(), 0);
}

TEST(FlatModuleTest, OnlyParametersAreTrainable) {
  WithBuffers module;
  const FlatModule flat(module);
  ASSERT_EQ(flat.trainable().size(), 2u);
  EXPECT_EQ(flat.trainable()[0].offset, 0u);
  EXPECT_EQ(flat.trainable()[0].count, 12u + 4 + 4 + 4);
  EXPECT_EQ(flat.trainable()[1].offset, 24u + 8);
  EXPECT_EQ(flat.trainable()[1].count, 8u + 2);
}

}  // namespace
}  // namespace skiptrain::learn
