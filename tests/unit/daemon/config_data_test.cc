// What [data] says of values, held-out samples and augmentation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/config_fixture.h"

namespace skiptrain::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Config valid(const std::string& toml) {
  auto config = parse(toml);
  EXPECT_TRUE(config) << config.error().message;
  return config ? *config : Config{};
}

std::string refusal(const std::string& toml) {
  const auto config = parse(toml);
  EXPECT_FALSE(config) << toml;
  return config ? "" : config.error().message;
}

constexpr const char* kTestFiles = "test_images = \"vi\"\ntest_labels = \"vl\"\n";
constexpr const char* kIdxKeys =
    "train_images = \"ti\"\ntrain_labels = \"tl\"\ntest_images = \"vi\"\ntest_labels = \"vl\"\n";

void expect_round_trip(const Config& config) {
  const auto again = parse(to_toml(config));
  ASSERT_TRUE(again) << again.error().message << "\n" << to_toml(config);
  EXPECT_EQ(*again, config);
}

TEST(ConfigDataTest, NormalizationIsANumberOrAListForTheChannels) {
  const Config one = valid(kValidToml + "mean = 0\nstd = 0.5\n");
  EXPECT_THAT(one.data.mean, ElementsAre(0.0));
  EXPECT_THAT(one.data.std, ElementsAre(0.5));
  const Config three = valid(kValidToml + "mean = [0.4914, 0.4822, 0.4465]\nstd = [1, 2, 3]\n");
  EXPECT_THAT(three.data.mean, ElementsAre(0.4914, 0.4822, 0.4465));
  EXPECT_THAT(three.data.std, ElementsAre(1.0, 2.0, 3.0));
  EXPECT_THAT(valid(kValidToml + "mean = [0, 0.5]\n").data.mean, ElementsAre(0.0, 0.5));
  expect_round_trip(one);
  expect_round_trip(three);
  EXPECT_NE(run_fingerprint(one), run_fingerprint(three));
  EXPECT_THAT(refusal(kValidToml + "mean = []\n"), HasSubstr("data.mean = []: must be"));
  EXPECT_THAT(refusal(kValidToml + "std = [0.1, 0]\n"),
              HasSubstr("must be a number above 0, or a list of up to 64"));
  EXPECT_THAT(refusal(kValidToml + "mean = [0.1, \"x\"]\n"), HasSubstr("must be a finite number"));
  EXPECT_THAT(refusal(kValidToml + "mean = [0.1, 0.2]\nstd = [1, 2, 3]\n"),
              HasSubstr("data.std = [ 1, 2, 3 ]: must be as many as data.mean lists, 2"));
}

TEST(ConfigDataTest, AugmentationIsATableWithin) {
  const Config off = valid(kValidToml);
  EXPECT_FALSE(off.data.augment_flip);
  EXPECT_EQ(off.data.augment_crop_padding, 0u);
  for (const std::string& text : {kValidToml + "augment = { flip = true, crop_padding = 4 }\n",
                                  kValidToml + "augment.flip = true\naugment.crop_padding = 4\n",
                                  kValidToml + "[data.augment]\nflip = true\ncrop_padding = 4\n"}) {
    const Config on = valid(text);
    EXPECT_TRUE(on.data.augment_flip) << text;
    EXPECT_EQ(on.data.augment_crop_padding, 4u) << text;
    expect_round_trip(on);
    EXPECT_NE(run_fingerprint(on), run_fingerprint(off));
  }
  const std::string at = std::string(kFile) + ":26: ";
  EXPECT_EQ(refusal(kValidToml + "augment = { flp = true }\n"),
            at + "data.augment.flp: unknown key; did you mean \"flip\"?");
  EXPECT_EQ(refusal(kValidToml + "augment = { crop_padding = 65 }\n"),
            at + "data.augment.crop_padding = 65: must be an integer from 0 to 64");
  EXPECT_EQ(refusal(kValidToml + "augment = true\n"),
            at + "data.augment = true: must be a table, such as { flip = ... }");
  EXPECT_EQ(refusal(kValidToml + "augmnt = { flip = true }\n"),
            at + "data.augmnt: unknown key; did you mean \"augment\"?");
}

TEST(ConfigDataTest, HeldOutSamplesTakeThePlaceOfTestFiles) {
  const Config config = valid(edited(kTestFiles, "held_out = 0.1\n"));
  EXPECT_EQ(config.data.held_out, 0.1);
  expect_round_trip(config);
  EXPECT_THAT(refusal(kValidToml + "held_out = 0.1\n"),
              HasSubstr("data.test_images = \"vi\": must be left out with data.held_out"));
  EXPECT_THAT(refusal(edited(kTestFiles, "")), HasSubstr("data.test_images: must be set"));
  EXPECT_THAT(refusal(edited(kTestFiles, "held_out = 1\n")),
              HasSubstr("data.held_out = 1: must be a number from 0 to below 1"));
  const Config folder =
      valid(edited(kIdxKeys, "format = \"images\"\ndirectory = \"pets\"\nheld_out = 0.2\n"));
  EXPECT_EQ(folder.data.directory, "/etc/skiptrain/pets");
}

TEST(ConfigDataTest, TorchFilesAndFoldersHaveTheirKeys) {
  const Config torch =
      valid(edited(kIdxKeys,
                   "format = \"torch\"\ntrain_file = \"d.pt\"\ntest_file = \"d.pt\"\n"
                   "train_arrays = [\"0\", \"1\"]\n"));
  EXPECT_EQ(torch.data.format, data::Format::kTorch);
  expect_round_trip(torch);
  EXPECT_THAT(refusal(edited(kIdxKeys, "format = \"torch\"\n")),
              HasSubstr("data.train_file: must be set (file of torch.save)"));
  EXPECT_THAT(refusal(edited(kIdxKeys, "format = \"leaf\"\n")),
              HasSubstr("data.directory: must be set (the folder with the files of"));
}

TEST(ConfigDataTest, OnlyLeafSaysWhoTheUsersAre) {
  const Config leaf =
      valid(edited(kIdxKeys, "format = \"leaf\"\ndirectory = \"d\"\npartition = \"users\"\n"));
  EXPECT_EQ(leaf.data.partition, "users");
  EXPECT_THAT(refusal(kValidToml + "partition = \"users\"\n"),
              HasSubstr("data.partition = \"users\": must be another with data.format = \"idx\""));
}

}  // namespace
}  // namespace skiptrain::daemon
