#include "data/csv_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/unit/data/data_files.h"

namespace skiptrain::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

class CsvReaderTest : public DataFilesTest {
 protected:
  std::string csv(const std::string& text) const {
    return write("a.csv", ByteString(text.begin(), text.end()));
  }
  CsvLabels labels(const std::string& text, const std::string& column = "y") const {
    const auto read = read_csv_labels(csv(text), column);
    EXPECT_TRUE(read) << read.error().message;
    return read ? *read : CsvLabels();
  }
  std::vector<float> features(const std::string& text,
                              const std::vector<std::uint32_t>& rows) const {
    const auto read = read_csv_features(csv(text), "y", rows);
    EXPECT_TRUE(read) << read.error().message;
    return read ? *read : std::vector<float>();
  }
  template <typename Read>
  void expect_error(const Read& read, ErrorCode code, const std::string& message) const {
    ASSERT_FALSE(read) << "accepted what should be refused with: " << message;
    EXPECT_EQ(read.error().code, code) << read.error().message;
    EXPECT_EQ(read.error().message, path("a.csv") + message);
  }
  void expect_refused(const std::string& text, ErrorCode code, const std::string& message) const {
    expect_error(read_csv_labels(csv(text), "y"), code, message);
  }
  // In a feature of the rows 0 and 1.
  void expect_bad_features(const std::string& text, ErrorCode code,
                           const std::string& message) const {
    EXPECT_TRUE(read_csv_labels(csv(text), "y")) << "labels do not depend on it";
    const std::vector<std::uint32_t> rows = {0, 1};
    expect_error(read_csv_features(csv(text), "y", rows), code, message);
  }
};

TEST_F(CsvReaderTest, ReadsLabelsAndFeatures) {
  const std::string text = "a,y,b\n1,5,-2.5\n+0.25,7,1e3\n3,5,.5\n";
  const CsvLabels read = labels(text);
  EXPECT_THAT(read.features, ElementsAre("a", "b"));
  EXPECT_THAT(read.names, ElementsAre("5", "7"));
  EXPECT_THAT(read.rows, ElementsAre(0, 1, 0));
  EXPECT_THAT(features(text, {0, 1, 2}), ElementsAre(1, -2.5, 0.25, 1000, 3, 0.5));
}

TEST_F(CsvReaderTest, KeepsOnlyTheChosenRows) {
  const std::string text = "a,y\n1,0\nnot a number,1\n3,0\n4,1\n";
  EXPECT_THAT(features(text, {0, 2}), ElementsAre(1, 3)) << "others are not even parsed";
  EXPECT_THAT(features(text, {}), IsEmpty());
  const std::vector<std::uint32_t> beyond = {0, 4};
  expect_error(read_csv_features(csv(text), "y", beyond), ErrorCode::kMismatch,
               ": row 4 was asked for, but there are only 4");
}

