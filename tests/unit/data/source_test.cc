#include "data/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/data/cifar_files.h"
#include "tests/unit/data/idx_files.h"
#include "tests/unit/data/image_files.h"
#include "tests/unit/data/torch_files.h"

namespace skiptrain::data {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class SourceTest : public DataFilesTest {
 protected:
  std::string folder() const { return path(""); }

  void write_idx() const {
    write("train-images-idx3-ubyte", numbered_images(3, 2, 2));
    write("train-labels-idx1-ubyte", idx_bytes({3}, {2, 0, 1}));
    write_gzip("t10k-images-idx3-ubyte.gz", numbered_images(2, 2, 2));
    write("t10k-labels-idx1-ubyte", idx_bytes({2}, {1, 1}));
  }
  void write_cifar100() const {
    write("train.bin", cifar100_records(0, 3));
    write_gzip("test.bin.gz", cifar100_records(50, 2));
  }
  void expect_refused(ErrorCode code, const std::string& part) const {
    const auto source = find_source(folder());
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().code, code) << source.error().message;
    EXPECT_THAT(source.error().message, StartsWith(folder() + ": "));
    EXPECT_THAT(source.error().message, HasSubstr(part));
  }
  // The labels of both parts of what is found in the folder.
  void expect_labels(Format format, const std::vector<Label>& train,
                     const std::vector<Label>& test) const {
    const auto source = find_source(folder());
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_EQ(source->format, format);
    const auto train_set = load(*source, Part::kTrain);
    ASSERT_TRUE(train_set) << train_set.error().message;
    EXPECT_EQ(train_set->labels, train);
    const auto test_set = load(*source, Part::kTest);
    ASSERT_TRUE(test_set) << test_set.error().message;
    EXPECT_EQ(test_set->labels, test);
  }
};

TEST_F(SourceTest, RecognisesIdxFiles) {
  write_idx();
  expect_labels(Format::kIdx, {2, 0, 1}, {1, 1});
}

TEST_F(SourceTest, RecognisesCifar10Files) {
  write_cifar10(folder(), 2);
  expect_labels(Format::kCifar10, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {0, 1});
}

TEST_F(SourceTest, TakesAPackedBatchAmongPlainOnes) {
  write_cifar10(folder(), 1);
  std::filesystem::remove(path("data_batch_3.bin"));
  write_gzip("data_batch_3.bin.gz", cifar10_records(9, 1));
  expect_labels(Format::kCifar10, {0, 1, 9, 3, 4}, {5});
}

TEST_F(SourceTest, RecognisesCifar100Files) {
  write_cifar100();
  expect_labels(Format::kCifar100, {0, 1, 2}, {50, 51});
}

TEST_F(SourceTest, RecognisesNpyFiles) {
  write("x_train.npy", npy_bytes("(3, 2)", {1, 2, 3, 4, 5, 6}));
  write("y_train.npy", npy_integers("(3,)", {2, 300, 1}));
  write("x_test.npy", npy_bytes("(1, 2)", {7, 8}));
  write("y_test.npy", npy_integers("(1,)", {5}));
  expect_labels(Format::kNpy, {2, 300, 1}, {5});
  std::filesystem::remove(path("x_test.npy"));
  expect_refused(ErrorCode::kNotFound, "there is no x_test.npy; there must be x_train.npy");
}

TEST_F(SourceTest, RecognisesAnNpzFile) {
  write_zip(path("data.npz"), {{"x_train.npy", npy_floats("(3, 1)", {1, 2, 3})},
                               {"y_train.npy", npy_integers("(3,)", {2, 0, 1})},
                               {"x_test.npy", npy_floats("(2, 1)", {4, 5})},
                               {"y_test.npy", npy_integers("(2,)", {1, 1})}});
  expect_labels(Format::kNpz, {2, 0, 1}, {1, 1});
}

TEST_F(SourceTest, RecognisesCsvFiles) {
  const auto csv = [&](const char* name, const std::string& text) {
    write(name, ByteString(text.begin(), text.end()));
  };
  csv("train.csv", "label,a\nyes,1\nno,2\n");
  csv("test.csv", "label,a\nmaybe,1\n");
  expect_labels(Format::kCsv, {2, 1}, {0});
  std::filesystem::remove(path("test.csv"));
  expect_refused(ErrorCode::kNotFound, "there is no test.csv; there must be");
}

