#include "data/leaf_reader.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/data/data_files.h"

namespace skiptrain::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class LeafReaderTest : public DataFilesTest {
 protected:
  std::string json(const std::string& name, const std::string& text) const {
    return write(name, ByteString(text.begin(), text.end()));
  }
  static std::string user_data(const std::string& users) {
    return "{\"user_data\": {" + users + "}}";
  }
  void expect_refused(const std::string& text, ErrorCode code, const std::string& part) const {
    const std::string file = json("bad.json", text);
    const auto read = load_leaf({file});
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, code) << read.error().message;
    EXPECT_THAT(read.error().message, StartsWith(file + ": "));
    EXPECT_THAT(read.error().message, HasSubstr(part));
  }
};

constexpr const char* kTwoUsers =
    "{\"users\": [\"f1\", \"f2\"], \"num_samples\": [2, 1], \"hierarchies\": [[\"a\", {\"b\": 1}]],"
    "\"user_data\": {\"f1\": {\"x\": [[0.5, 1], [2, -3e-1]], \"y\": [4, 0]},"
    "\"f2\": {\"y\": [1], \"x\": [[6, 7]], \"note\": \"passed over\"}}}";

TEST_F(LeafReaderTest, ReadsRowsLabelsAndUsers) {
  const auto set = load_leaf({json("a.json", kTwoUsers)});
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_TRUE(set->validate());
  EXPECT_EQ(set->shape, (ImageShape{1, 1, 2}));
  EXPECT_THAT(features_of(*set), ElementsAre(.5, 1, 2, -.3f, 6, 7));
  EXPECT_THAT(set->labels, ElementsAre(4, 0, 1));
  EXPECT_THAT(set->users, ElementsAre(0, 0, 1));
  EXPECT_EQ(set->classes, 5u);
}

TEST_F(LeafReaderTest, RowsOfFemnistAreImages) {
  std::string row = "[0.25";
  for (int i = 1; i < 784; ++i) row += ", 1.0";
  const auto set =
      load_leaf({json("a.json", user_data("\"f\": {\"x\": [" + row + "]], \"y\": [61]}"))});
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->shape, (ImageShape{1, 28, 28}));
  EXPECT_EQ(set->float_sample(0)[0], .25);
  EXPECT_EQ(set->classes, 62u);
}

TEST_F(LeafReaderTest, AUserInSeveralFilesIsOne) {
  const auto set = load_leaf(
      {json("a.json",
            user_data("\"f1\": {\"x\": [[1]], \"y\": [0]}, \"f2\": {\"x\": [[2]], \"y\": [1]}")),
       json("b.json",
            user_data("\"f2\": {\"x\": [[3]], \"y\": [0]}, \"f3\": {\"x\": [[4]], \"y\": [1]}"))});
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_THAT(set->users, ElementsAre(0, 1, 1, 2));
  EXPECT_THAT(features_of(*set), ElementsAre(1, 2, 3, 4));
}

TEST_F(LeafReaderTest, DealsWholeUsers) {
  std::string users;
  for (int user = 0; user < 10; ++user) {
    users += (user > 0 ? ", \"u" : "\"u") + std::to_string(user) + "\": {\"x\": [";
    std::string labels;
    for (int row = 0; row <= user; ++row) {
      users += (row > 0 ? ", [" : "[") + std::to_string(100 * user + row) + "]";
      labels += (row > 0 ? ", " : "") + std::to_string(row % 3);
    }
    users += "], \"y\": [" + labels + "]}";
  }
  const std::string file = json("a.json", user_data(users));
  std::multiset<int> seen;
  for (std::uint32_t position = 0; position < 4; ++position) {
    const auto share = load_leaf({file}, {.partition = Users{}, .seat = {position, 4, 7}});
    ASSERT_TRUE(share) << share.error().message;
    EXPECT_TRUE(share->validate());
    const std::set<std::uint32_t> own(share->users.begin(), share->users.end());
    EXPECT_GE(own.size(), 2u);
    EXPECT_LE(own.size(), 3u);
    std::size_t rows = 0;
    for (const std::uint32_t user : own) rows += user + 1;
    EXPECT_EQ(share->size(), rows) << "users are dealt whole";
    for (std::size_t i = 0; i < share->size(); ++i) {
      const int value = static_cast<int>(*share->float_sample(i));
      EXPECT_EQ(share->users[i], static_cast<std::uint32_t>(value / 100));
      EXPECT_EQ(share->labels[i], value % 100 % 3);
      seen.insert(value);
    }
  }
  EXPECT_EQ(seen.size(), 55u);
  EXPECT_EQ(std::set<int>(seen.begin(), seen.end()).size(), 55u) << "every row goes to one node";
  const auto few = load_leaf({file}, {.partition = Users{}, .seat = {10, 11, 7}});
  ASSERT_FALSE(few);
  EXPECT_THAT(few.error().message, HasSubstr("use at most as many nodes as there are users"));
}

