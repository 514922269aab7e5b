// The live view as text, on screens of all sizes.
#include <clocale>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/watch/picture.h"

namespace skiptrain::ctl {
namespace {

using testing::AllOf;
using testing::Each;
using testing::EndsWith;
using testing::Eq;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class WatchPictureTest : public testing::Test {
 protected:
  WatchPictureTest() { EXPECT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr); }
  ~WatchPictureTest() override { std::setlocale(LC_CTYPE, "C"); }

  // Node i is in round 10 + i, with an accuracy of i %.
  static WatchState state_of(std::size_t nodes) {
    WatchState state;
    for (std::size_t i = 0; i < nodes; ++i) {
      v1::GetStatusResponse status;
      status.set_run_id("run-1");
      status.set_cluster_id("demo");
      status.set_phase(v1::PHASE_EXCHANGING);
      status.set_round(10 + i);
      status.set_total_rounds(80);
      status.set_energy_spent_wh(0.01 * static_cast<double>(i));
      status.mutable_schedule()->set_policy(v1::POLICY_DPSGD);
      status.mutable_last_evaluation()->set_accuracy(0.01 * static_cast<double>(i));
      state.nodes.push_back({"node-" + std::to_string(i), status});
      state.curves.push_back({{{5, 0.0}, {10, 0.01 * static_cast<double>(i)}}, {}});
    }
    return state;
  }

  static std::vector<std::string> text_of(const std::vector<PictureLine>& lines) {
    std::vector<std::string> texts;
    for (const PictureLine& line : lines) {
      std::string text;
      for (const Span& span : line) text += span.text;
      texts.push_back(text);
    }
    return texts;
  }

  static std::vector<std::string> texts(const WatchState& state, const WatchView& view) {
    return text_of(picture(state, view));
  }

