#include "data/cifar_reader.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/data/cifar_files.h"
#include "tests/unit/data/data_files.h"

namespace skiptrain::data {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t kRecordBytes = 3073;

class CifarReaderTest : public DataFilesTest {
 protected:
  static void expect_error(const std::string& file, ErrorCode code, const std::string& part,
                           CifarKind kind = CifarKind::kCifar10) {
    const auto read = load_cifar(kind, {file});
    ASSERT_FALSE(read) << "accepted " << file;
    EXPECT_EQ(read.error().code, code) << read.error().message;
    EXPECT_THAT(read.error().message, StartsWith(file + ": "));
    EXPECT_THAT(read.error().message, HasSubstr(part));
  }
};

TEST_F(CifarReaderTest, ReadsLabelsAndPixelsInTheOrderOfTheFiles) {
  const auto set = load_cifar(CifarKind::kCifar10, {write("b", cifar10_records(7, 2)),
                                                    write_gzip("a", cifar10_records(1, 1))});
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_TRUE(set->validate());
  EXPECT_EQ(set->shape, (ImageShape{3, 32, 32}));
  EXPECT_EQ(set->classes, 10u) << "whichever classes occur";
  EXPECT_THAT(set->labels, ElementsAre(7, 8, 1));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_THAT(std::vector<std::uint8_t>(set->sample(i), set->sample(i) + kCifarPixels),
                Each(std::array<std::uint8_t, 3>{7, 8, 1}[i]));
  }
}

TEST_F(CifarReaderTest, KeepsRedGreenBlueAsTheyLie) {
  ByteString record = cifar_record({3}, 0);
  for (std::size_t i = 0; i < kCifarPixels; ++i) {
    record[1 + i] = static_cast<std::uint8_t>(i % 251);
  }
  const auto set = load_cifar(CifarKind::kCifar10, {write("a", record)});
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(pixels_of(*set), ByteString(record.begin() + 1, record.end()));
}

TEST_F(CifarReaderTest, LearnsTheFineLabelsOfCifar100) {
  const auto set = load_cifar(CifarKind::kCifar100, {write("a", cifar100_records(18, 4))});
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->classes, 100u);
  EXPECT_THAT(set->labels, ElementsAre(18, 19, 20, 21));
  EXPECT_EQ(*set->sample(3), 21);
}

TEST_F(CifarReaderTest, DealsEachRecordOfAllFilesToOneNode) {
  // 150 records a file are more than a block.
  const std::vector<std::string> files = {write("a", cifar10_records(0, 150)),
                                          write_gzip("b", cifar10_records(150, 70))};
  std::vector<int> seen(220);
  for (std::uint32_t position = 0; position < 3; ++position) {
    const auto share = load_cifar(CifarKind::kCifar10, files,
                                  {.partition = LabelShards{2}, .seat = {position, 3, 5}});
    ASSERT_TRUE(share) << share.error().message;
    EXPECT_TRUE(share->validate());
    EXPECT_LT(share->size(), 100u);
    EXPECT_LE(share->pixels.capacity(), share->size() * kCifarPixels) << "only the share is kept";
    for (std::size_t i = 0; i < share->size(); ++i) {
      const std::uint8_t number = *share->sample(i);
      EXPECT_EQ(share->labels[i], number % 10);
      ++seen[number];
    }
  }
  EXPECT_THAT(seen, Each(1));
}

TEST_F(CifarReaderTest, LimitDealsOnlyTheFirstRecords) {
  const std::vector<std::string> files = {write("a", cifar10_records(0, 3)),
                                          write("b", cifar10_records(3, 3))};
  const auto set = load_cifar(CifarKind::kCifar10, files, {.limit = 4});
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_THAT(set->labels, ElementsAre(0, 1, 2, 3));
}

TEST_F(CifarReaderTest, RefusesWhatIsNotWholeRecords) {
  ByteString bytes = cifar10_records(0, 100);
  bytes.resize(99 * kRecordBytes + 5);
  const std::string where =
      "ends 5 bytes into record 99 (at byte 304227): must hold whole records "
      "of 3073 bytes, as the binary version of CIFAR-10 does";
  expect_error(write("plain", bytes), ErrorCode::kCorrupt, where);
  expect_error(write_gzip("packed", bytes), ErrorCode::kCorrupt, where);
  expect_error(write("text", {'h', 'i', '\n'}), ErrorCode::kCorrupt, "3 bytes into record 0");
  expect_error(write("hundred", cifar100_records(0, 2)), ErrorCode::kCorrupt,
               "2 bytes into record 2");
  expect_error(write("ten", cifar10_records(0, 2)), ErrorCode::kCorrupt,
               "whole records of 3074 bytes, as the binary version of CIFAR-100",
               CifarKind::kCifar100);
}

TEST_F(CifarReaderTest, RefusesALabelBeyondTheClasses) {
  ByteString bytes = cifar10_records(0, 70);
  bytes[66 * kRecordBytes] = 10;
  expect_error(write("plain", bytes), ErrorCode::kCorrupt,
               "record 66 (at byte 202818): label 10: must be from 0 to 9");
  expect_error(write_gzip("packed", bytes), ErrorCode::kCorrupt, "record 66");
  expect_error(write("coarse", cifar_record({20, 0}, 1)), ErrorCode::kCorrupt,
               "record 0 (at byte 0): coarse label 20: must be from 0 to 19", CifarKind::kCifar100);
  expect_error(write("fine", cifar_record({19, 100}, 1)), ErrorCode::kCorrupt,
               "fine label 100: must be from 0 to 99", CifarKind::kCifar100);
}

TEST_F(CifarReaderTest, RefusesAGzipStreamCutInItsMiddle) {
  // Noise does not shrink, so half of the packed file is far from its last record.
  ByteString bytes = cifar10_records(0, 64);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    state = state * 1664525 + 1;
    if (i % kRecordBytes != 0) bytes[i] = static_cast<std::uint8_t>(state >> 24);
  }
  ByteString packed = contents(write_gzip("whole", bytes));
  packed.resize(packed.size() / 2);
  expect_error(write("half", packed), ErrorCode::kCorrupt, "truncated");
}

TEST_F(CifarReaderTest, RefusesDamagedGzip) {
  ByteString packed = contents(write_gzip("whole", cifar10_records(0, 64)));
  packed[packed.size() - 6] ^= 0xff;  // within the CRC at the end
  expect_error(write("damaged", packed), ErrorCode::kCorrupt, "unpacked");
}

TEST_F(CifarReaderTest, RefusesFilesThatAreEmptyMissingOrNoFiles) {
  expect_error(write("empty", {}), ErrorCode::kInvalidArgument, "holds no records");
  expect_error(path("nowhere"), ErrorCode::kNotFound, "No such file");
  std::filesystem::create_directory(path("folder"));
  expect_error(path("folder"), ErrorCode::kInvalidArgument, "regular file");
}

TEST_F(CifarReaderTest, RefusesMoreRecordsThanTheLimit) {
  // 51 GB of holes, which take no room on the disk.
  const std::string file = path("long");
  std::ofstream(file) << "";
  std::filesystem::resize_file(file, (std::uint64_t{kMaxCifarRecords} + 1) * kRecordBytes);
  expect_error(file, ErrorCode::kResourceExhausted, "limit of 16777216");
}

}  // namespace
}  // namespace skiptrain::data