TEST_F(LeafReaderTest, RefusesWhatIsNoJson) {
  const std::string whole = kTwoUsers;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    expect_refused(whole.substr(0, size), ErrorCode::kCorrupt, "byte ");
  }
  expect_refused(user_data("\"f\": {\"x\": [[NaN]], \"y\": [0]}"), ErrorCode::kCorrupt,
                 "user \"f\": row 0: byte 29: not JSON");
  expect_refused(user_data("\"f\": {\"x\": [[1], [1e999]], \"y\": [0]}"), ErrorCode::kCorrupt,
                 "row 1: ");
}

TEST_F(LeafReaderTest, RefusesRowsThatDoNotFit) {
  expect_refused(user_data("\"f\": {\"x\": [[1, 2], [3]], \"y\": [0, 1]}"), ErrorCode::kMismatch,
                 "user \"f\": row 1: 1 values: must be 2");
  expect_refused(user_data("\"f\": {\"x\": [[]], \"y\": [0]}"), ErrorCode::kMismatch,
                 "row 0: 0 values");
  expect_refused(user_data("\"f\": {\"x\": [[1], [2]], \"y\": [0]}"), ErrorCode::kMismatch,
                 "user \"f\": 2 rows in \"x\", but 1 labels in \"y\"");
  expect_refused(user_data("\"f\": {\"x\": [[1], [1e300]], \"y\": [0, 0]}"), ErrorCode::kNumeric,
                 "user \"f\": row 1: value 0 is ");
  expect_refused(
      "{\"users\": [\"f\"], \"num_samples\": [3], \"user_data\": {\"f\": {\"x\": [[1]], "
      "\"y\": [0]}}}",
      ErrorCode::kMismatch, "user \"f\": \"num_samples\" says 3, but there are 1 rows");
}

TEST_F(LeafReaderTest, RefusesLabelsThatAreNone) {
  expect_refused(user_data("\"f\": {\"x\": [[1], [2]], \"y\": [0, -1]}"),
                 ErrorCode::kInvalidArgument,
                 "user \"f\": row 1: label -1: must be from 0 to 65535");
  expect_refused(user_data("\"f\": {\"x\": [[1]], \"y\": [65536]}"), ErrorCode::kInvalidArgument,
                 "label 65536");
  expect_refused(user_data("\"f\": {\"x\": [[1]], \"y\": [0.5]}"), ErrorCode::kInvalidArgument,
                 "label \"0.5\": must be a whole number");
}

TEST_F(LeafReaderTest, RefusesOtherForms) {
  const std::string text = "text and names of pictures are not taken";
  expect_refused(user_data("\"f\": {\"x\": [\"a.jpg\"], \"y\": [0]}"), ErrorCode::kInvalidArgument,
                 text);
  expect_refused(user_data("\"f\": {\"x\": [[[1]]], \"y\": [0]}"), ErrorCode::kInvalidArgument,
                 text);
  expect_refused(user_data("\"f\": {\"x\": [1], \"y\": [0]}"), ErrorCode::kInvalidArgument, text);
  expect_refused(user_data("\"f\": [1]"), ErrorCode::kInvalidArgument, "a list");
  expect_refused(user_data("\"f\": 3"), ErrorCode::kInvalidArgument, "a user must be an object");
  expect_refused("[1]", ErrorCode::kInvalidArgument, "must be an object");
  expect_refused("{\"x\": 1}", ErrorCode::kInvalidArgument, "with \"user_data\"");
  expect_refused(user_data(""), ErrorCode::kInvalidArgument, "holds no rows");
}

}  // namespace
}  // namespace skiptrain::data
