// `data inspect` and `data partition`: their tables, JSON, pictures and exit codes. No daemon is
// asked.
#include <cmath>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/data/deal_chart.h"
#include "ctl/data/picture.h"
#include "data/source.h"
#include "tests/unit/ctl/invocation.h"
#include "tests/unit/data/idx_files.h"
#include "tests/unit/data/image_files.h"
#include "tests/unit/data/torch_files.h"

namespace skiptrain::ctl {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class DataCommandsTest : public data::DataFilesTest {
 protected:
  std::string folder() const { return path(""); }

  // 60 training images of 4x4 in three classes, and 6 for tests.
  void write_idx() const {
    data::ByteString labels;
    for (int i = 0; i < 60; ++i) labels.push_back(static_cast<std::uint8_t>(i % 3));
    write("train-images-idx3-ubyte", data::numbered_images(60, 4, 4));
    write("train-labels-idx1-ubyte", data::idx_bytes({60}, labels));
    write_gzip("t10k-images-idx3-ubyte.gz", data::numbered_images(6, 4, 4));
    write("t10k-labels-idx1-ubyte", data::idx_bytes({6}, {0, 0, 0, 0, 1, 1}));
  }
  std::string text(const std::string& file) const {
    const data::ByteString bytes = contents(file);
    return {bytes.begin(), bytes.end()};
  }
};

TEST_F(DataCommandsTest, InspectsAFolder) {
  write_idx();
  const Invocation ran = skipctl({"data", "inspect", folder()});
  EXPECT_EQ(ran.exit, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("idx"), HasSubstr("60 samples"), HasSubstr("1x4x4"),
                             HasSubstr("uint8"), HasSubstr("33.33 %"), HasSubstr("66.67 %")));
  EXPECT_THAT(ran.out, Not(HasSubstr("\x1b["))) << "no colour unless the terminal has it";
}

TEST_F(DataCommandsTest, InspectsAsJson) {
  write_idx();
  const auto json = skipctl({"data", "inspect", folder(), "-o", "json"}).json();
  EXPECT_EQ(json["format"], "idx");
  ASSERT_EQ(json["parts"].size(), 2u);
  EXPECT_EQ(json["parts"][0]["name"], "train");
  EXPECT_EQ(json["parts"][0]["count"], 60);
  EXPECT_THAT(json["parts"][0]["shape"], ElementsAre(1, 4, 4));
  EXPECT_EQ(json["parts"][1]["classes"], 2);
  EXPECT_EQ(json["parts"][1]["labels"][0]["count"], 4);
  EXPECT_EQ(json["parts"][1]["labels"][1]["label"], 1);
}

TEST_F(DataCommandsTest, InspectsSingleFilesOfEveryFormat) {
  write_idx();
  const auto json = [](const std::string& file) {
    const Invocation ran = skipctl({"data", "inspect", file, "-o", "json"});
    EXPECT_EQ(ran.exit, ExitCode::kOk) << ran.err;
    return ran.exit == ExitCode::kOk ? ran.json() : nlohmann::json();
  };
  const auto bytes = [](const std::string& text) {
    return data::ByteString(text.begin(), text.end());
  };
  EXPECT_EQ(json(path("train-images-idx3-ubyte"))["parts"][0]["count"], 60);
  EXPECT_EQ(json(path("t10k-images-idx3-ubyte.gz"))["parts"][0]["classes"], nullptr);
  EXPECT_EQ(json(path("t10k-labels-idx1-ubyte"))["parts"][0]["labels"][0]["count"], 4);
  const auto npy = json(write("a.npy", data::npy_floats("(3, 2)", {1, 2, 3, 4, 5, 6})));
  EXPECT_EQ(npy["parts"][0]["dtype"], "f4");
  EXPECT_EQ(npy["parts"][0]["count"], 3);
  data::write_zip(path("a.npz"),
                  {{"x_train.npy", data::npy_bytes("(2, 2, 2)", {1, 2, 3, 4, 5, 6, 7, 8})},
                   {"y_train.npy", data::npy_integers("(2,)", {0, 5})},
                   {"other.npy", data::npy_integers("(3,)", {1, 1, 2})}});
  const auto npz = json(path("a.npz"));
  EXPECT_EQ(npz["arrays"].size(), 3u);
  EXPECT_EQ(npz["arrays"][2]["type"], "i8 of shape (3,)");
  EXPECT_EQ(npz["parts"][0]["name"], "train");
  EXPECT_EQ(npz["parts"][0]["labels"][1]["label"], 5);
  EXPECT_EQ(npz["parts"][1]["labels"][0]["count"], 2);
  data::write_zip(
      path("a.pt"),
      data::torch_members(data::kPickleOfTwo,
                          {{1, 2, 3, 4, 5, 6}, data::little_endian<std::int64_t>({2, 0, 1})}));
  EXPECT_EQ(json(path("a.pt"))["parts"][0]["classes"], 3);
  EXPECT_EQ(json(write("a.csv",
                       bytes("label,x\ncat,1\ndog,2\ncat,3\n")))["parts"][0]["labels"][0]["count"],
            2);
  const auto leaf =
      json(write("a.json", bytes("{\"user_data\": {\"u\": {\"x\": [[1]], \"y\": [3]}}}")));
  EXPECT_EQ(leaf["parts"][0]["users"], 1);
  data::write_grey(path("a.png"), 5, 4, 9);
  EXPECT_THAT(json(path("a.png"))["parts"][0]["shape"], ElementsAre(1, 4, 5));
  EXPECT_THAT(json(write("a.jpg", data::jpeg_bytes(5, 4, 3, 9)))["parts"][0]["shape"],
              ElementsAre(3, 4, 5));
}

