// The descent in LibTorch's operators beside that of the host's loops.
#include "learn/descent.h"

#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/rng.h"

namespace skiptrain::learn {
namespace {

struct Case {
  const char* name;
  OptimizerOptions options;
  double clip_norm = 0.0;
};
void PrintTo(const Case& each, std::ostream* out) {
  *out << each.name;
}

// Two trainable runs with a buffer between them, which nothing may move.
struct Stack final : torch::nn::Module {
  Stack() : norm(register_module("norm", torch::nn::BatchNorm1d(5))) {
    torch::manual_seed(1);
    last = register_module("last", torch::nn::Linear(5, 3));
  }
  torch::nn::BatchNorm1d norm;
  torch::nn::Linear last{nullptr};
};

struct Model {
  Stack module;
  FlatModule flat{module};
};

class DescentTest : public ::testing::TestWithParam<Case> {
 protected:
  // Some are far longer than the longest norm that is let through, some far shorter.
  void give_gradients(int step) {
    const double scale = step % 2 == 0 ? 3.0 : 0.01;
    for (std::size_t k = 0; k < here_.flat.gradients().size(); ++k) {
      const auto gradient = static_cast<float>(scale * (2 * rng_.uniform() - 1));
      here_.flat.gradients()[k] = gradient;
      there_.flat.gradients()[k] = gradient;
    }
  }
  void expect_equal() {
    for (std::size_t k = 0; k < here_.flat.values().size(); ++k) {
      ASSERT_NEAR(here_.flat.values()[k], there_.flat.values()[k], 2e-6) << "parameter " << k;
    }
  }

  Rng rng_{5};
  Model here_;
  Model there_;
};

TEST_P(DescentTest, GoesTheSameWayAsTheHostsLoops) {
  const auto loops = make_descent(GetParam().options, GetParam().clip_norm, here_.flat);
  const auto tensors = make_tensor_descent(GetParam().options, GetParam().clip_norm, there_.flat);
  const std::vector<float> start(here_.flat.values().begin(), here_.flat.values().end());
  for (int round = 0; round < 2; ++round) {
    for (int step = 0; step < 40; ++step) {
      give_gradients(step);
      loops->step(here_.flat, 0.01 / (1 + step));
      tensors->step(there_.flat, 0.01 / (1 + step));
    }
    expect_equal();
    loops->forget();
    tensors->forget();
  }
  EXPECT_NE(start[0], there_.flat.values()[0]);
  const TensorSpec& buffer = there_.flat.layout().tensors()[2];
  ASSERT_EQ(buffer.name, "norm.running_mean");
  EXPECT_EQ(start[buffer.offset], there_.flat.values()[buffer.offset]);
}

// The first step after forget() is that of a new one: nothing is left of the steps before.
TEST_P(DescentTest, ForgetsWhatItHasSeen) {
  const auto used = make_tensor_descent(GetParam().options, GetParam().clip_norm, here_.flat);
  for (int step = 0; step < 5; ++step) {
    give_gradients(step);
    used->step(here_.flat, 0.01);
  }
  used->forget();
  there_.flat.write(std::vector<float>(here_.flat.values().begin(), here_.flat.values().end()));
  const auto fresh = make_tensor_descent(GetParam().options, GetParam().clip_norm, there_.flat);
  give_gradients(0);
  used->step(here_.flat, 0.01);
  fresh->step(there_.flat, 0.01);
  const std::vector<float> a(here_.flat.values().begin(), here_.flat.values().end());
  const std::vector<float> b(there_.flat.values().begin(), there_.flat.values().end());
  EXPECT_EQ(a, b);
}

// So that a diverged step is seen as such.
TEST_P(DescentTest, DoesNotHideAGradientThatIsNoNumber) {
  const auto tensors = make_tensor_descent(GetParam().options, GetParam().clip_norm, there_.flat);
  give_gradients(0);
  there_.flat.gradients()[0] = std::nanf("");
  EXPECT_TRUE(there_.flat.all_values_finite());
  tensors->step(there_.flat, 0.01);
  EXPECT_FALSE(there_.flat.all_values_finite());
}

INSTANTIATE_TEST_SUITE_P(
    All, DescentTest,
    ::testing::Values(
        Case{"Sgd", {}}, Case{"SgdClipped", {.weight_decay = 0.1}, 0.5},
        Case{"Momentum", {.momentum = 0.9, .weight_decay = 0.01}},
        Case{"Nesterov", {.momentum = 0.8, .nesterov = true, .weight_decay = 0.05}},
        Case{"Adam", {.kind = OptimizerKind::kAdam, .weight_decay = 0.1}},
        Case{"AdamClipped", {.kind = OptimizerKind::kAdam, .beta1 = 0.5, .beta2 = 0.9}, 1.0},
        Case{"AdamW", {.kind = OptimizerKind::kAdamW, .weight_decay = 0.5}}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace skiptrain::learn
