#include "data/image_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/unit/data/image_files.h"

namespace skiptrain::data {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ImageFileTest : public DataFilesTest {
 protected:
  Image png(std::uint32_t width, const std::vector<ByteString>& rows, const PngForm& form) const {
    write_png_rows(path("a.png"), width, rows, form);
    auto image = read_image(path("a.png"));
    EXPECT_TRUE(image) << image.error().message;
    return image ? *image : Image{};
  }
  static void expect_refused(const std::string& file, ErrorCode code, const std::string& part) {
    const auto image = read_image(file);
    ASSERT_FALSE(image) << file;
    EXPECT_EQ(image.error().code, code) << image.error().message;
    EXPECT_THAT(image.error().message, StartsWith(file + ": "));
    EXPECT_THAT(image.error().message, HasSubstr(part));
  }
};

TEST_F(ImageFileTest, ReadsGreyAndColour) {
  const Image grey = png(2, {{1, 2}, {3, 4}, {5, 6}}, {});
  EXPECT_EQ(grey.shape, (ImageShape{1, 3, 2}));
  EXPECT_THAT(grey.pixels, ElementsAre(1, 2, 3, 4, 5, 6));
  const Image colour = png(2, {{1, 2, 3, 4, 5, 6}}, {PNG_COLOR_TYPE_RGB});
  EXPECT_EQ(colour.shape, (ImageShape{3, 1, 2}));
  EXPECT_THAT(colour.pixels, ElementsAre(1, 4, 2, 5, 3, 6)) << "all of red, of green, of blue";
}

TEST_F(ImageFileTest, WidensPalettesAndFewBits) {
  const Image palette = png(2, {{1, 0}}, {PNG_COLOR_TYPE_PALETTE, 8, {{10, 20, 30}, {40, 50, 60}}});
  EXPECT_THAT(palette.pixels, ElementsAre(40, 10, 50, 20, 60, 30));
  EXPECT_THAT(png(8, {{0b1010'0000}}, {PNG_COLOR_TYPE_GRAY, 1}).pixels,
              ElementsAre(255, 0, 255, 0, 0, 0, 0, 0));
}

TEST_F(ImageFileTest, TakesAnAlphaChannelThatIsOpaque) {
  EXPECT_THAT(png(1, {{9, 255}}, {PNG_COLOR_TYPE_GRAY_ALPHA}).pixels, ElementsAre(9));
  EXPECT_THAT(png(1, {{1, 2, 3, 255}}, {PNG_COLOR_TYPE_RGB_ALPHA}).pixels, ElementsAre(1, 2, 3));
  write_png_rows(path("clear.png"), 2, {{1, 255, 2, 255}, {3, 255, 4, 254}},
                 {PNG_COLOR_TYPE_GRAY_ALPHA});
  expect_refused(path("clear.png"), ErrorCode::kInvalidArgument,
                 "row 1, column 1 is see-through: must be opaque");
}

TEST_F(ImageFileTest, ReadsJpeg) {
  for (const int channels : {1, 3}) {
    const auto image = read_image(write("a.jpg", jpeg_bytes(5, 3, channels, 200)));
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->shape, (ImageShape{static_cast<std::uint32_t>(channels), 3, 5}));
    EXPECT_THAT(image->pixels, Each(::testing::AllOf(::testing::Ge(198), ::testing::Le(202))));
  }
  expect_refused(write("cmyk.jpg", jpeg_bytes(5, 3, 4, 9)), ErrorCode::kInvalidArgument, "CMYK");
}

TEST_F(ImageFileTest, RefusesTruncatedFiles) {
  Rng rng(3);
  std::vector<ByteString> rows(40, ByteString(40));
  for (ByteString& row : rows) {
    for (std::uint8_t& pixel : row) pixel = static_cast<std::uint8_t>(rng.next());
  }
  write_png_rows(path("whole.png"), 40, rows);
  const ByteString png = contents(path("whole.png"));
  const ByteString jpeg = jpeg_bytes(64, 64, 3, 77);
  for (std::size_t size = 8; size + 12 < png.size(); size += 13) {
    expect_refused(write("cut.png", ByteString(png.begin(), png.begin() + size)),
                   ErrorCode::kCorrupt, "a PNG file that cannot be read: ");
  }
  for (std::size_t size = 3; size + 2 < jpeg.size(); size += 13) {
    expect_refused(write("cut.jpg", ByteString(jpeg.begin(), jpeg.begin() + size)),
                   ErrorCode::kCorrupt, "a JPEG file that cannot be read: ");
  }
}

TEST_F(ImageFileTest, RefusesDamageAndOtherFiles) {
  write_grey(path("a.png"), 4, 4, 7);
  ByteString bytes = contents(path("a.png"));
  bytes[bytes.size() - 20] ^= 0x55;  // within the pixels or their CRC
  expect_refused(write("bad.png", bytes), ErrorCode::kCorrupt, "cannot be read");
  expect_refused(write("text.png", {'h', 'i'}), ErrorCode::kCorrupt, "neither a PNG nor a JPEG");
  expect_refused(write("empty.png", {}), ErrorCode::kCorrupt, "neither");
  expect_refused(path("nowhere.png"), ErrorCode::kNotFound, "No such file");
  write_grey(path("wide.png"), 4097, 1, 0);
  expect_refused(path("wide.png"), ErrorCode::kResourceExhausted, "4097x1 pixels");
}

TEST_F(ImageFileTest, ReadsWhatItWrites) {
  for (const Image& image :
       {Image{{1, 2, 3}, {1, 2, 3, 4, 5, 6}}, Image{{3, 1, 2}, {1, 2, 3, 4, 5, 6}}}) {
    ASSERT_TRUE(write_png(image, path("out.png")));
    const auto again = read_image(path("out.png"));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->shape, image.shape);
    EXPECT_EQ(again->pixels, image.pixels);
  }
  const Status nowhere = write_png({{1, 1, 1}, {1}}, path("no/such/folder.png"));
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message, StartsWith(path("no/such/folder.png") + ": "));
}

}  // namespace
}  // namespace skiptrain::data