TEST_F(DataCommandsTest, InspectsNumbersInPlaceOfClasses) {
  data::write_zip(path("a.npz"), {{"x_train.npy", data::npy_floats("(2, 2)", {1, 2, 3, 4})},
                                  {"y_train.npy", data::npy_floats("(2, 3)", {0, 1, 2, 3, 4, 5})}});
  const auto part = skipctl({"data", "inspect", path("a.npz"), "-o", "json"}).json()["parts"][0];
  EXPECT_EQ(part["name"], "train");
  EXPECT_EQ(part["count"], 2);
  EXPECT_EQ(part["targets"], 3);
  EXPECT_EQ(part["classes"], nullptr);
  const Invocation ran = skipctl({"data", "inspect", path("a.npz")});
  EXPECT_THAT(ran.out, HasSubstr("3.0000  4.0000  -> 3.0000  4.0000  5.0000\n"));
  data::write_zip(path("b.npz"), {{"x_train.npy", data::npy_floats("(1, 2)", {1, NAN})},
                                  {"y_train.npy", data::npy_floats("(1,)", {0})}});
  const Invocation refused = skipctl({"data", "inspect", path("b.npz")});
  EXPECT_EQ(refused.exit, ExitCode::kError);
  EXPECT_THAT(refused.err, HasSubstr("row 0: value 1 is nan: must be a finite number"));
}

TEST_F(DataCommandsTest, DrawsSamplesInTheTerminalAndInAFile) {
  write_idx();
  const Invocation ran =
      skipctl({"data", "inspect", folder(), "--picture", path("out.png"), "--samples", "3"});
  EXPECT_EQ(ran.exit, ExitCode::kOk) << ran.err;
  const auto sheet = data::read_image(path("out.png"));
  ASSERT_TRUE(sheet) << sheet.error().message;
  EXPECT_EQ(sheet->shape, (data::ImageShape{1, 104, 304})) << "three tiles of 96 with gaps of 4";
  const Invocation rows =
      skipctl({"data", "inspect", write("a.npy", data::npy_floats("(2, 2)", {1, 2, 3, 4})),
               "--picture", path("no.png")});
  EXPECT_EQ(rows.exit, ExitCode::kError);
  EXPECT_THAT(rows.err, HasSubstr("holds no pictures"));
}

TEST_F(DataCommandsTest, NamesWhatCannotBeRead) {
  const Invocation nowhere = skipctl({"data", "inspect", path("nowhere")});
  EXPECT_EQ(nowhere.exit, ExitCode::kNotFound);
  const Invocation text = skipctl({"data", "inspect", write("a.txt", {'h', 'i'})});
  EXPECT_EQ(text.exit, ExitCode::kError);
  EXPECT_THAT(text.err, HasSubstr("of no format that is known: must be a folder"));
  const Invocation cut = skipctl({"data", "inspect", write("a.json", {'{', '"'})});
  EXPECT_EQ(cut.exit, ExitCode::kError);
  EXPECT_THAT(cut.err, HasSubstr("not JSON"));
}

