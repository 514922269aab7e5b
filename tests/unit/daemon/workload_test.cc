// From a config to what is trained.
#include "daemon/workload/workload.h"

#include <gtest/gtest.h>

#include "tests/unit/daemon/config_fixture.h"

namespace skiptrain::daemon {
namespace {

constexpr data::ImageShape kInput{1, 28, 28};

learn::TrainerOptions options_of(const std::string& train) {
  const auto config = parse(kValidToml + "[train]\n" + train);
  EXPECT_TRUE(config) << config.error().message;
  return trainer_options(*config, kInput, 10);
}

TEST(TrainerOptionsTest, SgdIsToldItsMomentum) {
  const auto options =
      options_of("lr = 0.2\nmomentum = 0.9\nnesterov = true\nweight_decay = 0.01\n");
  EXPECT_EQ(options.optimizer.kind, learn::OptimizerKind::kSgd);
  EXPECT_EQ(options.lr, 0.2);
  EXPECT_EQ(options.optimizer.momentum, 0.9);
  EXPECT_TRUE(options.optimizer.nesterov);
  EXPECT_EQ(options.optimizer.weight_decay, 0.01);
  EXPECT_EQ(options.clip_norm, 0.0);
  EXPECT_EQ(options.lr_schedule.factor(Round(79)), 1.0);
}

TEST(TrainerOptionsTest, AdamIsToldItsMeans) {
  const auto options = options_of(
      "optimizer = \"adam\"\nbeta1 = 0.8\nbeta2 = 0.99\nepsilon = 1e-6\n"
      "keep_optimizer_state = true\n");
  EXPECT_EQ(options.optimizer.kind, learn::OptimizerKind::kAdam);
  EXPECT_EQ(options.lr, 0.001);
  EXPECT_EQ(options.optimizer.beta1, 0.8);
  EXPECT_EQ(options.optimizer.beta2, 0.99);
  EXPECT_EQ(options.optimizer.epsilon, 1e-6);
  EXPECT_EQ(options.optimizer.weight_decay, 0.0);
  EXPECT_TRUE(options.keep_optimizer_state);
}

TEST(TrainerOptionsTest, AdamWDecaysByItsOwnDefault) {
  const auto options = options_of("optimizer = \"adamw\"\nclip_norm = 2.5\n");
  EXPECT_EQ(options.optimizer.kind, learn::OptimizerKind::kAdamW);
  EXPECT_EQ(options.optimizer.weight_decay, 0.01);
  EXPECT_EQ(options.clip_norm, 2.5);
}

TEST(TrainerOptionsTest, FastPathsCanBeSwitchedOff) {
  EXPECT_TRUE(options_of("").fast_paths);
  EXPECT_FALSE(options_of("fast_paths = false\n").fast_paths);
}

// The run of the fixture has 80 rounds.
TEST(TrainerOptionsTest, TheCosineFallsOverTheRunsRounds) {
  const auto options = options_of("lr_schedule = \"cosine\"\nlr_floor = 0.5\n");
  EXPECT_EQ(options.lr_schedule.total_rounds, 80u);
  EXPECT_NEAR(options.lr_schedule.factor(Round(40)), 0.75, 1e-12);
}

TEST(TrainerOptionsTest, AStepFallsAsTold) {
  const auto options = options_of("lr_schedule = \"step\"\nlr_step_size = 30\nlr_gamma = 0.5\n");
  EXPECT_EQ(options.lr_schedule.factor(Round(29)), 1.0);
  EXPECT_EQ(options.lr_schedule.factor(Round(60)), 0.25);
}

}  // namespace
}  // namespace skiptrain::daemon