TEST_F(CsvReaderTest, TakesQuotesCarriageReturnsSpacesAndBlankLinesAtTheEnd) {
  const std::string text =
      "\xef\xbb\xbf\"a\", \"with, \"\"comma\"\"\" ,y\r\n"
      "\"1\" ,  2\t,\"two\nlines\"\r\n"
      "3,4, plain name \r\n\r\n  \r\n\n";
  const CsvLabels read = labels(text);
  EXPECT_THAT(read.features, ElementsAre("a", "with, \"comma\""));
  EXPECT_THAT(read.names, ElementsAre("two\nlines", "plain name"));
  EXPECT_THAT(features(text, {0, 1}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(features("a,y\n1,0\n2,1", {0, 1}), ElementsAre(1, 2)) << "without a last newline";
}

TEST_F(CsvReaderTest, NumbersClassesAsTheyAreOrNamesInOrder) {
  const auto numbered = [](const std::vector<std::string>& names) { return number_classes(names); };
  EXPECT_THAT(numbered({"10", "2", "0", "2"}),
              ElementsAre(Pair("0", 0), Pair("10", 10), Pair("2", 2)));
  EXPECT_THAT(numbered({"virginica", "setosa", "versicolor"}),
              ElementsAre(Pair("setosa", 0), Pair("versicolor", 1), Pair("virginica", 2)));
  EXPECT_THAT(numbered({"1", "-1"}), ElementsAre(Pair("-1", 0), Pair("1", 1)));
  EXPECT_THAT(numbered({"65536", "3"}), ElementsAre(Pair("3", 0), Pair("65536", 1)));
  EXPECT_THAT(numbered({"65535"}), ElementsAre(Pair("65535", 65535)));
}

TEST_F(CsvReaderTest, AHoleNamesLineAndColumn) {
  expect_bad_features("a,height,y\n1,2,0\n3,,1\n", ErrorCode::kInvalidArgument,
                      ":3: column \"height\": is empty: must be a number");
  expect_bad_features("a,height,y\n1,\"\",0\n3,4,1\n", ErrorCode::kInvalidArgument,
                      ":2: column \"height\": is empty: must be a number");
  for (const std::string bad : {"tall", "1.5m", "1 2", "0x10", "--1", "+-1", "1e", "?"}) {
    expect_bad_features("a,height,y\n1,2,0\n3," + bad + ",1\n", ErrorCode::kInvalidArgument,
                        ":3: column \"height\": \"" + bad + "\": must be a number");
  }
  expect_refused("a,y\n1,0\n2,\n", ErrorCode::kInvalidArgument,
                 ":3: column \"y\": is empty: must be a class's number or name");
}

TEST_F(CsvReaderTest, RefusesWhatIsNotFinite) {
  for (const std::string bad : {"nan", "NaN", "inf", "-inf", "Infinity"}) {
    expect_bad_features("a,y\n1,0\n" + bad + ",1\n", ErrorCode::kNumeric,
                        ":3: column \"a\": \"" + bad + "\": must be a finite number");
  }
  for (const std::string bad : {"1e39", "-1e400"}) {
    expect_bad_features("a,y\n1,0\n" + bad + ",1\n", ErrorCode::kInvalidArgument,
                        ":3: column \"a\": \"" + bad + "\": must be a number of float32's range");
  }
}

TEST_F(CsvReaderTest, RefusesARowOfAnotherLength) {
  expect_refused("a,b,y\n1,2,0\n1,2\n", ErrorCode::kInvalidArgument,
                 ":3: 2 columns: must be 3, as the first line names; there is none for \"y\"");
  expect_refused("a,y\n1,0,9\n", ErrorCode::kInvalidArgument,
                 ":2: 3 columns: must be 2, as the first line names; the last that has a name is "
                 "\"y\"");
  expect_refused("a,y\n\"\n\n1\",0\n1,2,3\n", ErrorCode::kInvalidArgument,
                 ":5: 3 columns: must be 2, as the first line names; the last that has a name is "
                 "\"y\"");
  expect_refused("a,y\n1,0\n\n2,0\n", ErrorCode::kInvalidArgument,
                 ":3: a blank line between others: there must be none");
}

TEST_F(CsvReaderTest, AMissingLabelColumnListsThoseThereAre) {
  expect_refused("a,b\n1,2\n", ErrorCode::kNotFound,
                 ":1: there is no column \"y\" for the labels; there are \"a\", \"b\"");
  expect_refused("y\n1\n", ErrorCode::kInvalidArgument,
                 ":1: there must be a column of features beside \"y\"");
}

TEST_F(CsvReaderTest, EveryColumnHasANameOfItsOwn) {
  expect_refused(",a,y\n0,1,2\n", ErrorCode::kInvalidArgument,
                 ":1: column 1 has no name: the first line must name every column (pandas writes "
                 "row numbers without one, unless told index=False)");
  expect_refused("a,a,y\n0,1,2\n", ErrorCode::kInvalidArgument,
                 ":1: column 2: there is already one named \"a\": names must differ");
}

TEST_F(CsvReaderTest, RefusesQuotesThatDoNotMatch) {
  expect_refused("a,y\n\"1,0\n", ErrorCode::kInvalidArgument,
                 ":2: column 1: a quote that nothing closes");
  expect_refused("a,y\n1,\"0\"1\n", ErrorCode::kInvalidArgument,
                 ":2: column 2: something between a closing quote and the next comma");
  expect_refused("a,y\n1,b\"c\n", ErrorCode::kInvalidArgument,
                 ":2: column 2: a quote within a field that does not begin with one: must be "
                 "doubled, and the field in quotes");
}

TEST_F(CsvReaderTest, RefusesFilesThatAreEmptyOrMissing) {
  expect_refused("", ErrorCode::kInvalidArgument,
                 ": is empty: must begin with a line that names the columns");
  expect_refused("a,y\n\n", ErrorCode::kInvalidArgument, ": holds no rows after the first line");
  EXPECT_EQ(read_csv_labels(path("nowhere"), "y").error().code, ErrorCode::kNotFound);
}

TEST_F(CsvReaderTest, RefusesSizesBeyondTheLimits) {
  expect_refused("a,y\n1," + std::string(kMaxCsvFieldBytes + 1, 'x') + "\n",
                 ErrorCode::kResourceExhausted,
                 ":2: column 2: more than 4096 bytes, which is the limit of a field");
  expect_refused("a,y\n1," + std::string(kMaxCsvColumns, ',') + "\n", ErrorCode::kResourceExhausted,
                 ":2: more than 65536 columns, which is the limit");
  std::string many = "a,y\n";
  for (std::size_t i = 0; i <= kMaxCsvClasses; ++i) many += "1," + std::to_string(i) + "\n";
  expect_refused(many, ErrorCode::kResourceExhausted,
                 ":65538: column \"y\": more than 65536 classes, which is the limit");
}

TEST_F(CsvReaderTest, MutationsGiveAnErrorOrATable) {
  Rng rng(13);
  const std::string likely = "\",\r\n 0123.-+eynaif\t";
  for (int run = 0; run < 1000; ++run) {
    std::string text = "a,\"b \"\"c\"\"\",y\r\n1,2,x\n3,4.5,\"y\"\n";
    for (std::uint64_t change = 0, changes = 1 + rng.below(5); change < changes; ++change) {
      const std::size_t at = rng.below(text.size());
      const char byte =
          static_cast<char>(rng.below(3) == 0 ? rng.below(256) : likely[rng.below(likely.size())]);
      if (rng.below(2) == 0) {
        text[at] = byte;
      } else {
        text.insert(at, 1, byte);
      }
    }
    if (rng.below(2) == 0) text.resize(rng.below(text.size()));
    const auto read = read_csv_labels(csv(text), "y");
    const std::vector<std::uint32_t> rows = {0};
    const auto first = read_csv_features(path("a.csv"), "y", rows);
    if (!read) {
      EXPECT_THAT(read.error().message, StartsWith(path("a.csv") + ":"));
    } else if (first) {
      EXPECT_EQ(first->size(), read->features.size());
    }
  }
}

}  // namespace
}  // namespace skiptrain::data
