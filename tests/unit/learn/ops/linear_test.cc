// The linear layer against ATen's.
#include "learn/ops/linear.h"

#include <array>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/unit/learn/ops/against_aten.h"

namespace skiptrain::learn {
namespace {

std::vector<at::Tensor> inputs_of(std::int64_t batch, std::int64_t in, std::int64_t out) {
  return {torch::randn({batch, in}), torch::randn({out, in}) / 8, torch::randn({out})};
}

Operator ours(Then then) {
  return [then](const auto& t) { return linear(t[0], t[1], t[2], then); };
}
Operator theirs(Then then) {
  return [then](const auto& t) {
    const at::Tensor out = at::linear(t[0], t[1], t[2]);
    return then == Then::kRelu ? out.relu() : out;
  };
}

TEST(LinearTest, AgreesWithAten) {
  torch::manual_seed(1);
  for (const std::array<std::int64_t, 3>& s : {std::array<std::int64_t, 3>{32, 784, 128},
                                               {32, 128, 10},
                                               {16, 3136, 62},
                                               {32, 400, 120},
                                               {7, 120, 84},
                                               {1, 1, 1},
                                               {130, 33, 17},
                                               {64, 5, 70},
                                               {65, 16, 3},
                                               {0, 4, 3}}) {
    SCOPED_TRACE(at::IntArrayRef(s));
    for (const Then then : {Then::kNothing, Then::kRelu}) {
      expect_agreement(ours(then), theirs(then), inputs_of(s[0], s[1], s[2]), 2e-6);
    }
  }
}

TEST(LinearTest, WorksWithoutABias) {
  torch::manual_seed(2);
  expect_agreement([](const auto& t) { return linear(t[0], t[1], at::Tensor(), Then::kRelu); },
                   [](const auto& t) { return at::linear(t[0], t[1]).relu(); },
                   {torch::randn({9, 40}), torch::randn({21, 40})}, 2e-6);
}

TEST(LinearTest, ANanPasses) {
  auto in = inputs_of(3, 5, 4);
  in[0][1][2] = std::numeric_limits<float>::quiet_NaN();
  expect_agreement(ours(Then::kRelu), theirs(Then::kRelu), in, 2e-6);
}

TEST(LinearTest, TakesTensorsThatAreNotContiguous) {
  torch::manual_seed(3);
  expect_agreement(
      [](const auto& t) { return linear(t[0].t(), t[1].t(), t[2], Then::kNothing).t(); },
      [](const auto& t) { return at::linear(t[0].t(), t[1].t(), t[2]).t(); },
      {torch::randn({12, 6}), torch::randn({12, 9}), torch::randn({9})}, 2e-6);
}

TEST(LinearTest, AddsToTheGradientThatIsThere) {
  torch::manual_seed(4);
  auto in = inputs_of(6, 10, 8);
  for (auto& tensor : in) tensor.requires_grad_();
  linear(in[0], in[1], in[2], Then::kRelu).sum().backward();
  const at::Tensor place = in[1].grad();
  const at::Tensor once = place.clone();
  linear(in[0], in[1], in[2], Then::kRelu).sum().backward();
  EXPECT_EQ(in[1].grad().data_ptr(), place.data_ptr());
  expect_close(place, 2 * once, 1e-6);
}

TEST(LinearTest, SharesItsWorkAmongThreads) {
  torch::manual_seed(5);
  at::set_num_threads(3);
  expect_agreement(ours(Then::kRelu), theirs(Then::kRelu), inputs_of(200, 50, 30), 2e-6);
  at::set_num_threads(1);
}

TEST(LinearTest, RefusesSizesThatDoNotFitTogether) {
  EXPECT_THROW(linear(torch::ones({2, 3}), torch::ones({4, 5}), {}, Then::kNothing), c10::Error);
  EXPECT_THROW(linear(torch::ones({2, 3}), torch::ones({4, 3}), torch::ones({3}), Then::kNothing),
               c10::Error);
  EXPECT_THROW(linear(torch::ones({2, 3}, at::kDouble), torch::ones({4, 3}), {}, Then::kNothing),
               c10::Error);
}

}  // namespace
}  // namespace skiptrain::learn
