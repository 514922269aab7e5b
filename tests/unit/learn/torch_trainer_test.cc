#include "learn/torch_trainer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/learn/quadrants.h"

namespace skiptrain::learn {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<TorchTrainer> make(const TrainerOptions& options, std::size_t train_size = 50) {
  auto trainer = TorchTrainer::create(options, quadrants(train_size, 1, options.model.input),
                                      quadrants(100, 2, options.model.input));
  EXPECT_TRUE(trainer) << trainer.error().message;
  return trainer ? std::move(*trainer) : nullptr;
}

ParametersPtr train(TorchTrainer& trainer, std::uint64_t round, ParametersPtr start) {
  const auto outcome = trainer.train({Round(round), std::move(start)});
  EXPECT_TRUE(outcome) << outcome.error().message;
  return outcome ? outcome->parameters : nullptr;
}

class TorchTrainerModelTest : public ::testing::TestWithParam<const char*> {};

TEST_P(TorchTrainerModelTest, Learns) {
  TrainerOptions options = quadrant_options(GetParam());
  options.local_steps = 150;
  options.lr = 0.1;
  const auto trainer = make(options, 200);
  const auto start = trainer->initial_parameters();
  const auto before = trainer->evaluate(*start, 0);
  ASSERT_TRUE(before) << before.error().message;
  const auto outcome = trainer->train({Round(0), start});
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->samples, 150u * 8);
  EXPECT_GT(outcome->duration.count(), 0);
  const auto after = trainer->evaluate(*outcome->parameters, 0);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->samples, 100u);
  EXPECT_LT(after->loss, 0.5 * before->loss);
  EXPECT_LT(outcome->mean_loss, before->loss);
  EXPECT_GT(after->accuracy, 0.9);
}

INSTANTIATE_TEST_SUITE_P(Models, TorchTrainerModelTest,
                         ::testing::Values("gn-lenet", "femnist-cnn", "lenet5", "mlp"),
                         [](const auto& model) {
                           std::string name = model.param;
                           std::erase(name, '-');
                           return name;
                         });

// The same set as floats, normalized as the trainer does it to pixels.
data::Dataset as_floats(const data::Dataset& pixels, const TrainerOptions& options) {
  data::Dataset floats{pixels.shape, pixels.classes, {}, pixels.labels};
  for (const std::uint8_t pixel : pixels.pixels) {
    floats.features.push_back(static_cast<float>(
        (static_cast<double>(pixel) / 255.0 - options.mean[0]) / options.std[0]));
  }
  return floats;
}

TEST(TorchTrainerTest, FloatsAreLearnedAsTheyAre) {
  const TrainerOptions options = quadrant_options();
  const auto pixels = make(options);
  const data::ImageShape shape = options.model.input;
  const auto floats = TorchTrainer::create(options, as_floats(quadrants(50, 1, shape), options),
                                           as_floats(quadrants(100, 2, shape), options));
  ASSERT_TRUE(floats) << floats.error().message;
  const ParametersPtr x = train(*pixels, 0, pixels->initial_parameters());
  const ParametersPtr y = train(**floats, 0, (*floats)->initial_parameters());
  EXPECT_EQ(copy(x), copy(y));
  const auto a = pixels->evaluate(*x, 0);
  const auto b = (*floats)->evaluate(*y, 0);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->loss, b->loss);
  EXPECT_EQ(a->accuracy, b->accuracy);
}

TEST(TorchTrainerTest, LabelsMayBeLargerThanAByte) {
  TrainerOptions options = quadrant_options();
  options.model.outputs = 300;
  options.local_steps = 200;
  options.lr = 0.1;
  data::Dataset train_set = quadrants(100, 1);
  data::Dataset test_set = quadrants(100, 2);
  for (data::Dataset* set : {&train_set, &test_set}) {
    set->classes = 300;
    for (data::Label& label : set->labels) label = static_cast<data::Label>(label + 280);
  }
  const auto trainer = TorchTrainer::create(options, train_set, test_set);
  ASSERT_TRUE(trainer) << trainer.error().message;
  const auto result =
      (*trainer)->evaluate(*train(**trainer, 0, (*trainer)->initial_parameters()), 0);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_GT(result->accuracy, 0.9);
}

TEST(TorchTrainerTest, EveryOptimizerLearns) {
  const OptimizerOptions optimizers[] = {
      {.momentum = 0.5, .nesterov = true},
      {.kind = OptimizerKind::kAdam},
      {.kind = OptimizerKind::kAdamW, .weight_decay = 0.01},
  };
  for (const OptimizerOptions& optimizer : optimizers) {
    TrainerOptions options = quadrant_options();
    options.local_steps = 150;
    options.lr = optimizer.kind == OptimizerKind::kSgd ? 0.1 : 0.001;
    options.optimizer = optimizer;
    const auto trainer = make(options, 200);
    const auto evaluation =
        trainer->evaluate(*train(*trainer, 0, trainer->initial_parameters()), 0);
    ASSERT_TRUE(evaluation) << evaluation.error().message;
    EXPECT_GT(evaluation->accuracy, 0.9);
  }
}