TEST_F(SourceTest, RecognisesATorchFile) {
  write_zip(path("data.pt"), torch_members(kPickleOfTwo, {{1, 2, 3, 4, 5, 6},
                                                          little_endian<std::int64_t>({2, 0, 1})}));
  const auto source = find_source(folder());
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(source->format, Format::kTorch);
  EXPECT_EQ(load(*source, Part::kTrain)->labels, (std::vector<Label>{2, 0, 1}));
  const auto test = load(*source, Part::kTest);
  ASSERT_FALSE(test);
  EXPECT_THAT(test.error().message, HasSubstr("no tensor \"x_test\"; it holds \"x_train\""));
}

TEST_F(SourceTest, RecognisesFoldersOfJson) {
  const auto json = [&](const std::string& name, const std::string& label) {
    const std::string text = "{\"user_data\": {\"u\": {\"x\": [[1]], \"y\": [" + label + "]}}}";
    write(name, ByteString(text.begin(), text.end()));
  };
  std::filesystem::create_directories(path("train"));
  std::filesystem::create_directories(path("test"));
  json("train/all_data_1.json", "5");
  json("train/all_data_0.json", "3");
  json("test/all_data_0.json", "4");
  expect_labels(Format::kLeaf, {3, 5}, {4});
}

TEST_F(SourceTest, RecognisesFoldersOfImages) {
  for (const char* name : {"train/a", "train/b", "test/a", "test/b"}) {
    std::filesystem::create_directories(path(name));
    write_grey(path(std::string(name) + "/1.png"), 2, 2, 9);
  }
  expect_labels(Format::kImages, {0, 1}, {0, 1});
}

TEST_F(SourceTest, HeldOutSamplesAreTheTestPart) {
  std::string text = "label,a\n";
  for (int i = 0; i < 40; ++i) text += std::to_string(i % 2) + "," + std::to_string(i) + "\n";
  write("train.csv", ByteString(text.begin(), text.end()));
  auto source = find_source(folder(), TestFiles::kIgnored);
  ASSERT_TRUE(source) << source.error().message;
  source->held_out = 0.25;
  std::vector<int> seen(40);
  std::vector<float> tested;
  for (std::uint32_t position = 0; position < 2; ++position) {
    const auto parts = load_parts(*source, {.partition = Iid{}, .seat = {position, 2, 9}});
    ASSERT_TRUE(parts) << parts.error().message;
    EXPECT_EQ(parts->test.size(), 10u);
    if (position == 0) tested = features_of(parts->test);
    EXPECT_EQ(features_of(parts->test), tested) << "the same on every node";
    for (const float value : features_of(parts->train)) ++seen[static_cast<std::size_t>(value)];
  }
  for (const float value : tested) ++seen[static_cast<std::size_t>(value)];
  EXPECT_THAT(seen, ::testing::Each(1));
}

TEST_F(SourceTest, HeldOutImagesNeedNoTrainFolder) {
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directories(path(name));
    for (int i = 0; i < 4; ++i) {
      write_grey(path(std::string(name) + "/" + std::to_string(i) + ".png"), 2, 2, 9);
    }
  }
  expect_refused(ErrorCode::kNotFound, "there is no data set in it");
  auto source = find_source(folder(), TestFiles::kIgnored);
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(source->format, Format::kImages);
  source->held_out = 0.25;
  const auto parts = load_parts(*source, {});
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ(parts->train.size(), 6u);
  EXPECT_EQ(parts->test.labels, (std::vector<Label>{0, 1}));
}

TEST_F(SourceTest, TakesOtherFilesArraysAndColumnsThanTheUsual) {
  write_zip(path("own.npz"), {{"a.npy", npy_floats("(1, 1)", {1})},
                              {"b.npy", npy_integers("(1,)", {3})},
                              {"c.npy", npy_integers("(1,)", {4})}});
  const Source npz{.format = Format::kNpz,
                   .train_file = path("own.npz"),
                   .test_file = path("own.npz"),
                   .train_arrays = {"a", "b"},
                   .test_arrays = {"a", "c"}};
  EXPECT_EQ(load(npz, Part::kTrain)->labels.front(), 3);
  EXPECT_EQ(load(npz, Part::kTest)->labels.front(), 4);
  const std::string text = "a,kind\n1,6\n";
  const std::string file = write("own.csv", ByteString(text.begin(), text.end()));
  const Source csv{
      .format = Format::kCsv, .train_file = file, .test_file = file, .label_column = "kind"};
  EXPECT_EQ(load(csv, Part::kTrain)->labels.front(), 6);
}

TEST_F(SourceTest, LearnsOtherColumnsThanTheLabel) {
  const std::string text = "a,y,z\n1,6,7\n";
  const std::string file = write("own.csv", ByteString(text.begin(), text.end()));
  const Source csv{
      .format = Format::kCsv, .train_file = file, .test_file = file, .target_columns = {"z"}};
  const auto set = load(csv, Part::kTest, {.targets = TargetKind::kValues});
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->targets, std::vector<float>{7});
}

