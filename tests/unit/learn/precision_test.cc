#include "learn/precision.h"

#include <string>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "learn/models.h"
#include "tests/unit/learn/quadrants.h"

namespace skiptrain::learn {
namespace {

at::Tensor product(Precision precision) {
  const PrecisionScope scope(precision);
  return at::linear(at::ones({2, 4}), at::ones({3, 4}));
}

TEST(PrecisionTest, LowersProductsWithinTheScopeAlone) {
  EXPECT_EQ(product(Precision::kBf16).scalar_type(), at::kBFloat16);
  EXPECT_EQ(product(Precision::kFloat32).scalar_type(), at::kFloat);
}

// The converted copy of a parameter must not outlive the step that changes it.
TEST(PrecisionTest, SeesParametersThatChangeBetweenScopes) {
  torch::nn::Linear linear(4, 3);
  const auto output = [&] {
    const PrecisionScope scope(Precision::kBf16);
    return linear(at::ones({2, 4})).sum().to(at::kFloat).item<float>();
  };
  output();
  {
    const torch::NoGradGuard no_grad;
    linear->weight.fill_(1.0f);
    linear->bias.fill_(2.0f);
  }
  EXPECT_EQ(output(), 2 * 3 * (4 + 2));
}

TEST(PrecisionTest, GradientsOfALoweredPassAreFloat32AndClose) {
  torch::manual_seed(5);
  torch::nn::Linear linear(32, 8);
  const at::Tensor input = at::randn({16, 32});
  const auto gradient = [&](Precision precision) {
    linear->zero_grad();
    at::Tensor loss;
    {
      const PrecisionScope scope(precision);
      loss = linear(input).to(at::kFloat).square().mean();
    }
    loss.backward();
    return linear->weight.grad().clone();
  };
  const at::Tensor exact = gradient(Precision::kFloat32);
  const at::Tensor lowered = gradient(Precision::kBf16);
  EXPECT_EQ(lowered.scalar_type(), at::kFloat);
  EXPECT_FALSE(lowered.equal(exact)) << "nothing was lowered";
  EXPECT_LT((lowered - exact).norm().item<float>(), 0.02f * exact.norm().item<float>());
}

TEST(PrecisionTest, EveryModelRunsLoweredAndGivesNearlyTheSame) {
  for (const char* name : {"gn-lenet", "femnist-cnn", "lenet5", "mlp"}) {
    torch::manual_seed(3);
    const auto model = make_model({.name = name}, 1, Paths::kPlain);
    const at::Tensor images = at::randn({4, 1, 28, 28});
    const auto output = [&](Precision precision) {
      const PrecisionScope scope(precision);
      return model->forward(images).to(at::kFloat);
    };
    const at::Tensor exact = output(Precision::kFloat32);
    const at::Tensor lowered = output(Precision::kBf16);
    EXPECT_FALSE(lowered.equal(exact)) << name << ": nothing was lowered";
    EXPECT_LT((lowered - exact).norm().item<float>(), 0.05f * exact.norm().item<float>()) << name;
  }
}

// Whichever machine this runs on, one half of it is seen.
TEST(PrecisionTest, IsRefusedWithAReasonWhereTheProcessorHasNoInstructionsForIt) {
  const Status checked = check_precision(Precision::kBf16);
  if (!bf16_instructions().empty()) {
    EXPECT_TRUE(checked);
    return;
  }
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kPreconditionFailed);
  EXPECT_NE(checked.error().message.find("this processor has no instructions for it"),
            std::string::npos)
      << checked.error().message;
  EXPECT_TRUE(check_precision(Precision::kFloat32));
}

}  // namespace
}  // namespace skiptrain::learn
