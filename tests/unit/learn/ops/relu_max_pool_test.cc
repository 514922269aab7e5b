// The fused operator against ATen's two, bit for bit.
#include "learn/ops/relu_max_pool.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace skiptrain::learn {
namespace {

// True if both hold the same bits, but for the payload of a NaN and the sign of a zero.
bool same(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && at::allclose(a, b, /*rtol=*/0, /*atol=*/0, /*equal_nan=*/true);
}

void expect_agrees_in_this_layout(const at::Tensor& values) {
  const at::Tensor ours = values.clone().requires_grad_();
  const at::Tensor theirs = values.clone().requires_grad_();
  const at::Tensor our_output = relu_max_pool(ours);
  const at::Tensor their_output = torch::max_pool2d(theirs, {2, 2}).relu();
  EXPECT_TRUE(same(our_output.detach(), their_output.detach()));
  // A gradient of its own for every output, so that one in a wrong place shows.
  const at::Tensor gradient =
      torch::arange(1, our_output.numel() + 1, at::kFloat).view(our_output.sizes());
  our_output.backward(gradient);
  their_output.backward(gradient);
  EXPECT_TRUE(same(ours.grad(), theirs.grad()));
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(same(relu_max_pool(values), their_output.detach()));
}

// Both layouts have kernels of their own.
void expect_agrees_with_aten(const at::Tensor& values) {
  expect_agrees_in_this_layout(values);
  expect_agrees_in_this_layout(values.contiguous(at::MemoryFormat::ChannelsLast));
}

TEST(ReluMaxPoolTest, AgreesWithAtenOnAllSizes) {
  torch::manual_seed(1);
  for (const std::array<std::int64_t, 4>& shape : {std::array<std::int64_t, 4>{32, 32, 28, 28},
                                                   {4, 8, 14, 14},
                                                   {2, 3, 7, 7},
                                                   {1, 1, 2, 2},
                                                   {3, 2, 2, 9},
                                                   {2, 2, 33, 2},
                                                   {1, 5, 3, 3},
                                                   {1, 2, 16, 64},
                                                   {0, 3, 4, 4}}) {
    SCOPED_TRACE(at::IntArrayRef(shape));
    expect_agrees_with_aten(torch::randn(shape));
  }
}

TEST(ReluMaxPoolTest, AgreesWithAtenOnTies) {
  torch::manual_seed(2);
  // Whole numbers from -2 to 2: most windows have ties, many at zero or below.
  expect_agrees_with_aten(torch::randint(-2, 3, {8, 4, 11, 12}).to(at::kFloat));
  expect_agrees_with_aten(torch::ones({1, 1, 6, 6}));
  expect_agrees_with_aten(torch::zeros({1, 1, 6, 6}));
}

TEST(ReluMaxPoolTest, AgreesWithAtenOnNanAndInfinity) {
  torch::manual_seed(3);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float specials[] = {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity, 0.0f,
                            -0.0f};
  at::Tensor x = torch::randn({4, 4, 16, 18});
  float* values = x.data_ptr<float>();
  for (std::int64_t k = 0; k < x.numel(); k += 3) values[k] = specials[(k / 3) % 5];
  expect_agrees_with_aten(x);
  expect_agrees_with_aten(torch::full({1, 2, 5, 4}, -kInfinity));
  expect_agrees_with_aten(torch::full({1, 2, 5, 4}, specials[0]));
}

TEST(ReluMaxPoolTest, TakesTensorsThatAreNotContiguous) {
  torch::manual_seed(4);
  expect_agrees_with_aten(torch::randn({2, 3, 8, 10}).transpose(2, 3));
  expect_agrees_with_aten(torch::randn({2, 3, 8, 10}).to(at::MemoryFormat::ChannelsLast));
}

TEST(ReluMaxPoolTest, RefusesWhatItCannotPool) {
  EXPECT_THROW(relu_max_pool(torch::ones({2, 2})), c10::Error);
  EXPECT_THROW(relu_max_pool(torch::ones({1, 1, 1, 4})), c10::Error);
  EXPECT_THROW(relu_max_pool(torch::ones({1, 1, 4, 4}, at::kDouble)), c10::Error);
}

}  // namespace
}  // namespace skiptrain::learn
