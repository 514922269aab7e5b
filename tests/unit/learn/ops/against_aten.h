// What the tests of operators share: values and gradients of ours beside those of ATen's, made from
// the same tensors.
#pragma once

#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace skiptrain::learn {

using Operator = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

// Value, then the gradient of each input with respect to a weighted sum of the value.
inline std::vector<at::Tensor> value_and_gradients(const Operator& run,
                                                   const std::vector<at::Tensor>& inputs,
                                                   const at::Tensor& weights) {
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& input : inputs) leaves.push_back(input.detach().requires_grad_());
  const at::Tensor value = run(leaves);
  (value * weights).sum().backward();
  std::vector<at::Tensor> results = {value.detach()};
  for (const at::Tensor& leaf : leaves) results.push_back(leaf.grad());
  return results;
}

// `tolerance`: largest difference, as a part of the largest value. NaN agrees with NaN alone.
inline void expect_close(const at::Tensor& ours, const at::Tensor& theirs, double tolerance) {
  ASSERT_TRUE(ours.defined() && theirs.defined());
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  if (ours.numel() == 0) return;
  EXPECT_TRUE(at::equal(ours.isnan(), theirs.isnan()));
  const at::Tensor finite = theirs.nan_to_num();
  const double scale = std::max(finite.abs().max().item<double>(), 1e-30);
  EXPECT_LE((ours.nan_to_num() - finite).abs().max().item<double>() / scale, tolerance);
}

// The inputs are float32; ATen's results are taken in double, so the tolerance is that of ours.
inline void expect_agreement(const Operator& ours, const Operator& theirs,
                             const std::vector<at::Tensor>& inputs, double tolerance) {
  std::vector<at::Tensor> precise;
  for (const at::Tensor& input : inputs) precise.push_back(input.to(at::kDouble));
  at::Tensor weights;
  {
    const torch::NoGradGuard no_grad;
    weights = torch::randn(theirs(precise).sizes());
    expect_close(ours(inputs).to(at::kDouble), theirs(precise), tolerance);
  }
  const auto a = value_and_gradients(ours, inputs, weights);
  const auto b = value_and_gradients(theirs, precise, weights.to(at::kDouble));
  for (std::size_t i = 0; i < a.size(); ++i) {
    SCOPED_TRACE(i == 0 ? "value" : "gradient of input " + std::to_string(i - 1));
    expect_close(a[i].to(at::kDouble), b[i], tolerance);
  }
}

}  // namespace skiptrain::learn