TEST(TorchTrainerTest, OneSeedGivesTheSameBits) {
  for (const char* model : {"gn-lenet", "femnist-cnn"}) {
    const auto a = make(quadrant_options(model));
    const auto b = make(quadrant_options(model));
    EXPECT_EQ(copy(a->initial_parameters()), copy(b->initial_parameters()));
    ParametersPtr x = a->initial_parameters();
    ParametersPtr y = b->initial_parameters();
    for (std::uint64_t round = 0; round < 3; ++round) {
      x = train(*a, round, x);
      y = train(*b, round, y);
    }
    EXPECT_EQ(copy(x), copy(y)) << model;
  }
}

TEST(TorchTrainerTest, ARoundCanBeReplayedAlone) {
  const auto a = make(quadrant_options());
  const auto start = train(*a, 0, a->initial_parameters());
  const auto through = copy(train(*a, 1, start));
  const auto restarted = make(quadrant_options());
  EXPECT_EQ(copy(train(*restarted, 1, start)), through);
  EXPECT_NE(copy(train(*restarted, 2, start)), through) << "every round draws its own minibatches";
}

TEST(TorchTrainerTest, WhichThreadCallsDoesNotMatter) {
  const auto trainer = make(quadrant_options("gn-lenet"));
  const auto here = copy(train(*trainer, 0, trainer->initial_parameters()));
  std::vector<float> there;
  std::thread([&] { there = copy(train(*trainer, 0, trainer->initial_parameters())); }).join();
  EXPECT_EQ(here, there);
}

TEST(TorchTrainerTest, NodesShareTheStartButNotTheMinibatches) {
  TrainerOptions other = quadrant_options();
  other.node = NodeId(1);
  const auto a = make(quadrant_options());
  const auto b = make(other);
  EXPECT_EQ(copy(a->initial_parameters()), copy(b->initial_parameters()));
  EXPECT_NE(copy(train(*a, 0, a->initial_parameters())),
            copy(train(*b, 0, b->initial_parameters())));
}

TEST(TorchTrainerTest, TheSeedDecidesTheStart) {
  TrainerOptions other = quadrant_options();
  other.seed = 2;
  EXPECT_NE(copy(make(quadrant_options())->initial_parameters()),
            copy(make(other)->initial_parameters()));
}

TEST(TorchTrainerTest, TrainingLeavesTheStartUntouched) {
  const auto trainer = make(quadrant_options());
  const auto start = trainer->initial_parameters();
  const auto before = copy(start);
  const auto after = train(*trainer, 0, start);
  EXPECT_EQ(copy(start), before);
  EXPECT_NE(copy(after), before);
}

TEST(TorchTrainerTest, ZeroStepsChangeNothing) {
  TrainerOptions options = quadrant_options();
  options.local_steps = 0;
  const auto trainer = make(options);
  const auto start = trainer->initial_parameters();
  EXPECT_EQ(copy(train(*trainer, 0, start)), copy(start));
}

TEST(TorchTrainerTest, LocalEpochsPassOverTheWholeShare) {
  TrainerOptions options = quadrant_options();
  options.local_epochs = 2;
  const auto outcome = make(options)->train({Round(0), make(options)->initial_parameters()});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->samples, 100u);
}

TEST(TorchTrainerTest, OptimizerStateIsKeptOnlyOnRequest) {
  TrainerOptions options = quadrant_options();
  options.lr = 0.001;
  for (const OptimizerOptions& optimizer :
       {OptimizerOptions{.momentum = 0.9}, OptimizerOptions{.kind = OptimizerKind::kAdam}}) {
    options.optimizer = optimizer;
    options.keep_optimizer_state = false;
    const auto forgets = make(options);
    options.keep_optimizer_state = true;
    const auto keeps = make(options);
    const auto start = forgets->initial_parameters();
    const auto first = copy(train(*forgets, 0, start));
    EXPECT_EQ(copy(train(*forgets, 0, start)), first);
    EXPECT_EQ(copy(train(*keeps, 0, start)), first);
    EXPECT_NE(copy(train(*keeps, 0, start)), first) << "the state of the first call carries on";
  }
}