TEST_F(SourceTest, HeldOutRowsOfATableKeepTheirNumbers) {
  std::string text = "a,y,z\n";
  for (int i = 0; i < 40; ++i) {
    text += std::to_string(i) + "," + std::to_string(2 * i) + ".5," + std::to_string(-i) + "\n";
  }
  write("t.csv", ByteString(text.begin(), text.end()));
  const Source source{.format = Format::kCsv,
                      .train_file = path("t.csv"),
                      .target_columns = {"z", "y"},
                      .held_out = 0.2};
  std::vector<int> seen(40);
  for (std::uint32_t position = 0; position < 2; ++position) {
    const auto parts = load_parts(
        source, {.partition = Iid{}, .seat = {position, 2, 6}, .targets = TargetKind::kValues});
    ASSERT_TRUE(parts) << parts.error().message;
    EXPECT_EQ(parts->train.size(), 16u);
    EXPECT_EQ(parts->test.size(), 8u);
    for (const Dataset* set : {&parts->train, &parts->test}) {
      EXPECT_TRUE(set->validate());
      if (set == &parts->test && position > 0) continue;  // it is the same on all nodes
      for (std::size_t i = 0; i < set->size(); ++i) {
        const float number = set->float_sample(i)[0];
        EXPECT_EQ(set->target(i)[0], -number);
        EXPECT_EQ(set->target(i)[1], 2 * number + 0.5f);
        ++seen[static_cast<std::size_t>(number)];
      }
    }
  }
  EXPECT_THAT(seen, Each(1));
}

TEST_F(SourceTest, OfFormatsWithClassesAloneNumbersAreRefused) {
  write_cifar10(folder(), 4);
  const auto set = load(*find_source(folder()), Part::kTrain, {.targets = TargetKind::kValues});
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(set.error().message,
              HasSubstr("format cifar-10 hold classes: for other targets the format must be npy"));
}

TEST_F(SourceTest, PassesTheShareOn) {
  write_cifar10(folder(), 4);
  const auto share = load(*find_source(folder()), Part::kTrain,
                          {.partition = Iid{}, .seat = {1, 2, 3}, .limit = 10});
  ASSERT_TRUE(share) << share.error().message;
  EXPECT_EQ(share->size(), 5u);
}

TEST_F(SourceTest, NamesAMissingBatch) {
  write_cifar10(folder(), 1);
  std::filesystem::remove(path("data_batch_3.bin"));
  const std::string missing = "there is no data_batch_3.bin and no data_batch_3.bin.gz; ";
  expect_refused(ErrorCode::kNotFound, missing + "the binary version of CIFAR-10 has");
  // The same for a folder that a config names.
  const Source source{.format = Format::kCifar10, .directory = folder()};
  const auto train = load(source, Part::kTrain);
  ASSERT_FALSE(train);
  EXPECT_EQ(train.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(train.error().message, StartsWith(folder() + ": " + missing));
  EXPECT_TRUE(load(source, Part::kTest));
}

TEST_F(SourceTest, NamesAMissingIdxFile) {
  write_idx();
  std::filesystem::remove(path("t10k-labels-idx1-ubyte"));
  expect_refused(ErrorCode::kNotFound,
                 "there is no t10k-labels-idx1-ubyte and no t10k-labels-idx1-ubyte.gz; Debian's "
                 "package dataset-fashion-mnist has them");
}

TEST_F(SourceTest, NamesAllThatWasLookedFor) {
  write("data_batch_1", {1, 2, 3});  // of the Python version
  for (const char* name :
       {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte", "data_batch_1.bin", "data_batch_5.bin", "test_batch.bin",
        "train.bin", "test.bin", "x_train.npy", "data.npz", "train.csv", ".gz",
        "dataset-fashion-mnist", "binary version"}) {
    expect_refused(ErrorCode::kNotFound, name);
  }
  const auto nowhere = find_source(path("nowhere"));
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message, HasSubstr("is no folder"));
}

TEST_F(SourceTest, RefusesTwoSetsInAFolder) {
  write_idx();
  write_cifar100();
  expect_refused(ErrorCode::kInvalidArgument, "both idx and cifar-100");
}

TEST_F(SourceTest, AWholeSetWinsOverTheRestOfAnother) {
  write_cifar100();
  write("data_batch_1.bin", cifar10_records(0, 1));
  write("data_batch_2.bin", cifar10_records(0, 1));
  expect_labels(Format::kCifar100, {0, 1, 2}, {50, 51});
}

}  // namespace
}  // namespace skiptrain::data
