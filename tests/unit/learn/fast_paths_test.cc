// A trainer with its fast paths beside one without: they learn the same.
#include <cmath>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "learn/ops/step_memory.h"
#include "learn/torch_trainer.h"
#include "tests/unit/learn/quadrants.h"

namespace skiptrain::learn {
namespace {

std::unique_ptr<TorchTrainer> make(TrainerOptions options, bool fast) {
  options.fast_paths = fast;
  auto trainer = TorchTrainer::create(options, quadrants(64, 1), quadrants(100, 2));
  EXPECT_TRUE(trainer) << trainer.error().message;
  return trainer ? std::move(*trainer) : nullptr;
}

class FastPathsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(FastPathsTest, TrainAndEvaluateAsLibTorchDoes) {
  const TrainerOptions options = quadrant_options(GetParam());
  const auto fast = make(options, true);
  const auto plain = make(options, false);
  const auto start = fast->initial_parameters();
  const auto by_fast = fast->train({Round(0), start});
  const auto by_plain = plain->train({Round(0), start});
  ASSERT_TRUE(by_fast && by_plain);
  EXPECT_NEAR(by_fast->mean_loss, by_plain->mean_loss, 1e-4);
  double apart = 0;
  double way = 0;
  for (std::size_t k = 0; k < start->size(); ++k) {
    const double a = by_fast->parameters->values()[k];
    const double b = by_plain->parameters->values()[k];
    apart += (a - b) * (a - b);
    way += (b - start->values()[k]) * (b - start->values()[k]);
  }
  EXPECT_LT(std::sqrt(apart), 1e-3 * std::sqrt(way));
  const auto fast_result = fast->evaluate(*by_fast->parameters, 0);
  const auto plain_result = plain->evaluate(*by_fast->parameters, 0);
  ASSERT_TRUE(fast_result && plain_result);
  EXPECT_NEAR(fast_result->loss, plain_result->loss, 1e-4);
  // One of a hundred may tip.
  EXPECT_NEAR(fast_result->accuracy.value(), plain_result->accuracy.value(), 0.011);
}

INSTANTIATE_TEST_SUITE_P(Models, FastPathsTest,
                         ::testing::Values("gn-lenet", "femnist-cnn", "lenet5", "mlp"),
                         [](const auto& model) {
                           std::string name = model.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(FastPathsMemoryTest, KeepTheMemoryOfAStepAndOffDoNot) {
  // In a thread of its own, whose memory goes with it.
  std::jthread([] {
    const TrainerOptions options = quadrant_options("gn-lenet");
    const std::size_t before = StepMemory::kept_bytes();
    const auto plain = make(options, false);
    ASSERT_TRUE(plain->train({Round(0), plain->initial_parameters()}));
    EXPECT_EQ(StepMemory::kept_bytes(), before);
    const auto fast = make(options, true);
    ASSERT_TRUE(fast->train({Round(0), fast->initial_parameters()}));
    EXPECT_GT(StepMemory::kept_bytes(), before);
    EXPECT_LE(StepMemory::kept_bytes(), kMaxKeptBytes);
  }).join();
}

}  // namespace
}  // namespace skiptrain::learn
