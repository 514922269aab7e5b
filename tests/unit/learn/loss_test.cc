// Losses and their gradients against their definitions, written out.
#include "learn/loss.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace skiptrain::learn {
namespace {

constexpr std::int64_t kSamples = 6;
constexpr std::int64_t kOutputs = 4;

struct LossTest : ::testing::Test {
  LossTest() {
    torch::manual_seed(3);
    outputs = torch::randn({kSamples, kOutputs}, at::requires_grad());
  }
  // The mean over samples, its gradient and the sum over samples agree with `expected`, the loss
  // of each sample.
  void expect(LossKind kind, const at::Tensor& targets, const at::Tensor& expected) {
    const at::Tensor mean = loss_of(kind, outputs, targets);
    EXPECT_TRUE(mean.allclose(expected.mean(), 1e-6)) << mean << expected.mean();
    const at::Tensor sum = loss_of(kind, outputs, targets, OverSamples::kSum);
    EXPECT_TRUE(sum.allclose(expected.sum(), 1e-6)) << sum << expected.sum();
    const at::Tensor gradient = torch::autograd::grad({mean}, {outputs})[0];
    const at::Tensor by_definition = torch::autograd::grad({expected.mean()}, {outputs})[0];
    EXPECT_TRUE(gradient.allclose(by_definition, 1e-5, 1e-7)) << gradient << by_definition;
  }

  at::Tensor outputs;
};

TEST_F(LossTest, CrossEntropyIsThatOfTheClassAmongTheSoftmax) {
  const at::Tensor classes = torch::tensor({0, 3, 1, 1, 2, 0}, at::kLong);
  const at::Tensor probabilities = outputs.exp() / outputs.exp().sum(1, true);
  expect(LossKind::kCrossEntropy, classes,
         -probabilities.gather(1, classes.unsqueeze(1)).log().squeeze(1));
}

TEST_F(LossTest, BinaryCrossEntropyIsThatOfEachOutputsLogistic) {
  const at::Tensor targets = torch::rand({kSamples, kOutputs});
  const at::Tensor probability = 1 / (1 + (-outputs).exp());
  expect(LossKind::kBinaryCrossEntropy, targets,
         -(targets * probability.log() + (1 - targets) * (1 - probability).log()).mean(1));
}

TEST_F(LossTest, BinaryCrossEntropyOfExtremeLogitsIsFinite) {
  const at::Tensor loss =
      loss_of(LossKind::kBinaryCrossEntropy, torch::full({1, 1}, 1000.0f), torch::zeros({1, 1}));
  EXPECT_EQ(loss.item<float>(), 1000.0f);
}

TEST_F(LossTest, MeanSquaredErrorIsTheMeanOverOutputs) {
  const at::Tensor targets = torch::randn({kSamples, kOutputs});
  expect(LossKind::kMeanSquaredError, targets, (outputs - targets).square().mean(1));
}

TEST_F(LossTest, TargetsOfAnotherShapeAreRefused) {
  for (const LossKind kind : {LossKind::kBinaryCrossEntropy, LossKind::kMeanSquaredError}) {
    EXPECT_THROW(loss_of(kind, outputs, torch::zeros({kSamples, 1})), c10::Error);
    EXPECT_THROW(loss_of(kind, outputs, torch::zeros({kOutputs})), c10::Error);
  }
}

}  // namespace
}  // namespace skiptrain::learn
