// Training in another place than the host's loops: on a GPU, if there is one, and as on a GPU in
// the host's memory.
#include "learn/device.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "learn/models.h"
#include "learn/workspace.h"
#include "tests/unit/learn/script_files.h"

namespace skiptrain::learn {
namespace {

using ::testing::HasSubstr;

TEST(DeviceTest, TheCpuIsAlwaysThere) {
  EXPECT_EQ(*find_place(Device::kCpu), Place::kHost);
}

// Whichever machine this runs on, one half of it is seen.
TEST(DeviceTest, AGpuIsFoundOrRefusedWithTheReason) {
  const auto place = find_place(Device::kCuda);
  const auto any = find_place(Device::kAuto);
  ASSERT_TRUE(any);
  if (torch::cuda::is_available()) {
    EXPECT_EQ(*place, Place::kCuda);
    EXPECT_EQ(*any, Place::kCuda);
    return;
  }
  EXPECT_EQ(*any, Place::kHost);
  ASSERT_FALSE(place);
  EXPECT_EQ(place.error().code, ErrorCode::kPreconditionFailed);
  EXPECT_THAT(place.error().message, HasSubstr("train.device = \"cuda\": "));
  EXPECT_THAT(place.error().message, HasSubstr("\"cpu\" and \"auto\" train on the CPU"));
  TrainerOptions options = quadrant_options();
  options.device = Device::kCuda;
  EXPECT_EQ(refusal(options), place.error().message);
  options.device = Device::kAuto;
  EXPECT_EQ(create(options)->place(), Place::kHost);
}

// One node's worker, and what it needs.
struct Worker {
  Worker(TrainerOptions options, Place place)
      : setup{std::move(options), std::make_shared<const data::Dataset>(quadrants(50, 1)),
              std::make_shared<const data::Dataset>(quadrants(100, 2)), place},
        workspace(setup),
        pool(workspace.layout().parameter_count(), 2) {
    for (std::uint32_t i = 0; i < 50; ++i) node.samples.push_back(i);
    if (setup.options.model.file) workspace.rehearse();
  }

  Result<ports::TrainOutcome> train(std::uint64_t round, const ParametersPtr& start) {
    return workspace.train({Round(round), start}, node, pool);
  }

  const TrainingSetup setup;
  Workspace workspace;
  ParametersPool pool;
  NodeState node{NodeId(3), {}, {}};
};

class PlaceTest : public ::testing::TestWithParam<Place> {
 protected:
  void SetUp() override {
    if (GetParam() == Place::kCuda && !torch::cuda::is_available()) {
      GTEST_SKIP() << "no GPU here that LibTorch can use";
    }
  }

  // Two rounds and an evaluation, here and on the host.
  void expect_same(TrainerOptions options) {
    options.fast_paths = false;
    Worker here(options, Place::kHost);
    Worker there(options, GetParam());
    ASSERT_EQ(here.workspace.layout(), there.workspace.layout());
    ParametersPtr a = here.workspace.copy();
    ParametersPtr b = there.workspace.copy();
    ASSERT_EQ(copy(a), copy(b));
    const std::vector<float> start = copy(a);
    for (std::uint64_t round = 0; round < 2; ++round) {
      const auto by_loops = here.train(round, a);
      const auto by_tensors = there.train(round, b);
      ASSERT_TRUE(by_loops) << by_loops.error().message;
      ASSERT_TRUE(by_tensors) << by_tensors.error().message;
      EXPECT_EQ(by_loops->samples, by_tensors->samples);
      EXPECT_NEAR(by_loops->mean_loss, by_tensors->mean_loss, 1e-4);
      a = by_loops->parameters;
      b = by_tensors->parameters;
    }
    expect_near(start, copy(a), copy(b));
    const auto ours = here.workspace.evaluate(*a, 0, {});
    const auto theirs = there.workspace.evaluate(*a, 0, {});
    ASSERT_TRUE(ours && theirs);
    EXPECT_NEAR(ours->loss, theirs->loss, 1e-4);
    // One of a hundred may tip.
    EXPECT_NEAR(ours->accuracy.value(), theirs->accuracy.value(), 0.011);
  }

