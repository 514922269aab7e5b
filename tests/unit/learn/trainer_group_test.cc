#include "learn/trainer_group.h"

#include <malloc.h>

#include <atomic>
#include <future>
#include <limits>
#include <memory>
#include <ostream>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/torch_trainer.h"
#include "tests/unit/learn/quadrants.h"

namespace skiptrain::learn {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t kNodes = 7;
constexpr std::uint64_t kRounds = 3;
constexpr std::uint32_t kSamples = 140;

std::shared_ptr<const data::Dataset> shared_quadrants(std::size_t count, std::uint64_t seed) {
  return std::make_shared<const data::Dataset>(quadrants(count, seed));
}

TrainerGroup make_group(const TrainerOptions& options, GroupSizes sizes = {}) {
  auto group =
      TrainerGroup::create(options, shared_quadrants(kSamples, 1), shared_quadrants(100, 2), sizes);
  EXPECT_TRUE(group) << group.error().message;
  return std::move(*group);
}

// Shares of unequal size, whose samples lie apart.
std::vector<std::uint32_t> share_of(std::uint32_t node) {
  std::vector<std::uint32_t> share;
  for (std::uint32_t sample = node; sample < kSamples; sample += kNodes + node) {
    share.push_back(sample);
  }
  return share;
}

std::unique_ptr<ports::Trainer> handle_of(const TrainerGroup& group, std::uint32_t node) {
  auto handle = group.trainer(NodeId(node), share_of(node));
  EXPECT_TRUE(handle) << handle.error().message;
  return handle ? std::move(*handle) : nullptr;
}

// What a node's rounds come to, each starting where the last one ended.
struct Track {
  std::vector<std::vector<float>> parameters;
  std::vector<double> losses;
  bool operator==(const Track&) const = default;
};

// Appends one round; false if it failed.
bool advance(ports::Trainer& trainer, ParametersPtr& model, std::uint64_t round, Track& track) {
  const auto outcome = trainer.train({Round(round), model});
  if (!outcome) return false;
  model = outcome->parameters;
  track.parameters.push_back(copy(model));
  track.losses.push_back(outcome->mean_loss);
  return true;
}

// Each node alone: a TorchTrainer that has only the node's samples.
Track track_alone(TrainerOptions options, std::uint32_t node) {
  const data::Dataset all = quadrants(kSamples, 1);
  const std::size_t size = all.shape.value_count();
  data::Dataset own{all.shape, all.classes, {}, {}};
  for (const std::uint32_t sample : share_of(node)) {
    own.labels.push_back(all.labels[sample]);
    own.pixels.insert(own.pixels.end(), all.sample(sample), all.sample(sample) + size);
  }
  options.node = NodeId(node);
  const auto trainer = TorchTrainer::create(options, std::move(own), quadrants(100, 2));
  EXPECT_TRUE(trainer) << trainer.error().message;
  Track track;
  ParametersPtr model = (*trainer)->initial_parameters();
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    EXPECT_TRUE(advance(**trainer, model, round, track));
  }
  return track;
}

