#include "data/csv_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/data/data_files.h"

namespace skiptrain::data {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CsvLoaderTest : public DataFilesTest {
 protected:
  std::string csv(const std::string& name, const std::string& text) const {
    return write(name, ByteString(text.begin(), text.end()));
  }
  // By the opened tables, as the files are loaded.
  static Result<Dataset> load_csv(const CsvSet& set, std::size_t file,
                                  const LoadOptions& options = {}) {
    const auto tables = CsvTables::open(set, options.targets);
    if (!tables) return tl::unexpected<Error>(tables.error());
    return tables->load(file, options);
  }
  CsvSet set(const std::string& train, const std::string& test) const {
    return {{csv("train.csv", train), csv("test.csv", test)}, "y", {}};
  }
  std::string refusal(const CsvSet& set, ErrorCode code, const LoadOptions& options = {}) const {
    const auto loaded = load_csv(set, 0, options);
    EXPECT_FALSE(loaded);
    if (loaded) return "";
    EXPECT_EQ(loaded.error().code, code) << loaded.error().message;
    return loaded.error().message;
  }
};

TEST_F(CsvLoaderTest, LoadsEachFileOfASet) {
  const CsvSet both = set("a,y,b\n1,2,3\n4,0,5\n", "a,y,b\n6,9,7\n");
  const auto train = load_csv(both, 0);
  ASSERT_TRUE(train) << train.error().message;
  EXPECT_TRUE(train->validate());
  EXPECT_EQ(train->shape, (ImageShape{1, 1, 2}));
  EXPECT_THAT(features_of(*train), ElementsAre(1, 3, 4, 5));
  EXPECT_THAT(train->labels, ElementsAre(2, 0));
  EXPECT_EQ(train->classes, 10u) << "those of the other file, too";
  const auto test = load_csv(both, 1);
  ASSERT_TRUE(test) << test.error().message;
  EXPECT_THAT(features_of(*test), ElementsAre(6, 7));
  EXPECT_THAT(test->labels, ElementsAre(9));
}

TEST_F(CsvLoaderTest, ANameIsTheSameClassInAllFiles) {
  const CsvSet both = set("a,y\n1,cat\n2,dog\n", "a,y\n1,dog\n2,ant\n");
  const auto train = load_csv(both, 0);
  ASSERT_TRUE(train) << train.error().message;
  EXPECT_THAT(train->labels, ElementsAre(1, 2));
  const auto test = load_csv(both, 1);
  ASSERT_TRUE(test) << test.error().message;
  EXPECT_THAT(test->labels, ElementsAre(2, 0));
  EXPECT_EQ(test->classes, 3u);
}

TEST_F(CsvLoaderTest, DealsEachRowToOneNode) {
  std::string text = "y,a,b\n";
  for (int i = 0; i < 220; ++i) {
    text += "class " + std::to_string(i % 7) + "," + std::to_string(i) + ",0\n";
  }
  const CsvSet both = set(text, "y,a,b\nclass 0,1,2\n");
  std::vector<int> seen(220);
  for (std::uint32_t position = 0; position < 3; ++position) {
    const auto share = load_csv(both, 0, {.partition = LabelShards{2}, .seat = {position, 3, 5}});
    ASSERT_TRUE(share) << share.error().message;
    EXPECT_TRUE(share->validate());
    EXPECT_LT(share->size(), 100u);
    for (std::size_t i = 0; i < share->size(); ++i) {
      const auto number = static_cast<std::size_t>(share->float_sample(i)[0]);
      EXPECT_EQ(share->labels[i], number % 7);
      ++seen[number];
    }
  }
  EXPECT_THAT(seen, Each(1));
}

TEST_F(CsvLoaderTest, RefusesFilesOfDifferentColumns) {
  EXPECT_THAT(refusal(set("a,b,y\n1,2,0\n", "y,a,c\n0,1,2\n"), ErrorCode::kMismatch),
              HasSubstr("test.csv:1: feature 2 is \"c\", but \"b\" in " + path("train.csv")));
  EXPECT_THAT(refusal(set("a,b,y\n1,2,0\n", "a,y\n1,0\n"), ErrorCode::kMismatch),
              HasSubstr("feature 2 is missing, but \"b\""));
  EXPECT_THAT(refusal(set("a,y\n1,0\n", "a,b,y\n1,2,0\n"), ErrorCode::kMismatch),
              HasSubstr("feature 2 is \"b\", but missing in"));
}

TEST_F(CsvLoaderTest, RefusesMoreFeaturesThanASampleMayHave) {
  std::string header = "y";
  std::string row = "0";
  for (int i = 0; i < 4097; ++i) {
    header += ",f" + std::to_string(i);
    row += ",0";
  }
  const std::string text = header + "\n" + row + "\n";
  EXPECT_THAT(refusal(set(text, text), ErrorCode::kResourceExhausted),
              HasSubstr("4097 features: must be from 1 to 4096"));
}

TEST_F(CsvLoaderTest, ColumnsOfNumbersAreTargets) {
  CsvSet both = set("a,y,b,z\n1,0.5,3,-2\n4,7,5,1e3\n", "a,y,b,z\n6,9,7,0\n");
  const LoadOptions values{.targets = TargetKind::kValues};
  const auto one = load_csv(both, 0, values);
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_TRUE(one->validate());
  EXPECT_THAT(one->features, ElementsAre(1, 3, -2, 4, 5, 1000)) << "the label column is learned";
  EXPECT_THAT(one->targets, ElementsAre(0.5, 7));
  EXPECT_EQ(one->target_width, 1u);
  both.target_columns = {"z", "y"};
  const auto two = load_csv(both, 0, values);
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_TRUE(two->validate());
  EXPECT_EQ(two->shape, (ImageShape{1, 1, 2}));
  EXPECT_THAT(two->features, ElementsAre(1, 3, 4, 5));
  EXPECT_THAT(two->targets, ElementsAre(-2, 0.5, 1000, 7)) << "in the order of target_columns";
  EXPECT_EQ(two->size(), 2u);
  const auto last =
      load_csv(both, 0, {.partition = Iid{}, .seat = {0, 2, 1}, .targets = values.targets});
  ASSERT_TRUE(last) << last.error().message;
  ASSERT_EQ(last->size(), 1u);
  EXPECT_EQ(last->target(0)[0], last->features[0] == 1 ? -2 : 1000);
}

TEST_F(CsvLoaderTest, RefusesTargetsThatAreNone) {
  const LoadOptions values{.targets = TargetKind::kValues};
  const LoadOptions fractions{.targets = TargetKind::kFractions};
  const std::string good = "a,y\n1,0\n";
  EXPECT_THAT(refusal(set("a,y\n1,0\n2,nan\n", good), ErrorCode::kNumeric, values),
              HasSubstr("train.csv:3: column \"y\": \"nan\": must be a finite number"));
  EXPECT_THAT(refusal(set("a,y\n1,cat\n", good), ErrorCode::kInvalidArgument, values),
              HasSubstr("train.csv:2: column \"y\": \"cat\": must be a number"));
  EXPECT_THAT(refusal(set("a,y\n1,1.5\n", good), ErrorCode::kInvalidArgument, fractions),
              HasSubstr("train.csv:2: column \"y\": \"1.5\": must be from 0 to 1"));
  EXPECT_THAT(refusal(set("a,y\n", good), ErrorCode::kInvalidArgument, values),
              HasSubstr("holds no rows"));
  EXPECT_THAT(refusal(set("a,y\n1,0\n", "b,y\n1,0\n"), ErrorCode::kMismatch, values),
              HasSubstr("test.csv:1: feature 1 is \"b\", but \"a\""));
  CsvSet several = set(good, good);
  several.target_columns = {"y", "z"};
  EXPECT_THAT(refusal(several, ErrorCode::kNotFound, values),
              HasSubstr("there is no column \"z\" for the targets; there are \"a\", \"y\""));
  several.target_columns = {"y", "y"};
  EXPECT_THAT(refusal(several, ErrorCode::kInvalidArgument, values), HasSubstr("asked for twice"));
  several.target_columns = {"y", "a"};
  EXPECT_THAT(refusal(several, ErrorCode::kInvalidArgument, values),
              HasSubstr("there must be a column of features beside \"y\", \"a\""));
}

TEST_F(CsvLoaderTest, PassesTheReadersErrorsOn) {
  EXPECT_THAT(refusal(set("a,y\n1,0\n", "a,z\n1,0\n"), ErrorCode::kNotFound),
              HasSubstr("test.csv:1: there is no column \"y\""));
  EXPECT_THAT(refusal(set("a,y\n,0\n", "a,y\n1,0\n"), ErrorCode::kInvalidArgument),
              HasSubstr("train.csv:2: column \"a\": is empty"));
}

}  // namespace
}  // namespace skiptrain::data
