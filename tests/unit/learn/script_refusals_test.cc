// Files and modules that cannot be trained: what is said about them.
#include <fstream>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>

#include "learn/torch_trainer.h"
#include "learn/torchscript.h"
#include "tests/unit/learn/script_files.h"

namespace skiptrain::learn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Python's torch.ops.skiptrain_test, as `own`.
struct OwnOperators final : torch::jit::Resolver {
  std::shared_ptr<torch::jit::SugaredValue> resolveValue(
      const std::string& name, torch::jit::GraphFunction& method,
      const torch::jit::SourceRange& at) override {
    if (name == "own") return std::make_shared<torch::jit::BuiltinModule>("skiptrain_test");
    return torch::jit::nativeResolver()->resolveValue(name, method, at);
  }
};

TEST(ScriptRefusalsTest, BadPatternsAreRefused) {
  TrainerOptions options = own_options(saved(linear_module(kLinear)));
  options.model.frozen = {"weight", "conv9.*"};
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("model.frozen: \"conv9.*\" matches no parameter"),
                                      HasSubstr("weight, bias, mean")));
  options.model.frozen = {"*"};
  EXPECT_THAT(refusal(options), HasSubstr("nothing is left to train"));
  EXPECT_FALSE(layout_of(options.model));
}

TEST(ScriptRefusalsTest, ALossOfAnotherFormIsRefused) {
  TrainerOptions options = own_options(saved(linear_module(R"(
def forward(self, x, targets):
  return torch.linear(torch.flatten(x, 1), self.weight, self.bias)
)")));
  options.loss = LossKind::kModel;
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("a Tensor of shape [2, 4]"),
                                      HasSubstr("must be the loss, a Tensor of one number")));
  options.model.file = saved(linear_module(kLinear));
  EXPECT_THAT(refusal(options), HasSubstr("forward failed: "));
}

TEST(ScriptRefusalsTest, OutputsThatDoNotSuitTheDataAreRefused) {
  const std::string message = refusal(R"(
def forward(self, x):
  return torch.linear(torch.flatten(x, 1), self.weight, self.bias)[:, :3]
)");
  EXPECT_THAT(message, AllOf(HasSubstr("own.pt"), HasSubstr("outputs of float [2, 3]"),
                             HasSubstr("inputs of float [2, 1, 12, 12]"),
                             HasSubstr("must be float [2, 4 or more]")));
  TrainerOptions options = own_options(saved(linear_module(kLinear)));
  options.model.outputs = 3;
  options.model.exact_outputs = true;
  const auto few = TorchTrainer::create(options, quadrants(0, 1), quadrants(0, 1));
  EXPECT_TRUE(few) << "without data there is nothing to try: " << few.error().message;
  EXPECT_THAT(refusal(R"(
def forward(self, x):
  return (x, x)
)"),
              HasSubstr("forward returned Tuple[Tensor, Tensor]: must be a Tensor"));
  EXPECT_THAT(refusal(R"(
def forward(self, x):
  return torch.linear(torch.flatten(x, 1), self.weight, self.bias).detach()
)"),
              HasSubstr("no gradient flows"));
}

TEST(ScriptRefusalsTest, AForwardThatThrowsIsToldInOneLine) {
  const std::string shape = refusal(R"(
def forward(self, x):
  return torch.linear(x, self.weight, self.bias)
)");
  EXPECT_THAT(shape, HasSubstr("forward failed: RuntimeError: mat1 and mat2 shapes"));
  EXPECT_EQ(shape.find('\n'), std::string::npos) << shape;
  const std::string raised = refusal(R"(
def forward(self, x):
  assert x.size(0) == 0, "no such day"
  return torch.linear(torch.flatten(x, 1), self.weight, self.bias)
)");
  EXPECT_THAT(raised, HasSubstr("no such day"));
  EXPECT_EQ(raised.find('\n'), std::string::npos) << raised;
}

