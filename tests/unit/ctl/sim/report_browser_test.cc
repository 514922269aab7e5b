// The page in a browser: every figure is drawn and no script fails. Skipped without Chromium, which
// is too large to be asked of everybody: apt-get install chromium.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/files.h"
#include "ctl/sim/report.h"
#include "samples.h"

namespace skiptrain::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kFailed = "class=\"note script-error\"";

std::string output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "";
  std::string output;
  std::array<char, 4096> buffer{};
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), size);
  }
  pclose(pipe);
  return output;
}

class SimPageInBrowserTest : public testing::Test {
 protected:
  void SetUp() override {
    if (output_of("command -v chromium").empty()) {
      GTEST_SKIP() << "chromium is not installed: apt-get install chromium";
    }
    std::string dir = testing::TempDir() + "skiptrain-page-XXXXXX";
    ASSERT_NE(mkdtemp(dir.data()), nullptr);
    dir_ = dir;
  }
  void TearDown() override {
    if (!dir_.empty()) std::filesystem::remove_all(dir_);
  }

  // The page's elements after its scripts have run.
  std::string drawn(const std::string& html) {
    const std::string path = dir_ + "/page.html";
    EXPECT_TRUE(write_file(path, html));
    const std::string dom = output_of(
        "timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir=" + dir_ +
        "/profile --window-size=1300,900 --dump-dom file://" + path + " 2>/dev/null");
    EXPECT_THAT(dom, HasSubstr("</html>")) << "the browser did not open the page";
    return dom;
  }

 private:
  std::string dir_;
};

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(SimPageInBrowserTest, DrawsAComparison) {
  const std::string dom = drawn(to_html(sample_comparison()));
  EXPECT_THAT(dom, Not(HasSubstr(kFailed)));
  EXPECT_THAT(dom, HasSubstr("data-drawn=\"9\""));
  for (const char* title :
       {"Accuracy against rounds", "Accuracy against energy", "Spread of the accuracy over nodes",
        "Final accuracy of the nodes", "Who trained when", "Consensus distance",
        "Local consensus distance", "Energy per device profile", "Topology: regular:6"}) {
    EXPECT_THAT(dom, HasSubstr("<h3>" + std::string(title) + "</h3>"));
  }
  EXPECT_EQ(count_of(dom, "class=\"edge\""), 192u);
  EXPECT_EQ(count_of(dom, "class=\"band\""), 5u);
  EXPECT_THAT(dom, HasSubstr("Interrupted after 62 of 80 rounds"));
  EXPECT_THAT(dom, Not(HasSubstr("=\"NaN")));
}

TEST_F(SimPageInBrowserTest, DrawsTheGridOfASweep) {
  const std::string dom = drawn(to_html(sample_sweep()));
  EXPECT_THAT(dom, Not(HasSubstr(kFailed)));
  EXPECT_THAT(dom, HasSubstr("Mean accuracy over the Γ grid"));
  EXPECT_EQ(count_of(dom, "class=\"on-step strong\""), 15u);
  EXPECT_EQ(count_of(dom, "class=\"cell-empty\""), 1u);
  EXPECT_EQ(count_of(dom, "class=\"cell-best\""), 1u);
}

TEST_F(SimPageInBrowserTest, SaysThatNothingWasEvaluated) {
  const std::string dom = drawn(to_html(sample_without_evaluation()));
  EXPECT_THAT(dom, Not(HasSubstr(kFailed)));
  EXPECT_THAT(dom, HasSubstr("data-drawn=\"5\""));
  EXPECT_THAT(dom, HasSubstr("Nothing was evaluated"));
  EXPECT_THAT(dom, Not(HasSubstr("=\"NaN")));
}

TEST_F(SimPageInBrowserTest, PlotsTheLossOfATrainerWithoutAccuracy) {
  const std::string dom = drawn(to_html(sample_quadratic()));
  EXPECT_THAT(dom, Not(HasSubstr(kFailed)));
  EXPECT_THAT(dom, HasSubstr("<h3>Loss against rounds</h3>"));
  EXPECT_THAT(dom, HasSubstr("Too large to be drawn"));
  EXPECT_THAT(dom, Not(HasSubstr("=\"NaN")));
}

TEST_F(SimPageInBrowserTest, DrawsARunThatDidNotBegin) {
  SimulationResults results = sample_comparison();
  SimulatedRun& run = results.runs.emplace_back();
  run.label = "not begun";
  run.trainer = "learn";
  run.interrupted = true;
  const std::string dom = drawn(to_html(results));
  EXPECT_THAT(dom, Not(HasSubstr(kFailed)));
  EXPECT_THAT(dom, HasSubstr("data-drawn=\"9\""));
  EXPECT_THAT(dom, HasSubstr("Interrupted after 0 of 80 rounds"));
  EXPECT_THAT(dom, Not(HasSubstr("=\"NaN")));
}

TEST_F(SimPageInBrowserTest, DrawsNoRunsAtAll) {
  const std::string dom = drawn(to_html({.command = "skipctl sim", .version = "0"}));
  EXPECT_THAT(dom, Not(HasSubstr(kFailed)));
  EXPECT_THAT(dom, HasSubstr("No run was finished."));
}

TEST_F(SimPageInBrowserTest, SaysWhenItsScriptFails) {
  std::string page = to_html(sample_without_evaluation());
  const std::string whole = "\"runs\":";
  page.replace(page.find(whole), whole.size(), "\"else\":");
  EXPECT_THAT(drawn(page), HasSubstr(kFailed));
}

}  // namespace
}  // namespace skiptrain::ctl
