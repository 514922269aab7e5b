#include "learn/gradient_clipping.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/rng.h"

namespace skiptrain::learn {
namespace {

using Runs = std::vector<FlatModule::Run>;

std::vector<float> normals(Rng& rng, std::size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

// Of parameters of 700 and 301 elements with 4 values between them that are none.
TEST(GradientClippingTest, AgreesWithLibTorch) {
  const Runs runs = {{0, 700}, {704, 301}};
  Rng rng(5);
  for (const double max_norm : {0.01, 1.0, 20.0, 1000.0}) {
    std::vector<float> ours = normals(rng, 1005);
    const std::vector<float> before = ours;
    std::vector<at::Tensor> theirs;
    for (const FlatModule::Run& run : runs) {
      const auto count = static_cast<std::int64_t>(run.count);
      at::Tensor parameter = torch::zeros({count}, at::requires_grad());
      parameter.mutable_grad() = torch::empty({count});
      std::copy_n(ours.data() + run.offset, run.count, parameter.mutable_grad().data_ptr<float>());
      theirs.push_back(parameter);
    }
    const double expected = torch::nn::utils::clip_grad_norm_(theirs, max_norm);
    EXPECT_NEAR(clip_gradient_norm(ours, runs, max_norm), expected, 1e-6 * expected);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const float* reference = theirs[i].grad().data_ptr<float>();
      for (std::size_t k = 0; k < runs[i].count; ++k) {
        ASSERT_NEAR(ours[runs[i].offset + k], reference[k], 1e-6 * std::abs(reference[k]));
      }
    }
    EXPECT_TRUE(std::equal(ours.begin() + 700, ours.begin() + 704, before.begin() + 700));
  }
}

TEST(GradientClippingTest, ShortGradientsKeepTheirBits) {
  const Runs all = {{0, 3}};
  std::vector<float> gradients{0.3f, -0.4f, 0.1f};
  const std::vector<float> before = gradients;
  EXPECT_NEAR(clip_gradient_norm(gradients, all, 1), std::sqrt(0.26), 1e-7);
  EXPECT_EQ(gradients, before);
  std::vector<float> none(3);
  EXPECT_EQ(clip_gradient_norm(none, all, 1), 0);
  EXPECT_EQ(none, std::vector<float>(3));
}

TEST(GradientClippingTest, LongGradientsKeepTheirDirection) {
  const Runs all = {{0, 2}};
  std::vector<float> gradients{30, -40};
  EXPECT_EQ(clip_gradient_norm(gradients, all, 5), 50);
  EXPECT_NEAR(gradients[0], 3, 1e-6);
  EXPECT_NEAR(gradients[1], -4, 1e-6);
}

// Their squares are beyond floats, their norm is not.
TEST(GradientClippingTest, HugeGradientsAreClippedToo) {
  const Runs all = {{0, 2}};
  std::vector<float> gradients{3e30f, 4e30f};
  clip_gradient_norm(gradients, all, 5);
  EXPECT_NEAR(gradients[0], 3, 1e-5);
  EXPECT_NEAR(gradients[1], 4, 1e-5);
}

TEST(GradientClippingTest, WhatIsNotFiniteStaysSo) {
  const Runs all = {{0, 3}};
  for (const float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> gradients{1, bad, 0};
    clip_gradient_norm(gradients, all, 5);
    EXPECT_FALSE(std::isfinite(gradients[1])) << "or the divergence would go unnoticed";
  }
}

}  // namespace
}  // namespace skiptrain::learn