TEST(ScriptRefusalsTest, ALossThatIsNotFiniteIsNumeric) {
  const auto trainer = create(own_options(saved(linear_module(R"(
def forward(self, x):
  y = torch.linear(torch.flatten(x, 1), self.weight, self.bias)
  return y / torch.zeros([1])
)"))));
  const auto outcome = trainer->train({Round(0), trainer->initial_parameters()});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kNumeric);
}

TEST(ScriptRefusalsTest, ParametersOfOtherKindsAreRefused) {
  torch::jit::Module wide = linear_module("");
  wide.setattr("weight", torch::randn({4, 144}, at::kDouble).requires_grad_());
  wide.define(kLinear);
  EXPECT_THAT(refusal(own_options(saved(wide))),
              AllOf(HasSubstr("own.pt: parameter weight is double"), HasSubstr("must be float32")));
  torch::jit::Module none("Empty");
  none.define("def forward(self, x):\n  return torch.flatten(x, 1)[:, :4]\n");
  EXPECT_THAT(refusal(own_options(saved(none))), HasSubstr("own.pt: it has no parameters"));
  torch::jit::Module overlapping = linear_module("");
  const at::Tensor all = torch::randn({5, 144});
  overlapping.setattr("weight", all.narrow(0, 0, 4).requires_grad_());
  overlapping.register_parameter("other", all.narrow(0, 1, 4).requires_grad_(), false);
  overlapping.define(kLinear);
  EXPECT_THAT(refusal(own_options(saved(overlapping))), HasSubstr("shares a part of its memory"));
  torch::jit::Module idle = linear_module("");
  EXPECT_THAT(refusal(own_options(saved(idle))), HasSubstr("it has no method forward"));
}

TEST(ScriptRefusalsTest, FilesThatCannotBeLoadedAreRefused) {
  const std::string good = saved(linear_module(kLinear))->bytes;
  const std::string torn = refusal(own_options(script_file(good.substr(0, good.size() / 2))));
  EXPECT_THAT(torn, AllOf(HasSubstr("own.pt"), HasSubstr("cannot be loaded as TorchScript"),
                          HasSubstr("failed finding central directory")));
  std::string damaged = good;
  for (std::size_t i = good.size() / 4; i < good.size() / 2; ++i) damaged[i] ^= 0x55;
  EXPECT_THAT(refusal(own_options(script_file(damaged))), HasSubstr("own.pt"));
  ScriptFilePtr file;
  {
    const auto gone = torch::RegisterOperators("skiptrain_test::gone(Tensor x) -> Tensor",
                                               [](const at::Tensor& x) { return x.clone(); });
    torch::jit::Module module = linear_module("");
    module.define(R"(
def forward(self, x):
  return torch.linear(torch.flatten(own.gone(x), 1), self.weight, self.bias)
)",
                  std::make_shared<OwnOperators>());
    file = saved(module);
  }
  EXPECT_THAT(refusal(own_options(file)),
              AllOf(HasSubstr("does not suit this LibTorch"), HasSubstr("skiptrain_test::gone")));
}

constexpr const char* kIdle = "def forward(self, x):\n  return x\n";

TEST(ScriptFileTest, WhatIsNoTorchScriptIsRefusedByItsFirstBytes) {
  const std::string path = ::testing::TempDir() + "own-model.pt";
  const auto missing = read_script_file(path + ".none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("no such file"));
  std::ofstream(path) << "hello";
  const auto text = read_script_file(path);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(read_script_file(::testing::TempDir()));
  const ScriptFilePtr good = saved(linear_module(kLinear));
  std::ofstream(path, std::ios::binary) << good->bytes;
  const auto read = read_script_file(path);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ((*read)->digest, good->digest);
  EXPECT_NE((*read)->digest, saved(linear_module(kIdle))->digest);
  const auto state = read_torchscript(path);
  ASSERT_TRUE(state) << state.error().message;
  ASSERT_EQ(state->layout.tensors().size(), 3u);
  EXPECT_EQ(state->layout.tensors()[0].name, "weight");
  EXPECT_EQ(state->layout.tensors()[2].name, "mean");
}

}  // namespace
}  // namespace skiptrain::learn