// All nodes through one group, round by round, pulled by `threads` threads.
std::vector<Track> tracks_in_group(const TrainerOptions& options, std::uint32_t workers,
                                   std::uint32_t threads) {
  const TrainerGroup group = make_group(options, {.workers = workers});
  std::vector<std::unique_ptr<ports::Trainer>> handles;
  for (std::uint32_t node = 0; node < kNodes; ++node) handles.push_back(handle_of(group, node));
  std::vector<ParametersPtr> models(kNodes, group.initial_parameters());
  std::vector<Track> tracks(kNodes);
  std::atomic<int> failures = 0;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    std::atomic<std::uint32_t> next = 0;
    std::vector<std::jthread> pulling;
    for (std::uint32_t i = 0; i < threads; ++i) {
      pulling.emplace_back([&] {
        for (std::uint32_t node = next++; node < kNodes; node = next++) {
          if (!advance(*handles[node], models[node], round, tracks[node])) ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  return tracks;
}

struct GroupCase {
  const char* name;
  const char* model;
  OptimizerOptions optimizer = {};
  bool keep_optimizer_state = false;
};
void PrintTo(const GroupCase& group_case, std::ostream* out) {
  *out << group_case.name;
}

class TrainerGroupBitsTest : public ::testing::TestWithParam<GroupCase> {};

TEST_P(TrainerGroupBitsTest, AreThoseOfATrainerOfItsOwnWhateverTheWorkersAndThreads) {
  TrainerOptions options = quadrant_options(GetParam().model);
  options.optimizer = GetParam().optimizer;
  options.keep_optimizer_state = GetParam().keep_optimizer_state;
  std::vector<Track> alone;
  for (std::uint32_t node = 0; node < kNodes; ++node) {
    alone.push_back(track_alone(options, node));
  }
  EXPECT_NE(alone[0].parameters.back(), alone[1].parameters.back());
  const struct {
    std::uint32_t workers;
    std::uint32_t threads;
  } cases[] = {{1, 1}, {2, 2}, {3, 3}, {2, 5}};
  for (const auto& [workers, threads] : cases) {
    const std::vector<Track> grouped = tracks_in_group(options, workers, threads);
    for (std::uint32_t node = 0; node < kNodes; ++node) {
      EXPECT_TRUE(grouped[node] == alone[node])
          << "node " << node << " with " << workers << " workers and " << threads << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, TrainerGroupBitsTest,
    ::testing::Values(GroupCase{"GnLenet", "gn-lenet"}, GroupCase{"Lenet5", "lenet5"},
                      GroupCase{"FemnistCnn", "femnist-cnn"},
                      GroupCase{"Momentum", "mlp", {.momentum = 0.9}},
                      GroupCase{"Adam", "mlp", {OptimizerKind::kAdam}},
                      GroupCase{"KeptAdamW", "mlp", {OptimizerKind::kAdamW}, true},
                      GroupCase{"KeptMomentum", "gn-lenet", {.momentum = 0.9}, true}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(TrainerGroupTest, XZeroIsOneBufferForAllAndThatOfATrainerOfItsOwn) {
  const TrainerGroup group = make_group(quadrant_options(), {.workers = 2});
  const auto a = handle_of(group, 0);
  const auto b = handle_of(group, 1);
  EXPECT_EQ(a->initial_parameters(), b->initial_parameters());
  EXPECT_EQ(a->initial_parameters(), group.initial_parameters());
  EXPECT_EQ(&a->layout(), &group.layout());
  const auto alone = TorchTrainer::create(quadrant_options(), quadrants(5, 1), quadrants(5, 2));
  ASSERT_TRUE(alone);
  EXPECT_EQ(copy(group.initial_parameters()), copy((*alone)->initial_parameters()));
}

TEST(TrainerGroupTest, NodesDoNotSeeEachOthersMomentum) {
  TrainerOptions options = quadrant_options();
  options.optimizer.momentum = 0.9;
  options.keep_optimizer_state = true;
  const TrainerGroup group = make_group(options);
  const ParametersPtr start = group.initial_parameters();
  const auto train = [&](ports::Trainer& trainer) {
    const auto outcome = trainer.train({Round(0), start});
    EXPECT_TRUE(outcome);
    return outcome ? copy(outcome->parameters) : std::vector<float>();
  };
  const auto a = handle_of(group, 0);
  const auto b = handle_of(group, 1);
  const auto first = train(*a);
  (void)train(*b);
  const auto second = train(*a);
  EXPECT_NE(second, first) << "a's momentum carries on";
  const TrainerGroup other = make_group(options);
  const auto undisturbed = handle_of(other, 0);
  EXPECT_EQ(train(*undisturbed), first);
  EXPECT_EQ(train(*undisturbed), second) << "b's round between a's two rounds left a trace";
}

TEST(TrainerGroupTest, AFailedRoundForgetsTheMomentumOfItsNodeOnly) {
  TrainerOptions options = quadrant_options();
  options.optimizer.momentum = 0.9;
  options.keep_optimizer_state = true;
  const TrainerGroup group = make_group(options);
  const auto a = handle_of(group, 0);
  const auto b = handle_of(group, 1);
  const ParametersPtr start = group.initial_parameters();
  Track first;
  Track second;
  ParametersPtr model = start;
  ASSERT_TRUE(advance(*a, model, 0, first));
  ParametersPtr model_b = start;
  ASSERT_TRUE(advance(*b, model_b, 0, second));
  std::vector<float> poison = copy(start);
  poison[0] = std::numeric_limits<float>::quiet_NaN();
  const auto failed = a->train({Round(1), copy_parameters(poison)});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kNumeric);
  // As at the very first call.
  Track again;
  model = start;
  ASSERT_TRUE(advance(*a, model, 0, again));
  EXPECT_TRUE(again == first);
  model_b = start;
  Track carried;
  ASSERT_TRUE(advance(*b, model_b, 0, carried));
  EXPECT_FALSE(carried == second) << "b kept its momentum";
}

TEST(TrainerGroupTest, TrainingAndEvaluationOverlapWithoutATrace) {
  const TrainerGroup group = make_group(quadrant_options("lenet5"), {.workers = 3});
  const auto reference = handle_of(group, 0);
  const ParametersPtr start = group.initial_parameters();
  const auto expected_loss = reference->evaluate(*start, 0);
  const auto expected_outcome = reference->train({Round(0), start});
  ASSERT_TRUE(expected_loss && expected_outcome);
  const std::vector<float> expected = copy(expected_outcome->parameters);
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&, i] {
        const auto handle = handle_of(group, 0);
        for (int repeat = 0; repeat < 10; ++repeat) {
          if ((i + repeat) % 2 == 0) {
            const auto outcome = handle->train({Round(0), start});
            if (!outcome || copy(outcome->parameters) != expected) ++wrong;
          } else {
            const auto evaluation = handle->evaluate(*start, 0);
            if (!evaluation || evaluation->loss != expected_loss->loss) ++wrong;
          }
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(TrainerGroupTest, EveryNodeMeasuresOnTheSameSubset) {
  const TrainerGroup group = make_group(quadrant_options(), {.workers = 2});
  const ParametersPtr start = group.initial_parameters();
  const auto a = handle_of(group, 0)->evaluate(*start, 40);
  const auto b = handle_of(group, 1)->evaluate(*start, 40);
  const auto whole = handle_of(group, 1)->evaluate(*start, 0);
  ASSERT_TRUE(a && b && whole);
  EXPECT_EQ(a->samples, 40u);
  EXPECT_EQ(whole->samples, 100u);
  EXPECT_EQ(a->loss, b->loss);
  EXPECT_NE(a->loss, whole->loss);
}

// Trains for ever, until it is cancelled.
struct EndlessRound {
  explicit EndlessRound(ports::Trainer& trainer)
      : result(std::async(std::launch::async, [this, &trainer] {
          return trainer.train({Round(0), trainer.initial_parameters(), stop.get_token()});
        })) {}
  ~EndlessRound() { stop.request_stop(); }

  std::stop_source stop;
  std::future<Result<ports::TrainOutcome>> result;
};

TrainerOptions endless_options() {
  TrainerOptions options = quadrant_options();
  options.local_steps = 1'000'000;
  return options;
}

TEST(TrainerGroupTest, ACallThatWaitsForAWorkerCanBeCancelled) {
  const TrainerGroup group = make_group(endless_options(), {.workers = 1});
  const auto a = handle_of(group, 0);
  const auto b = handle_of(group, 1);
  EndlessRound computing(*a);
  // Started second, it all but surely finds the only workspace taken; neither call ends by itself.
  EndlessRound waiting(*b);
  waiting.stop.request_stop();
  const auto outcome = waiting.result.get();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kUnavailable);
  computing.stop.request_stop();
  EXPECT_FALSE(computing.result.get());
}

TEST(TrainerGroupTest, AWorkspaceComesBackFromACallThatFailed) {
  const TrainerGroup group = make_group(endless_options(), {.workers = 1});
  const auto handle = handle_of(group, 0);
  {
    EndlessRound round(*handle);
    round.stop.request_stop();
    EXPECT_FALSE(round.result.get());
  }
  EXPECT_FALSE(handle->train({Round(0), copy_parameters(std::vector<float>(3))}));
  const auto evaluation = handle->evaluate(*group.initial_parameters(), 10);
  EXPECT_TRUE(evaluation) << evaluation.error().message;
}

TEST(TrainerGroupTest, AHandleOutlivesItsGroup) {
  std::unique_ptr<ports::Trainer> handle;
  Track expected;
  {
    const TrainerGroup group = make_group(quadrant_options());
    ParametersPtr model = group.initial_parameters();
    ASSERT_TRUE(advance(*handle_of(group, 3), model, 0, expected));
    handle = handle_of(group, 3);
  }
  Track track;
  ParametersPtr model = handle->initial_parameters();
  ASSERT_TRUE(advance(*handle, model, 0, track));
  EXPECT_TRUE(track == expected);
}

TEST(TrainerGroupTest, TrainedParametersComeFromThePoolAndGoBackToIt) {
  const TrainerGroup group = make_group(quadrant_options(), {.idle_buffers = 1});
  const auto handle = handle_of(group, 0);
  const void* first = nullptr;
  {
    const auto outcome = handle->train({Round(0), group.initial_parameters()});
    ASSERT_TRUE(outcome);
    first = outcome->parameters->values().data();
  }
  EXPECT_EQ(group.pool().acquire()->values().data(), first);
  EXPECT_EQ(group.pool().parameter_count(), group.layout().parameter_count());
}

TEST(TrainerGroupTest, AHandleTakesTensOfBytesAndItsSamples) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "another allocator than glibc's is at work";
#else
  TrainerOptions options = quadrant_options();
  options.optimizer.momentum = 0.9;
  const TrainerGroup group = make_group(options, {.workers = 2});
  constexpr std::size_t kHandles = 2000;
  std::vector<std::unique_ptr<ports::Trainer>> handles;
  handles.reserve(kHandles);
  const std::vector<std::uint32_t> share = share_of(0);
  const auto in_use = [] { return mallinfo2().uordblks; };
  const std::size_t before = in_use();
  for (std::size_t i = 0; i < kHandles; ++i) {
    handles.push_back(std::move(*group.trainer(NodeId(i), share)));
  }
  const double each = static_cast<double>(in_use() - before) / kHandles;
  const double samples = static_cast<double>(share.size() * sizeof share[0]);
  EXPECT_GT(each, samples);
  EXPECT_LT(each - samples, 160);
#endif
}

TEST(TrainerGroupTest, RefusesASampleThatIsNotThere) {
  const TrainerGroup group = make_group(quadrant_options());
  const auto handle = group.trainer(NodeId(7), {0, kSamples - 1, kSamples});
  ASSERT_FALSE(handle);
  EXPECT_EQ(handle.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(handle.error().message, HasSubstr("node 7: sample 140"));
  EXPECT_THAT(handle.error().message, HasSubstr("which has 140"));
}

TEST(TrainerGroupTest, ANodeWithoutSamplesOnlyEvaluates) {
  const TrainerGroup group = make_group(quadrant_options());
  auto handle = group.trainer(NodeId(0), {});
  ASSERT_TRUE(handle);
  const auto outcome = (*handle)->train({Round(0), group.initial_parameters()});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kPreconditionFailed);
  EXPECT_TRUE((*handle)->evaluate(*group.initial_parameters(), 10));
}

TEST(TrainerGroupTest, RefusesBadSizesOptionsAndData) {
  const auto data = shared_quadrants(5, 1);
  const auto refused = [&](TrainerOptions options, GroupSizes sizes) {
    const auto group = TrainerGroup::create(std::move(options), data, data, sizes);
    return group ? std::string("accepted") : group.error().message;
  };
  EXPECT_THAT(refused(quadrant_options(), {.workers = 0}), HasSubstr("0 workers: must be from 1"));
  EXPECT_THAT(refused(quadrant_options(), {.workers = kMaxWorkers + 1}), HasSubstr("1025 workers"));
  TrainerOptions options = quadrant_options();
  options.lr = 0;
  EXPECT_THAT(refused(options, {}), HasSubstr("train.lr"));
  options = quadrant_options();
  options.model.outputs = 3;
  EXPECT_THAT(refused(options, {}), HasSubstr("training labels name 4 classes"));
}

}  // namespace
}  // namespace skiptrain::learn
