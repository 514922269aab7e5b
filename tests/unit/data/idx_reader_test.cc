#include "data/idx_reader.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/data/idx_files.h"

namespace skiptrain::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class IdxReaderTest : public DataFilesTest {
 protected:
  void expect_labels_error(const std::string& file, ErrorCode code, const std::string& part) {
    const auto labels = read_idx_labels(file);
    ASSERT_FALSE(labels) << "accepted " << file;
    EXPECT_EQ(labels.error().code, code) << labels.error().message;
    EXPECT_THAT(labels.error().message, StartsWith(file + ": "));
    EXPECT_THAT(labels.error().message, HasSubstr(part));
  }
  void expect_images_error(const std::string& file, ErrorCode code, const std::string& part) {
    using Rows = std::optional<std::vector<std::uint32_t>>;
    for (const Rows& rows : {Rows(), Rows(std::vector<std::uint32_t>{0})}) {
      const auto images = read_idx_images(file, rows);
      ASSERT_FALSE(images) << "accepted " << file;
      EXPECT_EQ(images.error().code, code) << images.error().message;
      EXPECT_THAT(images.error().message, StartsWith(file + ": "));
      EXPECT_THAT(images.error().message, HasSubstr(part));
    }
  }
};

TEST_F(IdxReaderTest, ReadsPlainLabels) {
  const auto labels = read_idx_labels(write("labels", idx_bytes({4}, {3, 1, 4, 1})));
  ASSERT_TRUE(labels) << labels.error().message;
  EXPECT_THAT(*labels, ElementsAre(3, 1, 4, 1));
}

TEST_F(IdxReaderTest, TellsGzipByContentNotByName) {
  const auto packed = read_idx_labels(write_gzip("labels", idx_bytes({4}, {3, 1, 4, 1})));
  ASSERT_TRUE(packed) << packed.error().message;
  EXPECT_THAT(*packed, ElementsAre(3, 1, 4, 1));
  const auto plain = read_idx_labels(write("labels.gz", idx_bytes({2}, {7, 8})));
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_THAT(*plain, ElementsAre(7, 8));
}

TEST_F(IdxReaderTest, ReadsAllImages) {
  const auto images = read_idx_images(write("images", numbered_images(3, 1, 2)), std::nullopt);
  ASSERT_TRUE(images) << images.error().message;
  EXPECT_EQ(images->shape, (ImageShape{1, 1, 2}));
  EXPECT_EQ(images->count_in_file, 3u);
  EXPECT_THAT(images->pixels, ElementsAre(0, 0, 1, 1, 2, 2));
}

TEST_F(IdxReaderTest, ReadsImagesWithChannels) {
  const auto file = write("images", idx_bytes({1, 3, 1, 2}, {1, 2, 3, 4, 5, 6}));
  const auto images = read_idx_images(file, std::nullopt);
  ASSERT_TRUE(images) << images.error().message;
  EXPECT_EQ(images->shape, (ImageShape{3, 1, 2}));
}

TEST_F(IdxReaderTest, KeepsOnlyTheChosenRows) {
  // 200 images of 64x64 are longer than the buffer that skips rows.
  const auto file = write_gzip("images", numbered_images(200, 64, 64));
  const auto images = read_idx_images(file, std::vector<std::uint32_t>{0, 7, 150, 199});
  ASSERT_TRUE(images) << images.error().message;
  const std::size_t side = std::size_t{64} * 64;
  ASSERT_EQ(images->pixels.size(), 4 * side);
  for (std::size_t row = 0; row < 4; ++row) {
    const std::uint8_t expected = std::array<std::uint8_t, 4>{0, 7, 150, 199}[row];
    EXPECT_EQ(images->pixels[row * side], expected);
    EXPECT_EQ(images->pixels[(row + 1) * side - 1], expected);
  }
}

TEST_F(IdxReaderTest, RefusesARowThatIsNotThere) {
  const auto images =
      read_idx_images(write("images", numbered_images(3, 2, 2)), std::vector<std::uint32_t>{1, 3});
  ASSERT_FALSE(images);
  EXPECT_EQ(images.error().code, ErrorCode::kMismatch);
}

TEST_F(IdxReaderTest, NamesAMissingFile) {
  expect_labels_error(path("nowhere"), ErrorCode::kNotFound, "No such file");
}

TEST_F(IdxReaderTest, RefusesAFolder) {
  std::filesystem::create_directory(path("folder"));
  expect_labels_error(path("folder"), ErrorCode::kInvalidArgument, "regular file");
}

TEST_F(IdxReaderTest, RefusesWhatIsNotIdx) {
  expect_labels_error(write("empty", {}), ErrorCode::kCorrupt, "not an IDX file");
  expect_labels_error(write("text", {'h', 'e', 'l', 'l', 'o', '!', '!', '!'}), ErrorCode::kCorrupt,
                      "not an IDX file");
  expect_labels_error(write("float", idx_bytes({1}, {0, 0, 0, 0}, 0x0D)), ErrorCode::kCorrupt,
                      "value type 13");
  expect_labels_error(write("rank", {0, 0, 8, 9, 0, 0, 0, 1}), ErrorCode::kCorrupt, "rank 9");
  expect_labels_error(write("header", {0, 0, 8, 3, 0, 0}), ErrorCode::kCorrupt, "header");
}

TEST_F(IdxReaderTest, RefusesATruncatedPlainFile) {
  ByteString bytes = numbered_images(4, 3, 3);
  bytes.pop_back();
  expect_images_error(write("images", bytes), ErrorCode::kCorrupt, "truncated");
}

