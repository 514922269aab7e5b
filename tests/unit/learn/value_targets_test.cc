// Training on numbers in place of classes: a model learns them, and data that do not suit the loss
// are refused.
#include <cmath>
#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "learn/torch_trainer.h"

namespace skiptrain::learn {
namespace {

using ::testing::HasSubstr;

// Three features in [-1, 1], and of them two targets: a - 2b + 1/2 and 3c.
data::Dataset plane(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  data::Dataset set;
  set.shape = {1, 1, 3};
  set.target_width = 2;
  for (std::size_t i = 0; i < count; ++i) {
    float x[3];
    for (float& value : x) value = static_cast<float>(2 * rng.uniform() - 1);
    set.features.insert(set.features.end(), x, x + 3);
    set.targets.insert(set.targets.end(), {x[0] - 2 * x[1] + 0.5f, 3 * x[2]});
  }
  return set;
}

// The same features, and whether each target is above 0.
data::Dataset sides(std::size_t count, std::uint64_t seed) {
  data::Dataset set = plane(count, seed);
  for (float& target : set.targets) target = target > 0 ? 1.0f : 0.0f;
  return set;
}

TrainerOptions options_of(LossKind loss) {
  TrainerOptions options;
  options.model = {.name = "mlp", .hidden = {}, .input = {1, 1, 3}, .outputs = 2};
  options.loss = loss;
  options.local_steps = 400;
  options.batch_size = 16;
  options.lr = 0.2;
  return options;
}

ports::Evaluation learned(const TrainerOptions& options, data::Dataset train, data::Dataset test) {
  const auto trainer = TorchTrainer::create(options, std::move(train), std::move(test));
  if (!trainer) {
    ADD_FAILURE() << trainer.error().message;
    return {};
  }
  const auto outcome = (*trainer)->train({Round(0), (*trainer)->initial_parameters()});
  if (!outcome) {
    ADD_FAILURE() << outcome.error().message;
    return {};
  }
  const auto evaluation = (*trainer)->evaluate(*outcome->parameters, 0);
  EXPECT_TRUE(evaluation) << evaluation.error().message;
  return evaluation.value_or(ports::Evaluation{});
}

std::string refusal(const TrainerOptions& options, data::Dataset train, ErrorCode code) {
  const auto trainer = TorchTrainer::create(options, std::move(train), data::Dataset{});
  EXPECT_FALSE(trainer);
  if (trainer) return "";
  EXPECT_EQ(trainer.error().code, code) << trainer.error().message;
  return trainer.error().message;
}

TEST(ValueTargetsTest, APlaneIsFittedByMeanSquaredError) {
  const ports::Evaluation after =
      learned(options_of(LossKind::kMeanSquaredError), plane(300, 1), plane(100, 2));
  EXPECT_LT(after.loss, 1e-6) << "the variance of the targets is above 1";
  ASSERT_TRUE(after.mean_absolute_error);
  EXPECT_LT(*after.mean_absolute_error, 1e-3);
  EXPECT_GE(after.loss * (1 + 1e-5), std::pow(*after.mean_absolute_error, 2)) << "by Jensen";
  EXPECT_FALSE(after.accuracy);
}

TEST(ValueTargetsTest, SidesOfPlanesAreToldByBinaryCrossEntropy) {
  TrainerOptions options = options_of(LossKind::kBinaryCrossEntropy);
  options.lr = 1;
  const ports::Evaluation after = learned(options, sides(300, 1), sides(100, 2));
  ASSERT_TRUE(after.accuracy);
  EXPECT_GT(*after.accuracy, 0.95);
  EXPECT_LT(after.loss, 0.3);
  ASSERT_EQ(after.per_class.size(), 2u);
  EXPECT_EQ(after.per_class[1].samples, 100u);
}

// Of a model of zeros whose bias is that of class 1, by way of a trainer.
TEST(ValueTargetsTest, FeaturesMayLieElsewhere) {
  TrainerOptions options = options_of(LossKind::kMeanSquaredError);
  options.local_steps = 20;
  const data::Dataset whole = plane(60, 1);
  const auto elsewhere = std::make_shared<const std::vector<float>>(whole.features);
  data::Dataset mapped = whole;
  mapped.features.clear();
  mapped.mapped.are_floats = true;
  mapped.mapped.owners = {elsewhere};
  for (std::size_t i = 0; i < whole.size(); ++i) {
    mapped.mapped.rows.push_back(elsewhere->data() + 3 * i);
  }
  const ports::Evaluation expected = learned(options, whole, whole);
  const ports::Evaluation after = learned(options, mapped, mapped);
  EXPECT_GT(after.loss, 0);
  EXPECT_EQ(after.loss, expected.loss);
}

// The target is the brightness of the left column; of a mirrored image, it is on the right.
TEST(ValueTargetsTest, ImagesMayBeMirroredAndNormalizedByChannel) {
  data::Dataset set;
  set.shape = {2, 2, 2};
  set.target_width = 1;
  for (int i = 0; i < 64; ++i) {
    const auto left = static_cast<std::uint8_t>(4 * i);
    const auto right = static_cast<std::uint8_t>((37 * i + 11) % 256);
    set.pixels.insert(set.pixels.end(), {left, right, left, right, 51, 51, 51, 51});
    set.targets.push_back(static_cast<float>(4 * i) / 255);
  }
  TrainerOptions options = options_of(LossKind::kMeanSquaredError);
  options.model.input = set.shape;
  options.model.outputs = 1;
  options.local_steps = 1000;
  options.mean = {0.0, 0.2};
  options.std = {1.0, 0.5};
  const ports::Evaluation plain = learned(options, set, set);
  EXPECT_LT(plain.loss, 1e-3) << "the target is a feature, and the second channel is 0";
  options.augmentation.flip = true;
  const ports::Evaluation mirrored = learned(options, set, set);
  EXPECT_GT(mirrored.loss, 10 * plain.loss) << "half of the images show it on the other side";
}

TEST(ValueTargetsTest, OfClassesEachIsCounted) {
  data::Dataset classes;
  classes.shape = {1, 1, 3};
  classes.classes = 3;
  classes.labels = {0, 1, 1, 0, 1};
  classes.features.assign(15, 0.5f);
  TrainerOptions options = options_of(LossKind::kCrossEntropy);
  options.model.outputs = 4;
  options.top_k = 2;
  const auto trainer = TorchTrainer::create(options, classes, classes);
  ASSERT_TRUE(trainer) << trainer.error().message;
  std::vector<float> values((*trainer)->layout().parameter_count(), 0.0f);
  values[values.size() - 4 + 1] = 1;
  values[values.size() - 4 + 0] = -1;
  const auto evaluation = (*trainer)->evaluate(*copy_parameters(values), 0);
  ASSERT_TRUE(evaluation) << evaluation.error().message;
  EXPECT_DOUBLE_EQ(evaluation->accuracy.value(), 0.6);
  ASSERT_TRUE(evaluation->top_k);
  EXPECT_DOUBLE_EQ(evaluation->top_k->accuracy, 0.6);
  ASSERT_EQ(evaluation->per_class.size(), 3u) << "those that the data have";
  EXPECT_EQ(evaluation->per_class[0].right, 0u);
  EXPECT_EQ(evaluation->per_class[0].samples, 2u);
  EXPECT_EQ(evaluation->per_class[1].right, 3u);
  EXPECT_EQ(evaluation->per_class[1].samples, 3u);
  EXPECT_EQ(evaluation->per_class[2].samples, 0u);
}

TEST(ValueTargetsTest, TheLossSaysWhatTheDataMustHold) {
  data::Dataset classes;
  classes.shape = {1, 1, 3};
  classes.classes = 2;
  classes.labels = {0, 1};
  classes.features.assign(6, 0.0f);
  EXPECT_THAT(refusal(options_of(LossKind::kMeanSquaredError), classes, ErrorCode::kMismatch),
              HasSubstr("training set has classes, but train.loss = mean-squared-error"));
  EXPECT_THAT(refusal(options_of(LossKind::kCrossEntropy), plane(5, 1), ErrorCode::kMismatch),
              HasSubstr("training set has targets, but train.loss = cross-entropy takes classes"));
  TrainerOptions wide = options_of(LossKind::kMeanSquaredError);
  wide.model.outputs = 3;
  EXPECT_THAT(refusal(wide, plane(5, 1), ErrorCode::kMismatch),
              HasSubstr("has 2 targets, but the model has 3 outputs"));
  TrainerOptions narrow = options_of(LossKind::kCrossEntropy);
  narrow.model.outputs = 1;
  EXPECT_THAT(refusal(narrow, classes, ErrorCode::kInvalidArgument),
              HasSubstr("train.loss = cross-entropy: tells 2 classes or more apart"));
  data::Dataset beyond = sides(5, 1);
  beyond.targets[7] = 1.5f;
  EXPECT_THAT(
      refusal(options_of(LossKind::kBinaryCrossEntropy), beyond, ErrorCode::kInvalidArgument),
      HasSubstr("target 1 of sample 3 of the training set is 1.5"));
  beyond.targets[7] = NAN;
  EXPECT_THAT(refusal(options_of(LossKind::kMeanSquaredError), beyond, ErrorCode::kInvalidArgument),
              HasSubstr("must be finite"));
}

}  // namespace
}  // namespace skiptrain::learn