// What a round comes to whose rate is ordered, `lr` or not.
std::vector<float> trained_at(const TrainerOptions& options, std::uint64_t round,
                              std::optional<double> lr = {}) {
  const auto trainer = make(options);
  const auto outcome = trainer->train({Round(round), trainer->initial_parameters(), {}, lr});
  EXPECT_TRUE(outcome) << outcome.error().message;
  return outcome ? copy(outcome->parameters) : std::vector<float>();
}

TEST(TorchTrainerTest, TheScheduleIsMultipliedOntoTheBaseRateWhoeverSetIt) {
  const TrainerOptions plain = quadrant_options();
  TrainerOptions halving = plain;
  halving.lr_schedule = {.decay = core::LearningRateDecay::kStep, .step_size = 3, .gamma = 0.5};
  EXPECT_EQ(trained_at(halving, 2), trained_at(plain, 2)) << "before the first fall";
  EXPECT_EQ(trained_at(halving, 3), trained_at(plain, 3, plain.lr / 2));
  EXPECT_EQ(trained_at(halving, 6, 0.3), trained_at(plain, 6, 0.075)) << "of an ordered rate";
  EXPECT_NE(trained_at(halving, 3), trained_at(plain, 3));
  TrainerOptions cosine = plain;
  cosine.lr_schedule = {.decay = core::LearningRateDecay::kCosine, .total_rounds = 10};
  EXPECT_EQ(trained_at(cosine, 7),
            trained_at(plain, 7, plain.lr * cosine.lr_schedule.factor(Round(7))));
}

TEST(TorchTrainerTest, ClippedStepsAreNoLongerThanTheRateTimesTheNorm) {
  TrainerOptions options = quadrant_options();
  options.local_steps = 1;
  options.lr = 1;
  const std::vector<float> start = copy(make(options)->initial_parameters());
  const auto length = [&] {
    double squares = 0;
    const std::vector<float> end = trained_at(options, 0);
    for (std::size_t k = 0; k < end.size(); ++k) {
      squares += std::pow(static_cast<double>(end[k] - start[k]), 2);
    }
    return std::sqrt(squares);
  };
  const double free = length();
  options.clip_norm = free / 4;
  EXPECT_NEAR(length(), free / 4, 1e-4 * free);
  options.clip_norm = free * 4;
  EXPECT_EQ(length(), free);
}

TEST(TorchTrainerTest, DivergenceIsANumericErrorThatLeavesNoTrace) {
  TrainerOptions options = quadrant_options();
  options.lr = 1e30;
  options.optimizer.momentum = 0.5;
  options.keep_optimizer_state = true;
  const auto trainer = make(options);
  const auto start = trainer->initial_parameters();
  const auto before = copy(start);
  const auto outcome = trainer->train({Round(7), start});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kNumeric);
  EXPECT_THAT(outcome.error().message, HasSubstr("round 7"));
  EXPECT_EQ(copy(start), before);
  const auto evaluation = trainer->evaluate(*start, 0);
  ASSERT_TRUE(evaluation) << evaluation.error().message;
  EXPECT_TRUE(std::isfinite(evaluation->loss));
}

TEST(TorchTrainerTest, ANonFiniteStartIsANumericError) {
  const auto trainer = make(quadrant_options());
  std::vector<float> values = copy(trainer->initial_parameters());
  values[3] = std::numeric_limits<float>::quiet_NaN();
  const auto poisoned = copy_parameters(values);
  const auto outcome = trainer->train({Round(0), poisoned});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kNumeric);
  const auto evaluation = trainer->evaluate(*poisoned, 0);
  ASSERT_FALSE(evaluation);
  EXPECT_EQ(evaluation.error().code, ErrorCode::kNumeric);
}

TEST(TorchTrainerTest, RefusesParametersOfAnotherSize) {
  const auto trainer = make(quadrant_options());
  const auto wrong = copy_parameters(std::vector<float>(10));
  const auto outcome = trainer->train({Round(0), wrong});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(outcome.error().message, HasSubstr("10 parameters"));
  EXPECT_FALSE(trainer->evaluate(*wrong, 0));
}

TEST(TorchTrainerTest, ASubsetIsSeededAndOfTheSizeAskedFor) {
  const auto trainer = make(quadrant_options());
  const auto start = trainer->initial_parameters();
  const auto whole = trainer->evaluate(*start, 0);
  const auto part = trainer->evaluate(*start, 40);
  const auto again = trainer->evaluate(*start, 40);
  const auto more = trainer->evaluate(*start, 1000);
  ASSERT_TRUE(whole && part && again && more);
  EXPECT_EQ(part->samples, 40u);
  EXPECT_EQ(part->loss, again->loss);
  EXPECT_NE(part->loss, whole->loss);
  EXPECT_EQ(more->samples, 100u);
  EXPECT_EQ(more->loss, whole->loss);
}

