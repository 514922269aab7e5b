#include "learn/augmentation.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/torch_trainer.h"
#include "tests/unit/learn/quadrants.h"

namespace skiptrain::learn {
namespace {

using ::testing::HasSubstr;

using Floats = std::vector<float>;

// Two channels of 2 rows and 3 columns.
constexpr data::ImageShape kShape{2, 2, 3};
const Floats kImage = {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60};
const Floats kMirrored = {3, 2, 1, 6, 5, 4, 30, 20, 10, 60, 50, 40};

// What one image became in each of `draws` draws, and how often.
std::map<Floats, int> outcomes(const AugmentationOptions& options, int draws,
                               const Floats& fill = {-1, -2}) {
  Augmentation augmentation(options, kShape, fill);
  augmentation.begin_round(7);
  std::map<Floats, int> seen;
  for (int i = 0; i < draws; ++i) {
    Floats image = kImage;
    augmentation.apply(image);
    ++seen[image];
  }
  return seen;
}

// Moved down and to the right within a frame of padding.
Floats moved(const Floats& image, int down, int right, const Floats& fill) {
  Floats out;
  for (int channel = 0; channel < 2; ++channel) {
    for (int y = 0; y < 2; ++y) {
      for (int x = 0; x < 3; ++x) {
        const int from_y = y - down;
        const int from_x = x - right;
        const bool inside = from_y >= 0 && from_y < 2 && from_x >= 0 && from_x < 3;
        out.push_back(inside ? image[static_cast<std::size_t>(channel * 6 + from_y * 3 + from_x)]
                             : fill[static_cast<std::size_t>(channel)]);
      }
    }
  }
  return out;
}

TEST(AugmentationTest, OffItChangesNothing) {
  EXPECT_EQ(outcomes({}, 10), (std::map<Floats, int>{{kImage, 10}}));
}

TEST(AugmentationTest, FlipsHalfOfTheImages) {
  const auto seen = outcomes({.flip = true}, 1000);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_NEAR(seen.at(kMirrored), 500, 80);
  EXPECT_TRUE(seen.contains(kImage));
}

TEST(AugmentationTest, CropsAtEveryPlaceOfTheFrame) {
  // A padding wider than the image: all of it may be gone.
  for (const int padding : {1, 4}) {
    const auto seen =
        outcomes({.flip = true, .crop_padding = static_cast<std::uint32_t>(padding)}, 20'000);
    std::map<Floats, int> places;
    for (const Floats& image : {kImage, kMirrored}) {
      for (int down = -padding; down <= padding; ++down) {
        for (int right = -padding; right <= padding; ++right) {
          ++places[moved(image, down, right, {-1, -2})];
        }
      }
    }
    const int all = 2 * (2 * padding + 1) * (2 * padding + 1);
    ASSERT_EQ(seen.size(), places.size());
    for (const auto& [image, count] : places) {
      ASSERT_TRUE(seen.contains(image));
      EXPECT_NEAR(seen.at(image), 20'000.0 * count / all, 4000.0 * count / all + 40);
    }
  }
}

TEST(AugmentationTest, EachImageOfAMinibatchHasItsOwnDraw) {
  Augmentation augmentation({.flip = true}, kShape, {0, 0});
  augmentation.begin_round(3);
  Floats images;
  for (int i = 0; i < 64; ++i) images.insert(images.end(), kImage.begin(), kImage.end());
  augmentation.apply(images);
  int mirrored = 0;
  for (std::size_t i = 0; i < 64; ++i) mirrored += images[i * kImage.size()] == 3;
  EXPECT_GT(mirrored, 16);
  EXPECT_LT(mirrored, 48);
}

TEST(AugmentationTest, FollowsFromTheSeedOfTheRound) {
  const auto drawn = [](std::uint64_t seed) {
    Augmentation augmentation({.flip = true, .crop_padding = 2}, kShape, {0, 0});
    augmentation.begin_round(seed);
    Floats images;
    for (int i = 0; i < 16; ++i) images.insert(images.end(), kImage.begin(), kImage.end());
    augmentation.apply(images);
    return images;
  };
  EXPECT_EQ(drawn(1), drawn(1));
  EXPECT_NE(drawn(1), drawn(2));
}

TEST(AugmentationTest, RefusesSamplesThatAreNoImages) {
  const Status row = validate(AugmentationOptions{.flip = true}, {1, 1, 30});
  ASSERT_FALSE(row);
  EXPECT_THAT(row.error().message, HasSubstr("data.augment: the samples are 1x1x30, no images"));
  EXPECT_TRUE(validate(AugmentationOptions{}, {1, 1, 30}));
  EXPECT_FALSE(validate(AugmentationOptions{.crop_padding = 65}, {1, 28, 28}));
}

Floats trained(const TrainerOptions& options, std::uint64_t round, const data::Dataset& train) {
  auto trainer = TorchTrainer::create(options, train, {});
  EXPECT_TRUE(trainer) << trainer.error().message;
  const auto outcome =
      (*trainer)->train({.round = Round(round), .start = (*trainer)->initial_parameters()});
  EXPECT_TRUE(outcome) << outcome.error().message;
  return copy(outcome->parameters);
}

TEST(AugmentedTrainingTest, RoundsDifferAndReplay) {
  TrainerOptions options = quadrant_options();
  const data::Dataset train = quadrants(64, 1);
  const Floats plain = trained(options, 3, train);
  options.augmentation = {.flip = true, .crop_padding = 2};
  const Floats augmented = trained(options, 3, train);
  EXPECT_NE(augmented, plain);
  EXPECT_EQ(trained(options, 3, train), augmented);
  EXPECT_NE(trained(options, 4, train), augmented);
}

TEST(AugmentedTrainingTest, EvaluationSeesTheImagesAsTheyAre) {
  TrainerOptions options = quadrant_options();
  const auto evaluated = [&] {
    auto trainer = TorchTrainer::create(options, quadrants(8, 1), quadrants(40, 2));
    return (*trainer)->evaluate(*(*trainer)->initial_parameters(), 0)->loss;
  };
  const double plain = evaluated();
  options.augmentation = {.flip = true, .crop_padding = 4};
  EXPECT_EQ(evaluated(), plain);
}

TEST(ChannelNormalizationTest, EachChannelHasItsOwn) {
  TrainerOptions options = quadrant_options();
  const data::ImageShape shape{2, 12, 12};
  options.model.input = shape;
  options.mean = {0.2, 0.6};
  options.std = {0.5, 0.1};
  const data::Dataset pixels = quadrants(32, 1, shape);
  data::Dataset floats{shape, pixels.classes, {}, pixels.labels};
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    for (std::size_t k = 0; k < shape.value_count(); ++k) {
      const std::size_t channel = k / 144;
      floats.features.push_back(static_cast<float>(
          (pixels.sample(i)[k] / 255.0 - options.mean[channel]) / options.std[channel]));
    }
  }
  EXPECT_EQ(trained(options, 0, pixels), trained(options, 0, floats));
  options.std = {0.5};
  EXPECT_NE(trained(options, 0, pixels), trained(options, 0, floats)) << "one for all channels";
}

TEST(ChannelNormalizationTest, RefusesAnotherNumberThanThereAreChannels) {
  TrainerOptions options = quadrant_options();
  options.mean = {0.1, 0.2, 0.3};
  const Status status = validate(options);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message,
              HasSubstr("data.mean lists 3 numbers, but the images have 1 channels"));
}

}  // namespace
}  // namespace skiptrain::learn
