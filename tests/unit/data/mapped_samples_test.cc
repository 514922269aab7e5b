// Data that may be larger than the memory: what stays in the mapped file, and what does not.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/array_loader.h"
#include "data/cifar_reader.h"
#include "data/idx_reader.h"
#include "tests/unit/data/cifar_files.h"
#include "tests/unit/data/idx_files.h"
#include "tests/unit/data/npy_files.h"

namespace skiptrain::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MappedSamplesTest : public DataFilesTest {
 protected:
  Result<Dataset> npy(const ByteString& features, std::size_t rows,
                      const LoadOptions& options = {}) const {
    return load_npy(write("x.npy", features),
                    write("y.npy", npy_bytes("(" + std::to_string(rows) + ",)", ByteString(rows))),
                    options);
  }
};

// What a set holds beside the mapping: a label and a pointer for each sample.
constexpr std::size_t kPerSample = sizeof(Label) + sizeof(void*);

TEST_F(MappedSamplesTest, RowsOfPlainIdxFilesStayThere) {
  const IdxFiles files{write("x", numbered_images(50, 8, 8)),
                       write("y", idx_bytes({50}, ByteString(50)))};
  const auto share = load_idx(files, {.partition = Iid{}, .seat = {1, 5, 3}});
  ASSERT_TRUE(share) << share.error().message;
  EXPECT_TRUE(share->validate());
  EXPECT_EQ(share->byte_count(), 10 * kPerSample);
  const auto rows = *chosen_rows(std::vector<Label>(50), {.partition = Iid{}, .seat = {1, 5, 3}});
  for (std::size_t i = 0; i < share->size(); ++i) EXPECT_EQ(share->sample(i)[63], rows[i]);
}

TEST_F(MappedSamplesTest, RowsOfPackedIdxFilesAreCopied) {
  const IdxFiles files{write_gzip("x", numbered_images(5, 8, 8)),
                       write("y", idx_bytes({5}, ByteString(5)))};
  const auto set = load_idx(files);
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->pixels.size(), 5u * 64);
}

TEST_F(MappedSamplesTest, RecordsOfPlainCifarFilesStayBetweenTheirLabels) {
  const std::vector<std::string> files = {write("a", cifar10_records(0, 3)),
                                          write("b", cifar10_records(3, 2))};
  const auto set = load_cifar(CifarKind::kCifar10, files);
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->byte_count(), 5 * kPerSample);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(set->sample(i)[kCifarPixels - 1], i);
}

TEST_F(MappedSamplesTest, LittleEndianFloatsAndBytesStayInTheArray) {
  const auto floats = npy(npy_floats("(3, 2)", {1, 2, 3, 4, 5, 6}), 3);
  ASSERT_TRUE(floats) << floats.error().message;
  EXPECT_EQ(floats->byte_count(), 3 * kPerSample);
  EXPECT_TRUE(floats->holds_floats());
  const auto bytes = npy(npy_bytes("(3, 2)", {1, 2, 3, 4, 5, 6}), 3);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(bytes->byte_count(), 3 * kPerSample);
  EXPECT_FALSE(bytes->holds_floats());
}

TEST_F(MappedSamplesTest, TargetsLieBesideFeaturesThatStay) {
  std::vector<float> values;
  std::vector<float> targets;
  for (int i = 0; i < 60; ++i) {
    const auto number = static_cast<float>(i);
    values.insert(values.end(), {number, 0});
    targets.insert(targets.end(), {2 * number, -number, 1});
  }
  const auto share = load_npy(
      write("x.npy", npy_floats("(60, 2)", values)), write("y.npy", npy_floats("(60, 3)", targets)),
      {.partition = Iid{}, .seat = {1, 3, 4}, .targets = TargetKind::kValues, .held_out = 0.5});
  ASSERT_TRUE(share) << share.error().message;
  EXPECT_TRUE(share->validate());
  ASSERT_EQ(share->size(), 10u);
  EXPECT_TRUE(share->holds_floats());
  EXPECT_EQ(share->byte_count(), 10 * (sizeof(void*) + 3 * sizeof(float)));
  for (std::size_t i = 0; i < share->size(); ++i) {
    const float number = share->float_sample(i)[0];
    EXPECT_EQ(share->target(i)[0], 2 * number);
    EXPECT_EQ(share->target(i)[1], -number);
  }
}

TEST_F(MappedSamplesTest, WhatCannotBeReadInPlaceIsConverted) {
  const auto doubles = npy(npy_file(npy_header("<f8", "(2, 1)"), little_endian<double>({1, 2})), 2);
  const auto big_endian =
      npy(npy_file(npy_header(">f4", "(2, 1)"), {0x3f, 0x80, 0, 0, 0x40, 0, 0, 0}), 2);
  // A header of any length may put the values where no float may lie.
  ByteString odd{0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  std::string header = npy_header("<f4", "(2, 1)");
  while ((header.size() + 11) % 4 != 3) header += ' ';
  header += '\n';
  odd.push_back(static_cast<std::uint8_t>(header.size()));
  odd.push_back(0);
  odd.insert(odd.end(), header.begin(), header.end());
  const ByteString values = little_endian<float>({1, 2});
  odd.insert(odd.end(), values.begin(), values.end());
  const auto unaligned = npy(odd, 2);
  for (const auto* set : {&doubles, &big_endian, &unaligned}) {
    ASSERT_TRUE(*set) << set->error().message;
    EXPECT_THAT((*set)->features, ElementsAre(1, 2));
  }
}

TEST_F(MappedSamplesTest, FloatsThatStayAreLookedAtAllTheSame) {
  std::vector<float> values(1000 * 16, 1.0f);
  values[777 * 16 + 5] = std::nanf("");
  const ByteString file = npy_floats("(1000, 16)", values);
  const auto set = npy(file, 1000);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, ErrorCode::kNumeric);
  EXPECT_THAT(set.error().message, HasSubstr("row 777: value 5 is nan: must be a finite number"));
  EXPECT_TRUE(npy(file, 1000, {.limit = 777})) << "it is another node's";
}

TEST_F(MappedSamplesTest, ACopyOutlivesTheFirst) {
  Dataset copy;
  {
    const auto set = npy(npy_floats("(2, 1)", {3, 4}), 2);
    ASSERT_TRUE(set) << set.error().message;
    copy = *set;
  }
  std::filesystem::remove(path("x.npy"));
  EXPECT_EQ(*copy.float_sample(1), 4);
  copy.mapped.rows.pop_back();
  EXPECT_THAT(copy.validate().error().message, HasSubstr("1 mapped samples"));
}

// A file of 6 GB, of which the disk and the memory hold next to nothing.
TEST_F(MappedSamplesTest, AFileLargerThanTheMemoryCostsNoMemory) {
  constexpr std::uint64_t kRows = 2'000'000;
  const std::string shape = "(" + std::to_string(kRows) + ", 3, 32, 32)";
  const ByteString header = npy_bytes(shape, {});
  const std::string features = write("x.npy", header);
  std::filesystem::resize_file(features, header.size() + kRows * 3072);
  const std::string labels =
      write("y.npy", npy_bytes("(" + std::to_string(kRows) + ",)", ByteString(kRows)));
  const auto share = load_npy(features, labels, {.partition = Iid{}, .seat = {0, 1000, 1}});
  ASSERT_TRUE(share) << share.error().message;
  EXPECT_EQ(share->size(), 2000u);
  EXPECT_EQ(share->byte_count(), 2000 * kPerSample);
  EXPECT_EQ(share->sample(1999)[3071], 0);
}

}  // namespace
}  // namespace skiptrain::data