// One linear layer whose weights are zero and whose biases are known: the loss follows by hand.
TEST(TorchTrainerTest, EvaluationIsMeanCrossEntropyAndTopOneAccuracy) {
  TrainerOptions options = quadrant_options();
  options.model.hidden = {};
  const auto trainer = make(options);
  std::vector<float> values(trainer->layout().parameter_count(), 0.0f);
  values[values.size() - 4 + 2] = 1;  // the bias of class 2
  const auto evaluation = trainer->evaluate(*copy_parameters(values), 0);
  ASSERT_TRUE(evaluation);
  const data::Dataset test = quadrants(100, 2);
  const auto twos = static_cast<double>(std::count(test.labels.begin(), test.labels.end(), 2));
  EXPECT_DOUBLE_EQ(evaluation->accuracy.value(), twos / 100);
  const double partition_function = std::log(3 + std::exp(1.0));
  EXPECT_NEAR(evaluation->loss, partition_function - twos / 100, 1e-6);
}

TEST(TorchTrainerTest, WithoutDataItSaysSo) {
  data::Dataset none = quadrants(0, 1);
  const auto trainer = TorchTrainer::create(quadrant_options(), none, none);
  ASSERT_TRUE(trainer) << trainer.error().message;
  const auto outcome = (*trainer)->train({Round(0), (*trainer)->initial_parameters()});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kPreconditionFailed);
  const auto evaluation = (*trainer)->evaluate(*(*trainer)->initial_parameters(), 0);
  ASSERT_FALSE(evaluation);
  EXPECT_EQ(evaluation.error().code, ErrorCode::kPreconditionFailed);
}

TEST(TorchTrainerTest, RefusesDataThatDoesNotSuitTheModel) {
  TrainerOptions small = quadrant_options();
  small.model.outputs = 3;
  const auto classes = TorchTrainer::create(small, quadrants(5, 1), quadrants(5, 1));
  ASSERT_FALSE(classes);
  EXPECT_EQ(classes.error().code, ErrorCode::kMismatch);
  const auto shape = TorchTrainer::create(quadrant_options(), quadrants(5, 1),
                                          quadrants(5, 1, {.height = 14, .width = 12}));
  ASSERT_FALSE(shape);
  EXPECT_THAT(shape.error().message, HasSubstr("test images are 1x14x12"));
  data::Dataset broken = quadrants(5, 1);
  broken.pixels.pop_back();
  EXPECT_FALSE(TorchTrainer::create(quadrant_options(), broken, quadrants(5, 1)));
  broken = quadrants(5, 1);
  broken.labels[0] = 9;
  EXPECT_FALSE(TorchTrainer::create(quadrant_options(), broken, quadrants(5, 1)));
}

TEST(TorchTrainerTest, RefusesOptionsOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::pair<const char*, std::function<void(TrainerOptions&)>>> cases = {
      {"not known", [](auto& o) { o.model.name = "x"; }},
      {"batch_size", [](auto& o) { o.batch_size = 0; }},
      {"batch_size", [](auto& o) { o.batch_size = 1'000'000; }},
      {"local_steps", [](auto& o) { o.local_steps = 2'000'000; }},
      {"lr", [](auto& o) { o.lr = 0; }},
      {"lr", [&](auto& o) { o.lr = nan; }},
      {"momentum", [](auto& o) { o.optimizer.momentum = 1; }},
      {"train.lr_step_size = 0",
       [](auto& o) { o.lr_schedule.decay = core::LearningRateDecay::kStep; }},
      {"clip_norm", [](auto& o) { o.clip_norm = -1; }},
      {"clip_norm", [&](auto& o) { o.clip_norm = nan; }},
      {"nesterov", [](auto& o) { o.optimizer.nesterov = true; }},
      {"beta1", [](auto& o) { o.optimizer.beta1 = 1; }},
      {"beta2", [&](auto& o) { o.optimizer.beta2 = nan; }},
      {"epsilon", [](auto& o) { o.optimizer.epsilon = 0; }},
      {"weight_decay", [](auto& o) { o.optimizer.weight_decay = -1; }},
      {"threads", [](auto& o) { o.threads = 0; }},
      {"std", [](auto& o) { o.std = {0}; }},
      {"mean", [&](auto& o) { o.mean = {nan}; }},
  };
  for (const auto& [part, spoil] : cases) {
    TrainerOptions options = quadrant_options();
    spoil(options);
    const auto trainer = TorchTrainer::create(options, quadrants(5, 1), quadrants(5, 1));
    ASSERT_FALSE(trainer) << "accepted; expected: " << part;
    EXPECT_EQ(trainer.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(trainer.error().message, HasSubstr(part));
  }
}

}  // namespace
}  // namespace skiptrain::learn
