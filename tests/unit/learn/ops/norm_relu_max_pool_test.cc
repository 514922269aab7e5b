// The fused operator against ATen's three.
#include "learn/ops/norm_relu_max_pool.h"

#include <limits>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/unit/learn/ops/against_aten.h"

namespace skiptrain::learn {
namespace {

constexpr double kEpsilon = 1e-5;

Operator ours(std::int64_t groups) {
  return [groups](const auto& t) { return norm_relu_max_pool(t[0], groups, t[1], t[2], kEpsilon); };
}
Operator theirs(std::int64_t groups) {
  return [groups](const auto& t) {
    return torch::max_pool2d(at::group_norm(t[0], groups, t[1], t[2], kEpsilon).relu(), {2, 2});
  };
}

std::vector<at::Tensor> inputs_of(at::IntArrayRef shape) {
  return {torch::randn(shape) * 2 + 1, torch::randn({shape[1]}), torch::randn({shape[1]}) / 2};
}

TEST(NormReluMaxPoolTest, AgreesWithAtenOnTheModelsSizes) {
  torch::manual_seed(1);
  expect_agreement(ours(2), theirs(2), inputs_of({8, 32, 28, 28}), 5e-6);
  expect_agreement(ours(2), theirs(2), inputs_of({8, 32, 14, 14}), 5e-6);
  expect_agreement(ours(2), theirs(2), inputs_of({8, 64, 7, 7}), 5e-6);
}

TEST(NormReluMaxPoolTest, AgreesWithAtenOnSizesDrawnAtRandom) {
  torch::manual_seed(2);
  const auto draw = [](std::int64_t low, std::int64_t high) {
    return torch::randint(low, high + 1, {1}).item<std::int64_t>();
  };
  for (int i = 0; i < 60; ++i) {
    const std::int64_t groups = draw(1, 4);
    const std::vector<std::int64_t> shape = {draw(1, 5), groups * draw(1, 19), draw(2, 15),
                                             draw(2, 15)};
    SCOPED_TRACE(at::IntArrayRef(shape));
    expect_agreement(ours(groups), theirs(groups), inputs_of(shape), 1e-5);
  }
}

TEST(NormReluMaxPoolTest, OfEqualValuesTheFirstWins) {
  torch::manual_seed(3);
  auto in = inputs_of({4, 8, 9, 10});
  // Whole numbers: most windows have ties, and stay so through the normalization.
  in[0] = torch::randint(-2, 3, in[0].sizes()).to(at::kFloat);
  expect_agreement(ours(2), theirs(2), in, 1e-5);
}

TEST(NormReluMaxPoolTest, ConstantInputsLeaveTheBias) {
  auto in = inputs_of({2, 4, 6, 6});
  in[0].fill_(3);
  const at::Tensor out = ours(2)(in);
  expect_close(out, in[2].relu().view({1, 4, 1, 1}).expand({2, 4, 3, 3}), 1e-3);
}

TEST(NormReluMaxPoolTest, LargeMeansCostNoAccuracy) {
  torch::manual_seed(4);
  auto in = inputs_of({2, 8, 12, 12});
  in[0] = in[0] + 100;
  expect_agreement(ours(2), theirs(2), in, 2e-4);
}

TEST(NormReluMaxPoolTest, ANanSpoilsItsGroupOfItsSampleAlone) {
  torch::manual_seed(5);
  auto in = inputs_of({2, 8, 6, 7});
  in[0][1][5][2][3] = std::numeric_limits<float>::quiet_NaN();
  const torch::NoGradGuard no_grad;
  const at::Tensor out = ours(2)(in);
  EXPECT_FALSE(out[0].isnan().any().item<bool>());
  EXPECT_FALSE(out[1].narrow(0, 0, 4).isnan().any().item<bool>());
  EXPECT_TRUE(out[1].narrow(0, 4, 4).isnan().all().item<bool>());
  expect_close(out, theirs(2)(in), 1e-5);
}

TEST(NormReluMaxPoolTest, TakesTensorsOfAnyLayout) {
  torch::manual_seed(6);
  auto in = inputs_of({2, 6, 8, 9});
  const auto aside = [](const at::Tensor& x) { return x.transpose(2, 3); };
  expect_agreement(
      [&](const auto& t) { return norm_relu_max_pool(aside(t[0]), 3, t[1], t[2], kEpsilon); },
      [&](const auto& t) {
        return theirs(3)({aside(t[0]), t[1], t[2]});
      },
      in, 1e-5);
  expect_agreement([&](const auto& t) { return ours(3)(t).contiguous(); }, theirs(3), in, 1e-5);
}

TEST(NormReluMaxPoolTest, SharesItsWorkAmongThreads) {
  torch::manual_seed(7);
  at::set_num_threads(3);
  expect_agreement(ours(2), theirs(2), inputs_of({7, 8, 9, 9}), 1e-5);
  at::set_num_threads(1);
}

TEST(NormReluMaxPoolTest, GivesTheSameBitsEachTime) {
  torch::manual_seed(8);
  const auto in = inputs_of({5, 32, 14, 14});
  const at::Tensor weights = torch::randn({5, 32, 7, 7});
  const auto first = value_and_gradients(ours(2), in, weights);
  const auto second = value_and_gradients(ours(2), in, weights);
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(first[i], second[i]));
}

TEST(NormReluMaxPoolTest, RefusesWhatItCannotNormalize) {
  const at::Tensor four = torch::ones({4});
  EXPECT_THROW(norm_relu_max_pool(torch::ones({4, 4}), 2, four, four, kEpsilon), c10::Error);
  EXPECT_THROW(norm_relu_max_pool(torch::ones({1, 4, 1, 4}), 2, four, four, kEpsilon), c10::Error);
  EXPECT_THROW(norm_relu_max_pool(torch::ones({1, 4, 4, 4}), 3, four, four, kEpsilon), c10::Error);
  EXPECT_THROW(norm_relu_max_pool(torch::ones({1, 6, 4, 4}), 2, four, four, kEpsilon), c10::Error);
}

}  // namespace
}  // namespace skiptrain::learn