TEST_F(DataCommandsTest, PreviewsADeal) {
  write_idx();
  const std::vector<std::string> words = {"data", "partition",   "--preview", folder(),  "--nodes",
                                          "6",    "--partition", "shards:1",  "--output"};
  auto svg_words = words;
  svg_words.push_back(path("deal.svg"));
  const Invocation ran = skipctl(svg_words);
  EXPECT_EQ(ran.exit, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("shards:1"), HasSubstr("min 10, mean 10.0, max 10"),
                             HasSubstr("min 1, mean 1.0, max 1"), HasSubstr("the largest: 10")));
  const std::string svg = text(path("deal.svg"));
  EXPECT_THAT(svg, StartsWith("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  std::size_t circles = 0;
  for (std::size_t at = svg.find("<circle"); at != std::string::npos;
       at = svg.find("<circle", at + 1)) {
    ++circles;
  }
  EXPECT_EQ(circles, 6u) << "a class for each node";
  auto html_words = words;
  html_words.push_back(path("deal.html"));
  EXPECT_EQ(skipctl(html_words).exit, ExitCode::kOk);
  EXPECT_THAT(text(path("deal.html")), AllOf(StartsWith("<!doctype html>"), HasSubstr("<svg")));
  auto text_words = words;
  text_words.push_back(path("deal.txt"));
  EXPECT_EQ(skipctl(text_words).exit, ExitCode::kUsage);
}

TEST_F(DataCommandsTest, ThePreviewIsWhatNodesLoad) {
  write_idx();
  const auto json =
      skipctl({"data", "partition", "--preview", folder(), "--nodes", "4", "--partition",
               "dirichlet:0.5", "--seed", "9", "--held-out", "0.2", "-o", "json"})
          .json();
  auto source = data::find_source(folder(), data::TestFiles::kIgnored);
  ASSERT_TRUE(source) << source.error().message;
  source->held_out = 0.2;
  std::uint64_t all = 0;
  for (std::uint32_t node = 0; node < 4; ++node) {
    const auto share = data::load(*source, data::Part::kTrain,
                                  {.partition = data::Dirichlet{0.5}, .seat = {node, 4, 9}});
    ASSERT_TRUE(share) << share.error().message;
    std::vector<std::uint64_t> counts(3);
    for (const data::Label label : share->labels) ++counts[label];
    EXPECT_EQ(json["nodes"][node]["counts"], counts) << node;
    all += share->size();
  }
  EXPECT_EQ(all, 48u);
}

TEST_F(DataCommandsTest, RefusesDealsThatCannotBe) {
  write_idx();
  const auto exit_of = [&](const std::string& nodes, const std::string& partition) {
    return skipctl({"data", "partition", "--preview", folder(), "--nodes", nodes, "--partition",
                    partition})
        .exit;
  };
  EXPECT_EQ(exit_of("4", "halves"), ExitCode::kUsage);
  EXPECT_EQ(exit_of("0", "iid"), ExitCode::kUsage);
  EXPECT_EQ(exit_of("61", "iid"), ExitCode::kError) << "more nodes than samples";
  EXPECT_EQ(exit_of("4", "users"), ExitCode::kError);
  EXPECT_EQ(skipctl({"data", "partition", folder(), "--nodes", "4"}).exit, ExitCode::kUsage);
}

TEST(PictureTest, TwoDotsStandInACharacterWithColour) {
  const data::Dataset samples{{1, 2, 2}, 1, {0, 255, 255, 0}, {0}};
  const auto colour = drawn(samples, 80, true);
  ASSERT_EQ(colour.size(), 1u);
  EXPECT_EQ(colour[0],
            "\x1b[38;2;0;0;0m\x1b[48;2;255;255;255m\u2580"
            "\x1b[38;2;255;255;255m\x1b[48;2;0;0;0m\u2580\x1b[0m");
  const data::Dataset shades{{1, 2, 2}, 1, {0, 255, 0, 255}, {0}};
  EXPECT_THAT(drawn(shades, 80, false), ElementsAre(" @"));
}

TEST(PictureTest, FillsTheWidthAndGoesOnBelow) {
  data::Dataset samples{{1, 2, 4}, 1, data::ByteString(24, 255), {0, 0, 0}};
  EXPECT_THAT(drawn(samples, 9, false), ElementsAre("@@@@ @@@@", "", "@@@@"));
  EXPECT_THAT(drawn(samples, 3, false), ElementsAre("@@@@", "", "@@@@", "", "@@@@"));
}

TEST(PictureTest, FloatsAreShownFromTheirSmallestToTheirLargest) {
  const data::Dataset samples{{1, 2, 2}, 1, {}, {0}, {-1, 3, 1, -1}};
  EXPECT_THAT(picture_of(samples, 0).pixels, ElementsAre(0, 255, 128, 0));
}

TEST(DealChartTest, DotsGrowWithTheirSamples) {
  const Deal deal{{0, 1}, {{100, 0}, {25, 1}}};
  EXPECT_THAT(chart_lines(deal, 80, false), ElementsAre("    1   . ", "    0 @ o ", "      0"));
  const std::string svg = chart_svg(deal, "a < b & \"c\"");
  EXPECT_THAT(svg, HasSubstr("a &lt; b &amp; &quot;c&quot;"));
  EXPECT_THAT(svg, HasSubstr("node 1, class 0: 25 samples"));
  EXPECT_THAT(svg, AllOf(HasSubstr("r=\"13.80\""), HasSubstr("r=\"6.90\"")))
      << "a quarter of the samples, half of the radius";
}

}  // namespace
}  // namespace skiptrain::ctl
