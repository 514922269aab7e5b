#include "data/image_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/data/image_files.h"

namespace skiptrain::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ImageFolderTest : public DataFilesTest {
 protected:
  std::string make_folder(const std::string& name) const {
    std::filesystem::create_directories(path(name));
    return path(name);
  }
  // train/cat/{a,b}.png, train/dog/c.png, test/dog/d.png, of shades 1 to 4.
  void write_pets() const {
    for (const char* folder : {"train/cat", "train/dog", "test/dog"}) make_folder(folder);
    write_grey(path("train/cat/a.png"), 2, 1, 1);
    write_grey(path("train/cat/b.png"), 2, 1, 2);
    write_grey(path("train/dog/c.png"), 2, 1, 3);
    write_grey(path("test/dog/d.png"), 2, 1, 4);
  }
  Result<ImageFolders> open() const { return ImageFolders::open({path("train"), path("test")}); }
  void expect_refused(ErrorCode code, const std::string& file, const std::string& part) const {
    const auto opened = open();
    const auto loaded = opened ? opened->load(0) : tl::unexpected<Error>(opened.error());
    const auto test = loaded && opened ? opened->load(1) : loaded;
    ASSERT_FALSE(test) << part;
    EXPECT_EQ(test.error().code, code) << test.error().message;
    EXPECT_THAT(test.error().message, StartsWith(path(file) + ": "));
    EXPECT_THAT(test.error().message, HasSubstr(part));
  }
};

TEST_F(ImageFolderTest, ClassesAreTheFoldersNames) {
  write_pets();
  write("train/README", {'x'});       // beside the classes, anything may lie
  write("train/cat/.hidden", {'x'});  // and hidden things anywhere
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_THAT(opened->classes(), ElementsAre("cat", "dog"));
  const auto train = opened->load(0);
  ASSERT_TRUE(train) << train.error().message;
  EXPECT_TRUE(train->validate());
  EXPECT_EQ(train->shape, (ImageShape{1, 1, 2}));
  EXPECT_THAT(pixels_of(*train), ElementsAre(1, 1, 2, 2, 3, 3));
  EXPECT_THAT(train->labels, ElementsAre(0, 0, 1));
  const auto test = opened->load(1);
  ASSERT_TRUE(test) << test.error().message;
  EXPECT_THAT(test->labels, ElementsAre(1)) << "dogs are what they are in the training images";
  EXPECT_EQ(test->classes, 2u);
}

TEST_F(ImageFolderTest, DecodesOnlyTheShare) {
  write_pets();
  write("train/dog/c.png", {1, 2, 3});
  const auto share = open()->load(0, {.limit = 2});
  ASSERT_TRUE(share) << share.error().message;
  EXPECT_THAT(pixels_of(*share), ElementsAre(1, 1, 2, 2));
  EXPECT_EQ(share->classes, 2u);
}

TEST_F(ImageFolderTest, GreyIsWidenedAmongColours) {
  write_pets();
  write_png_rows(path("train/cat/a.png"), 2, {{1, 2, 3, 4, 5, 6}}, {PNG_COLOR_TYPE_RGB});
  const auto train = open()->load(0);
  ASSERT_TRUE(train) << train.error().message;
  EXPECT_EQ(train->shape, (ImageShape{3, 1, 2}));
  EXPECT_THAT(pixels_of(*train), ElementsAre(1, 4, 2, 5, 3, 6, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3));
}

TEST_F(ImageFolderTest, RefusesImagesOfUnequalSize) {
  write_pets();
  write_grey(path("train/dog/c.png"), 3, 1, 3);
  expect_refused(ErrorCode::kMismatch, "train/dog/c.png",
                 "3x1 in grey, but " + path("train/cat/a.png") +
                     " is 2x1 in grey: all must be alike; with ImageMagick: mogrify -resize 2x1!");
  write_grey(path("train/dog/c.png"), 2, 1, 3);
  write_grey(path("test/dog/d.png"), 2, 2, 3);
  expect_refused(ErrorCode::kMismatch, "test/dog/d.png", "2x2 in grey, but");
  write_png_rows(path("test/dog/d.png"), 2, {ByteString(6)}, {PNG_COLOR_TYPE_RGB});
  expect_refused(ErrorCode::kMismatch, "test/dog/d.png", "2x1 in RGB, but");
}

TEST_F(ImageFolderTest, RefusesDamagedImages) {
  write_pets();
  ByteString bytes = contents(path("train/dog/c.png"));
  bytes.resize(bytes.size() / 2);
  write("train/dog/c.png", bytes);
  expect_refused(ErrorCode::kCorrupt, "train/dog/c.png", "a PNG file that cannot be read");
}

TEST_F(ImageFolderTest, RefusesFoldersThatAreNoClasses) {
  expect_refused(ErrorCode::kNotFound, "train", "is no folder that can be read");
  make_folder("train");
  expect_refused(ErrorCode::kNotFound, "train", "there must be one for each class");
  write_pets();
  make_folder("test/eel");
  write_grey(path("test/eel/e.png"), 2, 1, 3);
  expect_refused(ErrorCode::kInvalidArgument, "test/eel",
                 "a class that the training images do not have, which are of \"cat\", \"dog\"");
  std::filesystem::remove_all(path("test/eel"));
  write("train/cat/list.txt", {'x'});
  expect_refused(ErrorCode::kInvalidArgument, "train/cat/list.txt", "must be a file .png, .jpg");
  std::filesystem::remove(path("train/cat/list.txt"));
  make_folder("train/owl");
  expect_refused(ErrorCode::kNotFound, "train/owl", "there is no image of this class");
}

}  // namespace
}  // namespace skiptrain::data
