// The convolution against ATen's: both algorithms, in values and gradients.
#include "learn/ops/convolution.h"

#include <array>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/unit/learn/ops/against_aten.h"

namespace skiptrain::learn {
namespace {

struct Sizes {
  std::int64_t batch, channels, height, width, out, padding;
};

std::vector<at::Tensor> inputs_of(const Sizes& s) {
  return {torch::randn({s.batch, s.channels, s.height, s.width}),
          torch::randn({s.out, s.channels, 5, 5}) / 5, torch::randn({s.out})};
}

Operator ours(std::int64_t padding) {
  return [padding](const auto& in) { return convolution(in[0], in[1], in[2], padding); };
}
Operator theirs(std::int64_t padding) {
  return [padding](const auto& in) { return at::conv2d(in[0], in[1], in[2], 1, padding); };
}

void expect_agrees(const Sizes& s, double tolerance) {
  SCOPED_TRACE(at::IntArrayRef({s.batch, s.channels, s.height, s.width, s.out, s.padding}));
  expect_agreement(ours(s.padding), theirs(s.padding), inputs_of(s), tolerance);
}

TEST(ConvolutionTest, AgreesWithAtenWhereChannelsFillNoVectors) {
  torch::manual_seed(1);
  for (const Sizes& s : {Sizes{4, 1, 28, 28, 32, 2},
                         {3, 3, 32, 32, 32, 2},
                         {5, 6, 14, 14, 16, 0},
                         {2, 1, 28, 28, 6, 2},
                         {1, 1, 5, 5, 1, 0},
                         {2, 2, 5, 9, 3, 1},
                         {1, 7, 6, 11, 13, 3},
                         {2, 33, 8, 7, 20, 4},
                         {3, 16, 7, 7, 5, 2}}) {
    expect_agrees(s, 3e-6);
  }
}

TEST(ConvolutionTest, AgreesWithAtenByWinogradsAlgorithm) {
  torch::manual_seed(2);
  for (const Sizes& s : {Sizes{4, 32, 14, 14, 32, 2},
                         {3, 32, 7, 7, 64, 2},
                         {2, 16, 5, 5, 16, 0},
                         {1, 16, 6, 13, 48, 1},
                         {5, 16, 1, 1, 16, 2},
                         {2, 32, 9, 8, 16, 4},
                         {1, 64, 16, 16, 16, 3}}) {
    expect_agrees(s, 3e-5);
  }
}

TEST(ConvolutionTest, AgreesWithAtenOnSizesDrawnAtRandom) {
  torch::manual_seed(3);
  const auto draw = [](std::int64_t low, std::int64_t high) {
    return torch::randint(low, high + 1, {1}).item<std::int64_t>();
  };
  for (int i = 0; i < 40; ++i) {
    const std::int64_t unit = i % 2 == 0 ? 1 : 16;
    const std::int64_t padding = draw(0, 4);
    const std::int64_t least = std::max<std::int64_t>(1, 5 - 2 * padding);
    expect_agrees({draw(1, 6), unit * draw(1, 3), draw(least, 18), draw(least, 18),
                   unit * draw(1, 4), padding},
                  3e-5);
  }
}

TEST(ConvolutionTest, TakesTensorsOfAnyLayout) {
  torch::manual_seed(4);
  const auto aside = [](const at::Tensor& x) { return x.transpose(2, 3); };
  for (const std::int64_t channels : {3, 16}) {
    const auto in = inputs_of({2, channels, 9, 12, 16, 2});
    expect_agreement(
        [&](const auto& t) { return convolution(aside(t[0]), aside(t[1]), t[2], 2); },
        [&](const auto& t) { return at::conv2d(aside(t[0]), aside(t[1]), t[2], 1, 2); }, in, 3e-5);
    // A gradient that is not channels last.
    expect_agreement([](const auto& t) { return convolution(t[0], t[1], t[2], 2).contiguous(); },
                     theirs(2), in, 3e-5);
  }
}

TEST(ConvolutionTest, WorksWithoutABiasAndWithOtherKernels) {
  torch::manual_seed(5);
  for (const std::int64_t side : {1, 3, 5, 7}) {
    for (const std::int64_t channels : {2, 16}) {
      expect_agreement(
          [](const auto& t) { return convolution(t[0], t[1], at::Tensor(), 1); },
          [](const auto& t) { return at::conv2d(t[0], t[1], at::Tensor(), 1, 1); },
          {torch::randn({2, channels, 8, 8}), torch::randn({16, channels, side, side})}, 3e-5);
    }
  }
}

TEST(ConvolutionTest, ASecondPassAddsToTheGradientOfTheFirst) {
  torch::manual_seed(6);
  for (const std::int64_t channels : {1, 16}) {
    auto in = inputs_of({2, channels, 8, 8, 16, 2});
    for (auto& tensor : in) tensor.requires_grad_();
    convolution(in[0], in[1], in[2], 2).sum().backward();
    const at::Tensor once = in[1].grad().clone();
    convolution(in[0], in[1], in[2], 2).sum().backward();
    expect_close(in[1].grad(), 2 * once, 1e-6);
  }
}

TEST(ConvolutionTest, ComputesNoGradientThatNobodyWants) {
  const auto in = inputs_of({2, 16, 8, 8, 16, 2});
  const at::Tensor weight = in[1].clone().requires_grad_();
  convolution(in[0], weight, in[2], 2).sum().backward();
  EXPECT_TRUE(weight.grad().defined());
  EXPECT_FALSE(in[0].grad().defined());
  EXPECT_FALSE(convolution(in[0], in[1], in[2], 2).requires_grad());
}

TEST(ConvolutionTest, GivesTheSameBitsEachTime) {
  torch::manual_seed(7);
  for (const std::int64_t channels : {3, 32}) {
    const auto in = inputs_of({7, channels, 13, 13, 32, 2});
    const at::Tensor weights = torch::randn({7, 32, 13, 13});
    const auto first = value_and_gradients(ours(2), in, weights);
    const auto second = value_and_gradients(ours(2), in, weights);
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(first[i], second[i]));
  }
}

TEST(ConvolutionTest, SharesItsWorkAmongThreads) {
  torch::manual_seed(8);
  at::set_num_threads(3);
  expect_agrees({7, 3, 13, 13, 32, 2}, 3e-6);
  expect_agrees({7, 32, 13, 13, 32, 2}, 3e-5);
  at::set_num_threads(1);
}

TEST(ConvolutionTest, RefusesSizesThatDoNotFitTogether) {
  EXPECT_THROW(convolution(torch::ones({1, 2, 8, 8}), torch::ones({4, 3, 5, 5}), {}, 2),
               c10::Error);
  EXPECT_THROW(convolution(torch::ones({1, 3, 3, 8}), torch::ones({4, 3, 5, 5}), {}, 0),
               c10::Error);
}

}  // namespace
}  // namespace skiptrain::learn