TEST_F(IdxReaderTest, RefusesTrailingBytes) {
  ByteString bytes = numbered_images(4, 3, 3);
  bytes.push_back(0);
  expect_images_error(write("images", bytes), ErrorCode::kCorrupt, "1 trailing bytes");
  expect_images_error(write_gzip("packed", bytes), ErrorCode::kCorrupt, "trailing bytes");
}

TEST_F(IdxReaderTest, RefusesAGzipStreamCutInItsMiddle) {
  // Noise does not shrink, so half of the packed file is far from its last value.
  ByteString noise(std::size_t{64} * 32 * 32);
  std::uint32_t state = 1;
  for (auto& value : noise) value = static_cast<std::uint8_t>((state = state * 1664525 + 1) >> 24);
  const auto whole = write_gzip("whole", idx_bytes({64, 32, 32}, noise));
  ByteString packed = contents(whole);
  packed.resize(packed.size() / 2);
  expect_images_error(write("half", packed), ErrorCode::kCorrupt, "truncated");
}

TEST_F(IdxReaderTest, RefusesDamagedGzip) {
  const auto whole = write_gzip("whole", numbered_images(64, 32, 32));
  ByteString packed = contents(whole);
  packed[packed.size() - 6] ^= 0xff;  // within the CRC at the end
  expect_images_error(write("damaged", packed), ErrorCode::kCorrupt, "unpacked");
}

TEST_F(IdxReaderTest, RefusesAGzipFileWithFewerValuesThanDeclared) {
  ByteString bytes = numbered_images(64, 8, 8);
  bytes.resize(bytes.size() / 2);
  expect_images_error(write_gzip("short", bytes), ErrorCode::kCorrupt, "truncated");
}

TEST_F(IdxReaderTest, RefusesAbsurdExtentsBeforeAllocating) {
  // 2^64 values would wrap around to none.
  expect_images_error(write("wraps", idx_bytes({1u << 31, 1u << 31, 4}, {})),
                      ErrorCode::kResourceExhausted, "limit");
  // Within the limit, but the file is 16 bytes long.
  expect_images_error(write("big", idx_bytes({1u << 20, 32, 32}, {})), ErrorCode::kCorrupt,
                      "truncated");
  // A gzip file cannot unpack to more than 1032 times its size.
  expect_images_error(write_gzip("bomb", idx_bytes({1u << 20, 32, 32}, {})), ErrorCode::kCorrupt,
                      "truncated");
  expect_images_error(write("wide", idx_bytes({1, 1, 5000}, ByteString(5000))),
                      ErrorCode::kResourceExhausted, "1x1x5000");
}

TEST_F(IdxReaderTest, TellsImagesFromLabels) {
  expect_labels_error(write("images", numbered_images(2, 2, 2)), ErrorCode::kCorrupt, "rank 3");
  expect_images_error(write("labels", idx_bytes({2}, {0, 1})), ErrorCode::kCorrupt, "rank 1");
}

class LoadIdxTest : public DataFilesTest {};

TEST_F(LoadIdxTest, KeepsTheSharesImagesWithTheirLabels) {
  ByteString labels;
  for (std::uint8_t i = 0; i < 40; ++i) labels.push_back(i % 4);
  const IdxFiles files{write_gzip("images", numbered_images(40, 2, 2)),
                       write_gzip("labels", idx_bytes({40}, labels))};
  std::vector<int> seen(40);
  for (std::uint32_t position = 0; position < 3; ++position) {
    const auto share = load_idx(files, {.partition = Iid{}, .seat = {position, 3, 11}});
    ASSERT_TRUE(share) << share.error().message;
    EXPECT_TRUE(share->validate());
    EXPECT_EQ(share->classes, 4u);
    for (std::size_t i = 0; i < share->size(); ++i) {
      const std::uint8_t number = *share->sample(i);
      EXPECT_EQ(share->labels[i], number % 4);
      ++seen[number];
    }
  }
  EXPECT_THAT(seen, ::testing::Each(1));
}

TEST_F(LoadIdxTest, LimitDealsOnlyTheFirstSamples) {
  const IdxFiles files{write("images", numbered_images(10, 1, 1)),
                       write("labels", idx_bytes({10}, {0, 1, 0, 1, 0, 1, 0, 1, 0, 5}))};
  const auto share = load_idx(files, {.limit = 4});
  ASSERT_TRUE(share) << share.error().message;
  EXPECT_THAT(pixels_of(*share), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(share->classes, 6u) << "the number of classes must not depend on the limit";
}

TEST_F(LoadIdxTest, RefusesFilesThatDoNotBelongTogether) {
  const IdxFiles files{write("images", numbered_images(3, 2, 2)),
                       write("labels", idx_bytes({4}, {0, 1, 0, 1}))};
  const auto share = load_idx(files);
  ASSERT_FALSE(share);
  EXPECT_EQ(share.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(share.error().message, HasSubstr("3 images"));
  EXPECT_THAT(share.error().message, HasSubstr("4 labels"));
}

TEST_F(LoadIdxTest, RefusesEmptyFiles) {
  const IdxFiles files{write("images", idx_bytes({0, 2, 2}, {})),
                       write("labels", idx_bytes({0}, {}))};
  const auto share = load_idx(files);
  ASSERT_FALSE(share);
  EXPECT_THAT(share.error().message, HasSubstr("holds no labels"));
}

}  // namespace
}  // namespace skiptrain::data