 private:
  static void expect_near(const std::vector<float>& start, const std::vector<float>& a,
                          const std::vector<float>& b) {
    double apart = 0;
    double way = 0;
    for (std::size_t k = 0; k < a.size(); ++k) {
      apart += std::pow(a[k] - b[k], 2);
      way += std::pow(b[k] - start[k], 2);
    }
    EXPECT_GT(way, 0);
    EXPECT_LT(std::sqrt(apart), 1e-3 * std::sqrt(way));
  }
};

TEST_P(PlaceTest, EveryModelLearnsTheSame) {
  for (const char* model : {"gn-lenet", "femnist-cnn", "lenet5", "mlp"}) {
    SCOPED_TRACE(model);
    expect_same(quadrant_options(model));
  }
}

TEST_P(PlaceTest, TheOptimizersStateIsKept) {
  TrainerOptions options = quadrant_options();
  options.optimizer = {.momentum = 0.9};
  options.clip_norm = 0.3;
  options.keep_optimizer_state = true;
  expect_same(options);
}

TEST_P(PlaceTest, AModelOfOnesOwnAndItsFrozenPartGoThere) {
  TrainerOptions options = own_options(saved(linear_module(R"(
def forward(self, x):
  self.count.add_(1)
  self.mean.mul_(0.5)
  return torch.linear(torch.flatten(x, 1), self.weight, self.bias) + self.mean
)")));
  expect_same(options);
  options.model.frozen = {"bias"};
  expect_same(options);
}

TEST_P(PlaceTest, DropoutFollowsFromSeedNodeAndRound) {
  TrainerOptions options = own_options(saved(linear_module(R"(
def forward(self, x):
  x = torch.dropout(torch.flatten(x, 1), 0.5, self.training)
  return torch.linear(x, self.weight, self.bias)
)")));
  Worker a(options, GetParam());
  Worker b(options, GetParam());
  const ParametersPtr start = a.workspace.copy();
  ASSERT_TRUE(b.train(7, start));
  EXPECT_EQ(copy(a.train(3, start)->parameters), copy(b.train(3, start)->parameters));
  EXPECT_NE(copy(a.train(3, start)->parameters), copy(a.train(4, start)->parameters));
}

// The same step is named, though here it is seen only when the round is over.
TEST_P(PlaceTest, ALossThatIsNoNumberIsToldWithItsStep) {
  TrainerOptions options = quadrant_options();
  options.fast_paths = false;
  options.lr = 1e30;
  Worker here(options, Place::kHost);
  Worker there(options, GetParam());
  const auto by_loops = here.train(0, here.workspace.copy());
  const auto by_tensors = there.train(0, there.workspace.copy());
  ASSERT_FALSE(by_loops);
  ASSERT_FALSE(by_tensors);
  EXPECT_EQ(by_tensors.error().code, ErrorCode::kNumeric);
  EXPECT_THAT(by_tensors.error().message, HasSubstr("of round 0 is not finite"));
  EXPECT_EQ(by_tensors.error().message, by_loops.error().message);
}

// Two halves of the share, between which the model stays where it is, have the loss of the whole.
TEST_P(PlaceTest, TheMeanIsThatOfAllSteps) {
  TrainerOptions options = quadrant_options();
  options.lr = 1e-12;
  options.batch_size = 25;
  options.local_steps = 2;  // one pass over the share
  Worker worker(options, GetParam());
  const auto pass = worker.train(0, worker.workspace.copy());
  options.batch_size = 50;
  options.local_steps = 1;
  Worker whole(options, GetParam());
  const auto at_once = whole.train(0, whole.workspace.copy());
  ASSERT_TRUE(pass && at_once);
  EXPECT_NEAR(pass->mean_loss, at_once->mean_loss, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(All, PlaceTest, ::testing::Values(Place::kHostTensors, Place::kCuda),
                         [](const auto& each) {
                           return each.param == Place::kCuda ? "Gpu" : "HostTensors";
                         });

}  // namespace
}  // namespace skiptrain::learn
