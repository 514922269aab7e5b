// TorchScript programs before and after: what is put in, and that they compute the same.
#include "learn/ops/graph.h"

#include <string>

#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>

#include "tests/unit/learn/ops/against_aten.h"

namespace skiptrain::learn {
namespace {

torch::jit::Module module_of(const std::string& body) {
  torch::manual_seed(1);
  torch::jit::Module module("m");
  module.register_parameter("w", torch::randn({16, 3, 5, 5}) / 5, false);
  module.register_parameter("v", torch::randn({8, 16, 3, 3}) / 5, false);
  module.register_parameter("b", torch::randn({16}), false);
  module.register_parameter("gain", torch::randn({16}), false);
  module.register_parameter("shift", torch::randn({16}), false);
  module.register_parameter("fc", torch::randn({10, 16 * 4 * 4}) / 8, false);
  module.register_parameter("fb", torch::randn({10}), false);
  module.define("def forward(self, x):\n" + body);
  return module;
}

std::size_t count_of(const torch::jit::Module& module, const std::string& kind) {
  std::size_t count = 0;
  for (const auto* node : module.get_method("forward").graph()->nodes()) {
    if (node->kind().toQualString() == kind) ++count;
  }
  return count;
}

// Value, gradient of the input and those of the parameters; run often enough for the executor to
// have compiled what it thinks worth it.
std::vector<at::Tensor> results_of(torch::jit::Module& module, const at::Tensor& input) {
  std::vector<at::Tensor> results;
  for (int run = 0; run < 4; ++run) {
    at::Tensor x = input.detach().clone().requires_grad_();
    for (at::Tensor parameter : module.parameters()) parameter.mutable_grad() = at::Tensor();
    const at::Tensor value = module.forward({x}).toTensor();
    const at::Tensor weights =
        torch::arange(1, value.numel() + 1, at::kFloat).view(value.sizes()).sin();
    (value * weights).sum().backward();
    results = {value.detach(), x.grad()};
    for (const at::Tensor& parameter : module.parameters()) {
      if (parameter.grad().defined()) results.push_back(parameter.grad());
    }
  }
  return results;
}

struct Case {
  std::string body;
  std::size_t operators = 0;
  std::string has;  // an operator that is there afterwards
};

void expect_same_function(const Case& is, const at::Tensor& input) {
  SCOPED_TRACE(is.body);
  torch::jit::Module before = module_of(is.body);
  torch::jit::Module after = module_of(is.body);
  EXPECT_EQ(optimize_graph(after), is.operators);
  if (!is.has.empty()) {
    EXPECT_GT(count_of(after, is.has), 0u) << *after.get_method("forward").graph();
  }
  const auto expected = results_of(before, input);
  const auto actual = results_of(after, input);
  ASSERT_EQ(expected.size(), actual.size());
  for (std::size_t i = 0; i < expected.size(); ++i) expect_close(actual[i], expected[i], 3e-5);
}

TEST(OptimizeGraphTest, ReplacesReluAndPoolInEitherOrder) {
  const at::Tensor x = torch::randn({2, 3, 9, 8});
  expect_same_function(
      {"  return torch.max_pool2d(torch.relu(x), [2, 2])\n", 1, "skiptrain::relu_max_pool"}, x);
  expect_same_function(
      {"  return torch.relu(torch.max_pool2d(x, [2, 2], [2, 2]))\n", 1, "skiptrain::relu_max_pool"},
      x);
}

TEST(OptimizeGraphTest, ReplacesANormWithThem) {
  expect_same_function({"  y = torch.group_norm(x, 4, self.gain, self.shift, 1e-5)\n"
                        "  return torch.max_pool2d(torch.relu(y), [2, 2])\n",
                        1, "skiptrain::norm_relu_max_pool"},
                       torch::randn({2, 16, 8, 8}));
}

TEST(OptimizeGraphTest, ReplacesAWholeModel) {
  expect_same_function(
      {"  y = torch.conv2d(x, self.w, self.b, [1, 1], [2, 2])\n"
       "  y = torch.group_norm(y, 4, self.gain, self.shift, 1e-5)\n"
       "  y = torch.max_pool2d(torch.relu_(y), [2, 2])\n"
       "  return torch.relu(torch.linear(torch.flatten(y, 1), self.fc, self.fb))\n",
       3, "skiptrain::linear"},
      torch::randn({3, 3, 8, 8}));
}

TEST(OptimizeGraphTest, LeavesOtherPoolsAlone) {
  const at::Tensor x = torch::randn({2, 3, 9, 9});
  for (const char* pool :
       {"[3, 3]", "[2, 2], [1, 1]", "[2, 2], [2, 2], [1, 1]", "[2, 2], [2, 2], [0, 0], [2, 2]",
        "[2, 2], [2, 2], [0, 0], [1, 1], True"}) {
    expect_same_function(
        {"  return torch.max_pool2d(torch.relu(x), " + std::string(pool) + ")\n", 0, ""}, x);
  }
  expect_same_function({"  return torch.max_pool2d(torch.tanh(x), [2, 2])\n", 0, ""}, x);
}

TEST(OptimizeGraphTest, KeepsWhatSomebodyElseNeeds) {
  expect_same_function({"  y = torch.relu(x)\n"
                        "  return torch.max_pool2d(y, [2, 2]) + torch.mean(y)\n",
                        0, ""},
                       torch::randn({2, 3, 8, 8}));
  expect_same_function({"  y = torch.group_norm(x, 4, self.gain, self.shift, 1e-5)\n"
                        "  return torch.max_pool2d(torch.relu(y), [2, 2]) + torch.mean(y)\n",
                        1, "aten::group_norm"},
                       torch::randn({2, 16, 8, 8}));
}

TEST(OptimizeGraphTest, LooksIntoBranches) {
  expect_same_function({"  if x.size(0) > 1:\n"
                        "    y = torch.max_pool2d(torch.relu(x), [2, 2])\n"
                        "  else:\n"
                        "    y = torch.tanh(x)\n"
                        "  return y\n",
                        1, ""},
                       torch::randn({2, 3, 8, 8}));
}

TEST(OptimizeGraphTest, ShapesWithNothingFasterGoToAten) {
  const Case pool = {"  return torch.max_pool2d(torch.relu(x), [2, 2])\n", 1, ""};
  expect_same_function(pool, torch::randn({3, 8, 8}));  // one image
  const Case convolution = {"  return torch.conv2d(x, self.v, None, [1, 1], [1, 1])\n", 1,
                            "skiptrain::convolution"};
  expect_same_function(convolution, torch::randn({2, 16, 8, 8}));  // 3x3
  const Case linear = {"  return torch.linear(x, self.fc, self.fb)\n", 1, "skiptrain::linear"};
  expect_same_function(linear, torch::randn({2, 5, 256}));  // sequences
  const Case strided = {"  return torch.conv2d(x, self.w, None, [2, 2], [2, 2])\n", 0, ""};
  expect_same_function(strided, torch::randn({2, 3, 8, 8}));
}

TEST(OptimizeGraphTest, ComputesInInferenceModeToo) {
  const std::string body =
      "  y = torch.conv2d(x, self.w, self.b, [1, 1], [2, 2])\n"
      "  return torch.max_pool2d(torch.relu(y), [2, 2])\n";
  torch::jit::Module before = module_of(body);
  torch::jit::Module after = module_of(body);
  ASSERT_EQ(optimize_graph(after), 2u);
  const c10::InferenceMode inference;
  const at::Tensor x = torch::randn({2, 3, 8, 8});
  for (int run = 0; run < 3; ++run) {
    expect_close(after.forward({x}).toTensor(), before.forward({x}).toTensor(), 1e-5);
  }
}

}  // namespace
}  // namespace skiptrain::learn
