// From a config to what is trained.
#include "daemon/workload/workload.h"

#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "learn/torchscript.h"
#include "store/safetensors.h"
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

TEST(TrainerOptionsTest, ALossOnNumbersTakesAsManyOutputsAsThereAreTargets) {
  EXPECT_EQ(options_of("").loss, learn::LossKind::kCrossEntropy);
  EXPECT_EQ(options_of("").top_k, 5u);
  const std::string files = "train_images = \"ti\"";
  const std::string text = edited("name = \"gn-lenet\"", "name = \"femnist-cnn\"",
                                  edited(files, "format = \"npy\"\n" + files)) +
                           "[train]\nloss = \"";
  const auto squared = parse(text + "mean-squared-error\"\n");
  ASSERT_TRUE(squared) << squared.error().message;
  const auto options = trainer_options(*squared, kInput, 3);
  EXPECT_EQ(options.loss, learn::LossKind::kMeanSquaredError);
  EXPECT_EQ(options.model.outputs, 3u);
  const auto binary = parse(text + "binary-cross-entropy\"\n");
  ASSERT_TRUE(binary) << binary.error().message;
  EXPECT_EQ(trainer_options(*binary, kInput, 3).loss, learn::LossKind::kBinaryCrossEntropy);
  const auto classes = parse(text + "cross-entropy\"\n");
  ASSERT_TRUE(classes) << classes.error().message;
  EXPECT_EQ(trainer_options(*classes, kInput, 3).model.outputs, 62u);
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

TEST(TrainerOptionsTest, AreToldTheDeviceAndThePrecision) {
  EXPECT_EQ(options_of("").device, learn::Device::kCpu);
  EXPECT_EQ(options_of("device = \"cpu\"\n").device, learn::Device::kCpu);
  EXPECT_EQ(options_of("device = \"cuda\"\n").device, learn::Device::kCuda);
  EXPECT_EQ(options_of("device = \"auto\"\n").device, learn::Device::kAuto);
  EXPECT_EQ(options_of("").precision, learn::Precision::kFloat32);
  EXPECT_EQ(options_of("precision = \"bf16\"\n").precision, learn::Precision::kBf16);
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

TEST(TrainerOptionsTest, IsToldWhatIsFrozenAndWhoSaysTheLoss) {
  const auto config = parse(edited("name = \"gn-lenet\"",
                                   "file = \"m.pt\"\nclasses = 12\n"
                                   "frozen = [\"a.*\"]") +
                            "[train]\nloss = \"model\"\n");
  ASSERT_TRUE(config) << config.error().message;
  const auto options = trainer_options(*config, kInput, 10);
  EXPECT_EQ(options.model.frozen, std::vector<std::string>{"a.*"});
  EXPECT_EQ(options.loss, learn::LossKind::kModel);
  EXPECT_EQ(options.model.outputs, 12u);
  EXPECT_TRUE(options.model.exact_outputs);
}

TEST(ModelFilesTest, ErrorsNameTheKeyAndTheFile) {
  const auto config = parse(edited("name = \"gn-lenet\"", "file = \"/nowhere/m.pt\""));
  ASSERT_TRUE(config) << config.error().message;
  const auto file = load_model_file(*config);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kNotFound);
  EXPECT_NE(file.error().message.find("model.file: /nowhere/m.pt"), std::string::npos);
  const auto named = load_model_file(*parse(kValidToml));
  ASSERT_TRUE(named);
  EXPECT_EQ(*named, nullptr);
}

TEST(ModelFilesTest, InitialParametersComeInEitherFormat) {
  const learn::ModelSpec spec{.name = "mlp", .hidden = {3}, .input = {1, 2, 2}, .outputs = 2};
  const auto layout = learn::layout_of(spec);
  ASSERT_TRUE(layout);
  std::vector<float> values(layout->parameter_count());
  std::iota(values.begin(), values.end(), 1.0f);
  const NamedParameters model{*layout, copy_parameters(values)};
  const std::string path = ::testing::TempDir() + "initial-model";
  const auto read = [&]() -> std::vector<float> {
    auto config =
        parse(edited("name = \"gn-lenet\"", "name = \"mlp\"\ninitial = \"" + path + "\""));
    EXPECT_TRUE(config) << config.error().message;
    const auto options = with_model_files(*config, {}, nullptr);
    EXPECT_TRUE(options) << options.error().message;
    if (!options) return {};
    EXPECT_EQ(options->initial->layout, *layout);
    EXPECT_EQ(options->initial_source, path);
    EXPECT_EQ(with_model_files(*config, {}, nullptr, /*needs_initial=*/false)->initial, nullptr);
    const auto found = options->initial->values->values();
    return {found.begin(), found.end()};
  };
  const auto script = learn::encode_torchscript(spec, model);
  ASSERT_TRUE(script) << script.error().message;
  std::ofstream(path, std::ios::binary) << *script;
  EXPECT_EQ(read(), values);
  ASSERT_TRUE(store::write_safetensors(path, *layout, values, {}));
  EXPECT_EQ(read(), values);
}

}  // namespace
}  // namespace skiptrain::daemon