  static std::size_t line_with(const std::vector<std::string>& lines, const std::string& part) {
    std::size_t i = 0;
    while (i < lines.size() && lines[i].find(part) == std::string::npos) ++i;
    return i;
  }
};

TEST_F(WatchPictureTest, FitsScreensOfAnySize) {
  WatchState state = state_of(40);
  state.nodes[3].name = "a-name-that-is-much-longer-than-any-column-should-be";
  state.nodes[4].name = "節点-四";
  state.nodes[5].status.reset();
  for (std::size_t width = 1; width <= 200; width += 7) {
    for (std::size_t height = 1; height <= 60; height += 3) {
      const auto lines = texts(state, {.width = width, .height = height});
      EXPECT_EQ(lines.size(), height) << width << 'x' << height;
      for (const std::string& line : lines) {
        EXPECT_LE(cells_of(line), width) << width << 'x' << height << ": " << line;
      }
    }
  }
}

TEST_F(WatchPictureTest, UsualTerminalShowsWhatMattersMost) {
  WatchState state = state_of(8);
  auto& waiting = *state.nodes[2].status->add_waiting_for();
  waiting.set_node_id(7);
  waiting.set_node_name("node-7");
  waiting.set_seconds(1.5);
  const auto lines = texts(state, {});
  ASSERT_EQ(lines.size(), 24U);
  EXPECT_THAT(lines[0],
              AllOf(HasSubstr("run run-1, cluster demo, dpsgd"), HasSubstr("8 of 8 nodes answer")));
  const std::string& header = lines[3];
  for (const char* title : {"node▲", "phase", "round", "accuracy", "waits for"}) {
    EXPECT_THAT(header, HasSubstr(title));
  }
  EXPECT_THAT(lines[4 + 2], AllOf(StartsWith("node-2"), HasSubstr("12/80"), HasSubstr("2.00 %"),
                                  HasSubstr("node-7 1.5 s")));
  EXPECT_THAT(lines[22], HasSubstr("node-7 holds up node-2"));
  EXPECT_THAT(lines[23], HasSubstr("q quit"));
}

TEST_F(WatchPictureTest, NarrowScreensLoseTheLeastImportantColumns) {
  const WatchState state = state_of(2);
  const auto header = [&](std::size_t width) { return texts(state, {.width = width})[3]; };
  EXPECT_THAT(header(160), AllOf(HasSubstr("sent"), HasSubstr("trained"), HasSubstr("waits for")));
  EXPECT_THAT(header(60), AllOf(Not(HasSubstr("sent")), HasSubstr("accuracy")));
  EXPECT_THAT(header(20), AllOf(StartsWith("node"), HasSubstr("phase"), Not(HasSubstr("round"))));
}

TEST_F(WatchPictureTest, SortsByTheChosenColumnWithSilentNodesLast) {
  WatchState state = state_of(4);
  state.nodes[3].status.reset();
  WatchView view{.sort = WatchColumn::kAccuracy, .descending = true};
  auto lines = texts(state, view);
  EXPECT_THAT(lines[3], HasSubstr("accuracy▼"));
  EXPECT_THAT(lines[4], StartsWith("node-2"));
  EXPECT_THAT(lines[6], StartsWith("node-0"));
  EXPECT_THAT(lines[7], AllOf(StartsWith("node-3"), HasSubstr("no answer")));
  view = pressed(view, WatchKey::kReverse, 4);
  lines = texts(state, view);
  EXPECT_THAT(lines[4], StartsWith("node-0"));
  EXPECT_THAT(lines[7], StartsWith("node-3"));
  EXPECT_THAT(lines[0], HasSubstr("3 of 4 nodes answer"));
}

TEST_F(WatchPictureTest, KeysWalkThroughAllColumnsThatHaveAnOrder) {
  WatchView view;
  std::size_t steps = 0;
  do {
    view = pressed(view, WatchKey::kRight, 1);
    EXPECT_NE(view.sort, WatchColumn::kCurve);
  } while (view.sort != WatchColumn::kNode && ++steps < 100);
  EXPECT_EQ(steps, 8U);
  EXPECT_EQ(pressed(view, WatchKey::kLeft, 1).sort, WatchColumn::kWaits);
}

TEST_F(WatchPictureTest, ManyNodesAreScrolledTo) {
  const WatchState state = state_of(100);
  WatchView view;  // room for 18 rows
  EXPECT_THAT(texts(state, view)[23], HasSubstr("rows 1-18 of 100"));
  view = pressed(view, WatchKey::kPageDown, 100);
  EXPECT_THAT(texts(state, view)[4], StartsWith("node-18"));
  view = pressed(view, WatchKey::kDown, 100);
  EXPECT_THAT(texts(state, view)[4], StartsWith("node-19"));
  view = pressed(view, WatchKey::kEnd, 100);
  EXPECT_THAT(texts(state, view)[21], StartsWith("node-99"));
  EXPECT_EQ(pressed(view, WatchKey::kDown, 100).first_row, view.first_row);
  // The window has grown since.
  view.height = 60;
  EXPECT_THAT(texts(state, view)[57], StartsWith("node-99"));
  view = pressed(view, WatchKey::kUp, 100);
  EXPECT_THAT(texts(state, view)[57], StartsWith("node-98"));
  EXPECT_EQ(pressed(view, WatchKey::kHome, 100).first_row, 0U);
}

TEST_F(WatchPictureTest, WithoutUtf8ThereIsNothingBeyondAscii) {
  std::setlocale(LC_CTYPE, "C");
  WatchState state = state_of(30);
  state.nodes[1].name = "n\xc3\xa4-1";
  for (const std::string& line : texts(state, {.width = 60, .utf8 = false})) {
    for (const char c : line) EXPECT_TRUE(c >= ' ' && c < 0x7f) << line;
  }
}

TEST_F(WatchPictureTest, NamesCannotGiveTheTerminalOrders) {
  WatchState state = state_of(1);
  state.nodes[0].name = "a\033[2Jb\n";
  EXPECT_THAT(texts(state, {})[4], StartsWith("a?[2Jb?"));
}

TEST_F(WatchPictureTest, CurvesShareOneScale) {
  WatchState state = state_of(0);
  for (const double value : {0.2, 0.9}) {
    state.nodes.push_back({"n", v1::GetStatusResponse()});
    state.curves.push_back({{{1, 0.1}, {2, value}}, {}});
  }
  const auto lines = texts(state, {.width = 120});
  EXPECT_THAT(lines[4], HasSubstr("▁▂"));
  EXPECT_THAT(lines[5], HasSubstr("▁█"));
  EXPECT_THAT(lines[2], AllOf(HasSubstr("mean accuracy ▁▅"), HasSubstr("55.00 %")));
}

TEST_F(WatchPictureTest, WithoutAnAccuracyTheLossIsShown) {
  WatchState state = state_of(1);
  state.nodes[0].status->mutable_last_evaluation()->clear_accuracy();
  state.nodes[0].status->mutable_last_evaluation()->set_loss(1.25);
  state.curves[0] = {{}, {{5, 2.0}, {10, 1.25}}};
  const auto lines = texts(state, {.width = 120});
  EXPECT_THAT(lines[2], HasSubstr("mean test loss █▁"));
  EXPECT_THAT(lines[3], HasSubstr("test loss"));
  EXPECT_THAT(lines[4], HasSubstr("1.2500"));
}

TEST_F(WatchPictureTest, BeforeTheFirstLookThereIsAFrame) {
  const auto lines = texts({}, {});
  EXPECT_EQ(lines.size(), 24U);
  EXPECT_THAT(lines[0], HasSubstr("0 of 0 nodes answer"));
}

TEST_F(WatchPictureTest, FittedCutsAtCellsNotBytes) {
  EXPECT_EQ(fitted("abc", 5), "abc  ");
  EXPECT_EQ(fitted("abc", 5, true), "  abc");
  EXPECT_EQ(fitted("abcdef", 4), "abc…");
  EXPECT_EQ(fitted("節点", 4), "節点");
  EXPECT_EQ(fitted("節点四", 4), "節… ");
  EXPECT_EQ(fitted("x", 0), "");
  EXPECT_EQ(fitted("\xff", 2), "? ");
}

TEST_F(WatchPictureTest, SparklineAveragesWhatHasNoRoom) {
  EXPECT_EQ(sparkline({0, 1}, 8, 0, 1, true), "▁█");
  EXPECT_EQ(sparkline({0, 0, 1, 1}, 2, 0, 1, false), "_#");
  EXPECT_EQ(sparkline({3, 3}, 8, 3, 3, false), "++");
  EXPECT_EQ(sparkline({}, 8, 0, 1, true), "");
}

}  // namespace
}  // namespace skiptrain::ctl
