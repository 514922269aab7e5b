#include "data/array_loader.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/data/npz_files.h"

namespace skiptrain::data {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class ArrayLoaderTest : public DataFilesTest {
 protected:
  // Both ways in, of the same two arrays; what the files are called is not compared.
  std::vector<Result<Dataset>> load_both(const ByteString& features, const ByteString& labels,
                                         const LoadOptions& options = {}) const {
    write_zip(path("a.npz"), {{"x.npy", features}, {"y.npy", labels}});
    return {load_npy(write("x.npy", features), write("y.npy", labels), options),
            load_npz({path("a.npz"), "x", "y"}, options)};
  }
  void expect_refused(const ByteString& features, const ByteString& labels, ErrorCode code,
                      const std::string& file, const std::string& part,
                      const LoadOptions& options = {}) const {
    const auto sets = load_both(features, labels, options);
    for (const bool is_npz : {false, true}) {
      ASSERT_FALSE(sets[is_npz]) << part;
      const Error& error = sets[is_npz].error();
      EXPECT_EQ(error.code, code) << error.message;
      EXPECT_THAT(error.message,
                  StartsWith((is_npz ? path("a.npz") + ": " + file : path(file)) + ": "));
      EXPECT_THAT(error.message, HasSubstr(part));
    }
  }
};

TEST_F(ArrayLoaderTest, UnsignedBytesArePixels) {
  const auto sets = load_both(npy_bytes("(2, 1, 2)", {1, 2, 3, 4}), npy_integers("(2,)", {0, 4}));
  for (const auto& set : sets) {
    ASSERT_TRUE(set) << set.error().message;
    EXPECT_TRUE(set->validate());
    EXPECT_EQ(set->shape, (ImageShape{1, 1, 2}));
    EXPECT_THAT(pixels_of(*set), ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(features_of(*set), IsEmpty());
    EXPECT_THAT(set->labels, ElementsAre(0, 4));
    EXPECT_EQ(set->classes, 5u);
  }
}

TEST_F(ArrayLoaderTest, OtherTypesAreFloats) {
  const ByteString labels = npy_bytes("(2, 1)", {1, 0});
  const std::pair<ByteString, std::vector<float>> cases[] = {
      {npy_floats("(2, 2)", {0.5, -1, 1e30f, 0}), {0.5, -1, 1e30f, 0}},
      {npy_integers("(2, 2)", {1, -2, 3, 4}), {1, -2, 3, 4}},
      {npy_file(npy_header("|b1", "(2, 2)"), {0, 1, 1, 0}), {0, 1, 1, 0}},
      {npy_file(npy_header("<f8", "(2, 2)"), little_endian<double>({.25, 2, 3, 4})),
       {.25, 2, 3, 4}}};
  for (const auto& [features, values] : cases) {
    for (const auto& set : load_both(features, labels)) {
      ASSERT_TRUE(set) << set.error().message;
      EXPECT_TRUE(set->validate());
      EXPECT_EQ(set->shape, (ImageShape{1, 1, 2}));
      EXPECT_EQ(features_of(*set), values);
      EXPECT_THAT(pixels_of(*set), IsEmpty());
      EXPECT_THAT(set->labels, ElementsAre(1, 0));
    }
  }
}

TEST_F(ArrayLoaderTest, TheShapeOfASampleFollowsTheArrays) {
  const ByteString labels = npy_bytes("(1,)", {1});
  const auto shape = [&](const std::string& text, std::size_t values) {
    const auto sets = load_both(npy_floats(text, std::vector<float>(values)), labels);
    EXPECT_EQ(sets[0]->shape, sets[1]->shape);
    return sets[0]->shape;
  };
  EXPECT_EQ(shape("(1, 6)", 6), (ImageShape{1, 1, 6}));
  EXPECT_EQ(shape("(1, 2, 3)", 6), (ImageShape{1, 2, 3}));
  EXPECT_EQ(shape("(1, 3, 2, 1)", 6), (ImageShape{3, 2, 1}));
}

TEST_F(ArrayLoaderTest, DealsEachRowToOneNode) {
  std::vector<float> values;
  std::vector<std::int64_t> classes;
  for (int i = 0; i < 220; ++i) {
    values.insert(values.end(), 3, static_cast<float>(i));
    classes.push_back(i % 10 + 300);
  }
  std::vector<int> seen(220);
  for (std::uint32_t position = 0; position < 3; ++position) {
    const auto sets = load_both(npy_floats("(220, 3)", values), npy_integers("(220,)", classes),
                                {.partition = LabelShards{2}, .seat = {position, 3, 5}});
    ASSERT_TRUE(sets[0]) << sets[0].error().message;
    ASSERT_TRUE(sets[1]) << sets[1].error().message;
    EXPECT_EQ(features_of(*sets[0]), features_of(*sets[1]));
    EXPECT_EQ(sets[0]->labels, sets[1]->labels);
    const Dataset& share = *sets[0];
    EXPECT_TRUE(share.validate());
    EXPECT_LT(share.size(), 100u);
    EXPECT_EQ(share.classes, 310u) << "whichever are in the share";
    EXPECT_LE(share.features.capacity(), share.size() * 3) << "only the share is kept";
    for (std::size_t i = 0; i < share.size(); ++i) {
      const auto number = static_cast<int>(share.float_sample(i)[2]);
      EXPECT_EQ(share.labels[i], number % 10 + 300);
      ++seen[static_cast<std::size_t>(number)];
    }
  }
  EXPECT_THAT(seen, Each(1));
}

TEST_F(ArrayLoaderTest, ARowOfAnotherShareIsNotLookedAt) {
  std::vector<float> values = {1, 2, 3, NAN};
  const ByteString labels = npy_bytes("(4,)", {0, 0, 0, 0});
  for (const auto& set : load_both(npy_floats("(4, 1)", values), labels, {.limit = 3})) {
    ASSERT_TRUE(set) << set.error().message;
    EXPECT_THAT(features_of(*set), ElementsAre(1, 2, 3));
  }
}

TEST_F(ArrayLoaderTest, RefusesWhatIsNotFinite) {
  const ByteString labels = npy_bytes("(2,)", {0, 1});
  expect_refused(npy_floats("(2, 2)", {1, 2, 3, NAN}), labels, ErrorCode::kNumeric, "x.npy",
                 "row 1: value 1 is nan: must be a finite number");
  expect_refused(npy_file(npy_header("<f8", "(2, 1)"), little_endian<double>({1e300, 0})), labels,
                 ErrorCode::kNumeric, "x.npy", "row 0: value 0 is inf");
}

TEST_F(ArrayLoaderTest, RefusesLabelsThatAreNone) {
  const ByteString features = npy_floats("(2, 1)", {1, 2});
  expect_refused(features, npy_integers("(2,)", {0, -1}), ErrorCode::kInvalidArgument, "y.npy",
                 "row 1: label -1: must be from 0 to 65535");
  expect_refused(features, npy_integers("(2,)", {65'536, 0}), ErrorCode::kInvalidArgument, "y.npy",
                 "row 0: label 65536");
  expect_refused(features, npy_floats("(2,)", {0, 1}), ErrorCode::kInvalidArgument, "y.npy",
                 "labels are f4 of shape (2,): must be whole numbers");
  expect_refused(features, npy_integers("(2, 2)", {0, 1, 1, 0}), ErrorCode::kInvalidArgument,
                 "y.npy", "argmax(axis=1) of one-hot rows");
  expect_refused(features, npy_integers("()", {0}), ErrorCode::kInvalidArgument, "y.npy",
                 "shape (n,)");
  expect_refused(npy_floats("(0, 1)", {}), npy_integers("(0,)", {}), ErrorCode::kInvalidArgument,
                 "y.npy", "holds no labels");
}

TEST_F(ArrayLoaderTest, RefusesShapesThatAreNoSamples) {
  const ByteString labels = npy_bytes("(2,)", {0, 1});
  expect_refused(npy_floats("(2,)", {1, 2}), labels, ErrorCode::kInvalidArgument, "x.npy",
                 "f4 of shape (2,): must be of shape (n, columns)");
  expect_refused(npy_floats("(2, 1, 1, 1, 1)", {1, 2}), labels, ErrorCode::kInvalidArgument,
                 "x.npy", "must be of shape");
  expect_refused(npy_floats("(2, 0)", {}), labels, ErrorCode::kResourceExhausted, "x.npy",
                 "0 features: must be from 1 to 4096");
  expect_refused(npy_bytes("(2, 4097)", ByteString(8194)), labels, ErrorCode::kResourceExhausted,
                 "x.npy", "4097 features");
  expect_refused(npy_bytes("(2, 65, 1, 1)", ByteString(130)), labels, ErrorCode::kResourceExhausted,
                 "x.npy", "channels, which come before height and width");
  expect_refused(npy_floats("(3, 1)", {1, 2, 3}), labels, ErrorCode::kMismatch, "x.npy",
                 "holds 3 samples, but");
}

TEST_F(ArrayLoaderTest, TargetsAreNumbersOfAnyTypeAndWidth) {
  const ByteString features = npy_floats("(2, 1)", {1, 2});
  struct Case {
    ByteString array;
    std::uint32_t width;
    std::vector<float> targets;
  };
  const Case cases[] = {
      {npy_floats("(2,)", {0.5, -7}), 1, {0.5, -7}},
      {npy_floats("(2, 3)", {1, 2, 3, 4, 5, 1e30f}), 3, {1, 2, 3, 4, 5, 1e30f}},
      {npy_file(npy_header("<f8", "(2, 1)"), little_endian<double>({.25, 2})), 1, {.25, 2}},
      {npy_integers("(2, 2)", {0, -1, 70'000, 1}), 2, {0, -1, 70'000, 1}}};
  for (const Case& one : cases) {
    for (const auto& set : load_both(features, one.array, {.targets = TargetKind::kValues})) {
      ASSERT_TRUE(set) << set.error().message;
      EXPECT_TRUE(set->validate());
      EXPECT_EQ(set->size(), 2u);
      EXPECT_EQ(set->target_width, one.width);
      EXPECT_EQ(set->targets, one.targets);
      EXPECT_THAT(set->labels, IsEmpty());
      EXPECT_EQ(set->classes, 0u);
      EXPECT_EQ(set->output_count(), one.width);
    }
  }
}

TEST_F(ArrayLoaderTest, TargetsStayBesideTheirSamples) {
  std::vector<float> values;
  std::vector<float> targets;
  for (int i = 0; i < 100; ++i) {
    values.push_back(static_cast<float>(i));
    targets.insert(targets.end(), {static_cast<float>(2 * i), static_cast<float>(-i)});
  }
  std::vector<int> seen(100);
  for (std::uint32_t position = 0; position < 3; ++position) {
    const auto sets =
        load_both(npy_floats("(100, 1)", values), npy_floats("(100, 2)", targets),
                  {.partition = Iid{}, .seat = {position, 3, 5}, .targets = TargetKind::kValues});
    for (const auto& set : sets) {
      ASSERT_TRUE(set) << set.error().message;
      for (std::size_t i = 0; i < set->size(); ++i) {
        const float number = set->float_sample(i)[0];
        EXPECT_EQ(set->target(i)[0], 2 * number);
        EXPECT_EQ(set->target(i)[1], -number);
        ++seen[static_cast<std::size_t>(number)];
      }
    }
  }
  EXPECT_THAT(seen, Each(2)) << "once by either way in";
}

TEST_F(ArrayLoaderTest, RefusesTargetsThatAreNone) {
  const ByteString features = npy_floats("(2, 1)", {1, 2});
  const LoadOptions values{.targets = TargetKind::kValues};
  const LoadOptions fractions{.targets = TargetKind::kFractions};
  expect_refused(features, npy_floats("(2, 2)", {0, 1, NAN, 0}), ErrorCode::kNumeric, "y.npy",
                 "row 1: column 0: target nan: must be a finite number", values);
  expect_refused(features, npy_floats("(2,)", {0, 1.5}), ErrorCode::kInvalidArgument, "y.npy",
                 "row 1: column 0: target 1.500000: must be from 0 to 1", fractions);
  expect_refused(features, npy_integers("(2, 2)", {0, -1, 1, 1}), ErrorCode::kInvalidArgument,
                 "y.npy", "row 0: column 1: target -1", fractions);
  expect_refused(features, npy_floats("(2, 1, 1)", {0, 1}), ErrorCode::kInvalidArgument, "y.npy",
                 "must be of shape (n,) or (n, width)", values);
  expect_refused(features, npy_floats("(2, 0)", {}), ErrorCode::kResourceExhausted, "y.npy",
                 "of 1 to 65536 values", values);
  expect_refused(npy_floats("(0, 1)", {}), npy_floats("(0,)", {}), ErrorCode::kInvalidArgument,
                 "y.npy", "holds no labels", values);
  expect_refused(npy_floats("(3, 1)", {1, 2, 3}), npy_floats("(2,)", {0, 1}), ErrorCode::kMismatch,
                 "x.npy", "holds 3 samples, but", values);
}

TEST_F(ArrayLoaderTest, TargetsAreNotDealtByClass) {
  const auto sets =
      load_both(npy_floats("(2, 1)", {1, 2}), npy_floats("(2,)", {0, 1}),
                {.partition = LabelShards{1}, .seat = {0, 2, 1}, .targets = TargetKind::kValues});
  for (const auto& set : sets) {
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(set.error().message, HasSubstr("partition shards:1 deals by class"));
    EXPECT_THAT(set.error().message, HasSubstr("must be iid or all"));
  }
}

TEST_F(ArrayLoaderTest, NamesAMissingArray) {
  write_zip(path("a.npz"), {{"x_train.npy", npy_bytes("(1, 1)", {1})}});
  const auto set = load_npz({path("a.npz"), "x_train", "y_train"});
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(set.error().message,
              HasSubstr("there is no array \"y_train\"; it holds \"x_train\""));
}

}  // namespace
}  // namespace skiptrain::data
