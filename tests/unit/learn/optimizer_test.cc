// The optimizers against those of LibTorch, over many steps on random gradients.
#include "learn/optimizer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "base/rng.h"

namespace skiptrain::learn {
namespace {

constexpr std::size_t kCount = 1003;  // no multiple of a vector's width
constexpr std::size_t kGap = 5;       // values that are no parameters, after a third of those
constexpr std::size_t kFirst = kCount / 3;
constexpr double kLr = 0.01;

using Runs = std::vector<FlatModule::Run>;
const Runs kAll = {{0, kFirst}, {kFirst + kGap, kCount - kFirst}};

std::vector<float> normals(Rng& rng, std::size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

// The same values in LibTorch's terms: one tensor for each run.
std::vector<at::Tensor> tensors_of(const std::vector<float>& flat) {
  std::vector<at::Tensor> tensors;
  for (const FlatModule::Run& run : kAll) {
    const auto count = static_cast<std::int64_t>(run.count);
    at::Tensor tensor = torch::empty({count});
    std::copy_n(flat.data() + run.offset, run.count, tensor.data_ptr<float>());
    tensors.push_back(tensor);
  }
  return tensors;
}

using Theirs = std::function<std::unique_ptr<torch::optim::Optimizer>(std::vector<at::Tensor>)>;

struct Case {
  std::string name;
  OptimizerOptions options;
  Theirs theirs;
};

void PrintTo(const Case& which, std::ostream* out) {
  *out << which.name;
}

Case sgd(std::string name, double momentum, bool nesterov, double weight_decay) {
  return {std::move(name),
          {.momentum = momentum, .nesterov = nesterov, .weight_decay = weight_decay},
          [=](std::vector<at::Tensor> parameters) -> std::unique_ptr<torch::optim::Optimizer> {
            return std::make_unique<torch::optim::SGD>(
                std::move(parameters),
                torch::optim::SGDOptions(kLr).momentum(momentum).nesterov(nesterov).weight_decay(
                    weight_decay));
          }};
}

template <typename Optim, typename Options>
Case adam(std::string name, const OptimizerOptions& ours, const Options& theirs) {
  return {std::move(name), ours,
          [theirs](std::vector<at::Tensor> parameters) -> std::unique_ptr<torch::optim::Optimizer> {
            return std::make_unique<Optim>(std::move(parameters), theirs);
          }};
}

std::vector<Case> cases() {
  using torch::optim::Adam;
  using torch::optim::AdamOptions;
  using torch::optim::AdamW;
  using torch::optim::AdamWOptions;
  constexpr auto kAdam = OptimizerKind::kAdam;
  constexpr auto kAdamW = OptimizerKind::kAdamW;
  return {
      sgd("Sgd", 0, false, 0),
      sgd("SgdDecay", 0, false, 0.01),
      sgd("SgdMomentum", 0.9, false, 0),
      sgd("SgdMomentumDecay", 0.5, false, 0.1),
      sgd("SgdNesterov", 0.9, true, 0),
      sgd("SgdNesterovDecay", 0.7, true, 0.05),
      adam<Adam>("Adam", {.kind = kAdam}, AdamOptions(kLr)),
      adam<Adam>("AdamL2", {.kind = kAdam, .weight_decay = 0.1},
                 AdamOptions(kLr).weight_decay(0.1)),
      adam<Adam>("AdamOther", {.kind = kAdam, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3},
                 AdamOptions(kLr).betas({0.5, 0.9}).eps(1e-3)),
      adam<AdamW>("AdamW", {.kind = kAdamW, .weight_decay = 0.01}, AdamWOptions(kLr)),
      adam<AdamW>("AdamWStrong", {.kind = kAdamW, .beta1 = 0.8, .weight_decay = 0.5},
                  AdamWOptions(kLr).betas({0.8, 0.999}).weight_decay(0.5)),
  };
}

class OptimizerTest : public ::testing::TestWithParam<Case> {
 protected:
  OptimizerTest() : rng_(7), values_(normals(rng_, kCount + kGap)) {}

  std::unique_ptr<Optimizer> make() const {
    return make_optimizer(GetParam().options, values_.size());
  }

  Rng rng_;
  std::vector<float> values_;
};

// To one part in a million, of the whole and of each value (of 1, for those below).
TEST_P(OptimizerTest, AgreesWithLibTorch) {
  std::vector<at::Tensor> theirs = tensors_of(values_);
  for (at::Tensor& tensor : theirs) tensor.set_requires_grad(true);
  const auto expected = GetParam().theirs(theirs);
  const auto optimizer = make();
  for (int step = 0; step < 300; ++step) {
    const double lr = kLr / (1 + 0.01 * step);
    const std::vector<float> gradients = normals(rng_, values_.size());
    const std::vector<at::Tensor> same = tensors_of(gradients);
    for (std::size_t i = 0; i < theirs.size(); ++i) theirs[i].mutable_grad() = same[i];
    for (auto& group : expected->param_groups()) group.options().set_lr(lr);
    expected->step();
    optimizer->step(values_, gradients, kAll, lr);
  }
  double apart = 0;
  double size = 0;
  double worst = 0;
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    const float* reference = theirs[i].data_ptr<float>();
    for (std::size_t k = 0; k < kAll[i].count; ++k) {
      const double difference =
          static_cast<double>(values_[kAll[i].offset + k]) - static_cast<double>(reference[k]);
      apart += difference * difference;
      size += static_cast<double>(reference[k]) * static_cast<double>(reference[k]);
      worst = std::max(worst, std::abs(difference) / std::max(1.0f, std::abs(reference[k])));
    }
  }
  EXPECT_LT(std::sqrt(apart / size), 1e-6);
  EXPECT_LT(worst, 1e-6);
}

TEST_P(OptimizerTest, ChangesOnlyWhatIsTrainable) {
  const std::vector<float> before = values_;
  make()->step(values_, normals(rng_, values_.size()), kAll, kLr);
  for (std::size_t k = 0; k < values_.size(); ++k) {
    const bool in_gap = k >= kFirst && k < kFirst + kGap;
    EXPECT_EQ(values_[k] == before[k], in_gap) << "value " << k;
  }
}

TEST_P(OptimizerTest, AForgottenStateIsThatOfTheStart) {
  const std::vector<float> start = values_;
  const auto optimizer = make();
  std::vector<std::vector<float>> gradients;
  for (int step = 0; step < 3; ++step) gradients.push_back(normals(rng_, values_.size()));
  const auto run = [&] {
    std::vector<float> values = start;
    for (const auto& gradient : gradients) optimizer->step(values, gradient, kAll, kLr);
    return values;
  };
  const std::vector<float> first = run();
  const bool has_state =
      GetParam().options.kind != OptimizerKind::kSgd || GetParam().options.momentum != 0;
  EXPECT_EQ(run() != first, has_state) << "what is not forgotten carries on";
  optimizer->forget();
  EXPECT_EQ(run(), first);
}

INSTANTIATE_TEST_SUITE_P(All, OptimizerTest, ::testing::ValuesIn(cases()),
                         [](const auto& which) { return which.param.name; });

// The value of one parameter after each step on the gradient 1, from 0.
std::vector<float> walk(const OptimizerOptions& options, double lr, int steps) {
  const auto optimizer = make_optimizer(options, 1);
  std::vector<float> value{0};
  std::vector<float> places;
  const std::vector<float> gradient{1};
  const Runs all{{0, 1}};
  for (int step = 0; step < steps; ++step) {
    optimizer->step(value, gradient, all, lr);
    places.push_back(value[0]);
  }
  return places;
}

TEST(SgdTest, TheMomentumCarriesOnFromStepToStep) {
  EXPECT_EQ(walk({.momentum = 0.5}, 1, 2), (std::vector<float>{-1, -2.5f}));
}

TEST(SgdTest, NesterovLooksAheadByTheMomentum) {
  EXPECT_EQ(walk({.momentum = 0.5, .nesterov = true}, 1, 2), (std::vector<float>{-1.5f, -3.25f}));
}

// The bias corrections make every step on a constant gradient one of the learning rate.
TEST(AdamTest, AConstantGradientIsFollowedAtTheLearningRate) {
  for (const auto kind : {OptimizerKind::kAdam, OptimizerKind::kAdamW}) {
    const std::vector<float> places = walk({.kind = kind}, 0.25, 4);
    for (std::size_t step = 0; step < places.size(); ++step) {
      EXPECT_NEAR(places[step], -0.25 * static_cast<double>(step + 1), 1e-6);
    }
  }
}

}  // namespace
}  // namespace skiptrain::learn
