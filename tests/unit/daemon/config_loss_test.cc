// What a config says about the loss, and what that needs of the data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/config_fixture.h"

namespace skiptrain::daemon {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& toml) {
  const auto config = parse(toml);
  EXPECT_FALSE(config.has_value()) << toml;
  return config ? "" : config.error().message;
}

std::string with(const std::string& more) {
  return kValidToml + more;
}

// A run on tables whose columns `data` and loss are.
std::string table_run(const std::string& data, const std::string& loss) {
  const std::size_t files = kValidToml.find("train_images");
  return kValidToml.substr(0, files) + "format = \"csv\"\ntrain_file = \"a\"\ntest_file = \"b\"\n" +
         data + "[train]\nloss = \"" + loss + "\"\n";
}

TEST(ConfigLossTest, ALossOnNumbersNeedsSuchData) {
  EXPECT_TRUE(parse(table_run("target_columns = [\"y\", \"z\"]\n", "mean-squared-error")));
  EXPECT_TRUE(parse(table_run("partition = \"all\"\n", "binary-cross-entropy")));
  EXPECT_THAT(refusal(table_run("partition = \"users\"\n", "mean-squared-error")),
              HasSubstr("data.partition = \"users\": must be another with data.format = \"csv\""));
  EXPECT_THAT(
      refusal(table_run("partition = \"shards:2\"\n", "mean-squared-error")),
      HasSubstr("data.partition = \"shards:2\": must be iid or all, since with train.loss = "
                "\"mean-squared-error\" samples have numbers in place of classes"));
  EXPECT_THAT(refusal(with("[train]\nloss = \"mean-squared-error\"\n")),
              HasSubstr(std::string(kFile) +
                        ":27: train.loss = \"mean-squared-error\": needs data.format = \"npy\", "
                        "\"npz\", \"torch\" or \"csv\", since files of format idx hold classes"));
  EXPECT_THAT(refusal(table_run("target_columns = [\"y\"]\n", "cross-entropy")),
              HasSubstr("]: must be left out with train.loss = "
                        "\"cross-entropy\", which learns the class in data.label_column"));
  EXPECT_THAT(
      refusal(table_run("label_column = \"a\"\ntarget_columns = [\"y\"]\n", "mean-squared-error")),
      HasSubstr("data.label_column = \"a\": must be left out when data.target_columns"));
  EXPECT_THAT(refusal(table_run("", "mean-squared-error") + "[round]\nevaluate_top_k = 3\n"),
              HasSubstr("round.evaluate_top_k = 3: must be left out with train.loss"));
  EXPECT_THAT(refusal(with("target_columns = [\"y\"]\n[train]\nloss = \"mean-squared-error\"\n")),
              HasSubstr("must be left out with data.format = \"idx\"; it is for csv"));
}

TEST(ConfigLossTest, NumbersMayBeHeldOutAndComeFromTorch) {
  const std::size_t files = kValidToml.find("train_images");
  const std::string text = kValidToml.substr(0, files) +
                           "format = \"torch\"\ntrain_file = \"a\"\nheld_out = 0.25\n"
                           "[train]\nloss = \"mean-squared-error\"\n";
  const auto config = parse(text);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->data.held_out, 0.25);
  EXPECT_EQ(config->train.loss, Loss::kMeanSquaredError);
}

TEST(ConfigLossTest, RefusesWhatIsNone) {
  const std::pair<const char*, const char*> cases[] = {
      {"[train]\nloss = \"hinge\"\n",
       "train.loss = \"hinge\": must be one of \"cross-entropy\", \"binary-cross-entropy\", "
       "\"mean-squared-error\""},
      {"[round]\nevaluate_top_k = -1\n",
       "round.evaluate_top_k = -1: must be an integer from 0 to 65536"},
      {"target_columns = [\"\"]\n", "data.target_columns = "},
  };
  for (const auto& [toml, message] : cases) {
    EXPECT_THAT(refusal(with(toml)), HasSubstr(message)) << toml;
  }
}

TEST(ConfigLossTest, IsPartOfTheRunAndWrittenOut) {
  const auto squared = parse(table_run("target_columns = [\"y\", \"z\"]\n", "mean-squared-error"));
  const auto binary = parse(table_run("target_columns = [\"y\", \"z\"]\n", "binary-cross-entropy"));
  const auto fewer = parse(table_run("target_columns = [\"y\"]\n", "mean-squared-error"));
  ASSERT_TRUE(squared && binary && fewer);
  EXPECT_EQ(squared->train.loss, Loss::kMeanSquaredError);
  EXPECT_EQ(squared->data.target_columns, (std::vector<std::string>{"y", "z"}));
  EXPECT_NE(run_fingerprint(*squared), run_fingerprint(*binary));
  EXPECT_NE(run_fingerprint(*squared), run_fingerprint(*fewer));
  const auto again = parse(to_toml(*squared));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, *squared);
}

}  // namespace
}  // namespace skiptrain::daemon
