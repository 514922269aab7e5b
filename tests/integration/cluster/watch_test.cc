// `skipctl watch` on a terminal: real daemons, and tmux as the terminal and the hands on its keys.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kTmux = "/usr/bin/tmux";

// A shell on a terminal that exists in tmux alone.
class Pane {
 public:
  explicit Pane(const TestDir& dir) : socket_(dir / "tmux") {
    tmux({"-u", "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "24",
          "exec env LC_ALL=C.UTF-8 PS1='$ ' sh"});
  }
  ~Pane() { tmux({"kill-server"}); }
  Pane(const Pane&) = delete;
  Pane& operator=(const Pane&) = delete;

  std::string tmux(std::vector<std::string> words) const {
    words.insert(words.begin(), {kTmux, "-S", socket_});
    return run(words).out;
  }
  void type(const std::string& line) const { tmux({"send-keys", line, "Enter"}); }
  void press(const std::string& key) const { tmux({"send-keys", key}); }
  std::string text() const { return tmux({"capture-pane", "-p"}); }
  std::string coloured_text() const { return tmux({"capture-pane", "-p", "-e"}); }
  std::vector<std::string> lines() const {
    std::istringstream in(text());
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  // Does a full-screen program have it?
  bool is_taken() const { return tmux({"display", "-p", "#{alternate_on}"}) == "1\n"; }
  bool shows(const std::string& part) const {
    return eventually([&] { return text().find(part) != std::string::npos; });
  }
  bool is_given_back() const {
    return eventually([&] { return !is_taken(); });
  }
  // Of the program that the shell has started.
  pid_t program() const {
    const std::string shell = tmux({"display", "-p", "#{pane_pid}"});
    const std::string pid = shell.substr(0, shell.find('\n'));
    std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
    pid_t child = -1;
    children >> child;
    return child;
  }

 private:
  const std::string socket_;
};

class WatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kTmux)) GTEST_SKIP() << "Debian's package tmux is not installed";
    cluster_.set("run.rounds", "1000000");
    cluster_.set("train.local_steps", "400");
    cluster_.set("round.evaluate_every", "1");
    cluster_.start_all();
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      ASSERT_TRUE(cluster_.wait_for_round(i, 3)) << cluster_.describe();
    }
  }

  std::string watch(const std::string& more = "") const {
    return std::string(SKIPCTL) + " -e " + cluster_.socket(0) + " --all watch --interval 100ms " +
           more + "; echo \"rc=$?\"";
  }
  // What a shell needs: lines with an echo.
  static void expect_usable(const Pane& pane) {
    EXPECT_TRUE(pane.is_given_back());
    pane.type("clear; stty -a");
    EXPECT_TRUE(pane.shows(" icanon")) << pane.text();
    EXPECT_THAT(pane.text(), Not(HasSubstr("-icanon")));
    EXPECT_THAT(pane.text(), HasSubstr(" echo "));
  }

  TestCluster cluster_{4};
};

TEST_F(WatchTest, TakesTheScreenSortsResizesAndGivesItBack) {
  const Pane pane(cluster_.dir());
  pane.type(watch());
  ASSERT_TRUE(pane.shows("4 of 4 nodes answer")) << pane.text();
  EXPECT_TRUE(pane.is_taken());
  EXPECT_EQ(pane.lines().size(), 24U);
  EXPECT_THAT(pane.text(), HasSubstr("node▲"));
  EXPECT_TRUE(pane.shows("mean accuracy")) << pane.text();
  pane.press("Right");
  EXPECT_TRUE(pane.shows("phase▲")) << pane.text();
  pane.press("r");
  EXPECT_TRUE(pane.shows("phase▼")) << pane.text();
  pane.tmux({"resize-window", "-x", "50", "-y", "6"});
  EXPECT_TRUE(pane.shows("rows 1-2 of 4")) << pane.text();
  pane.tmux({"resize-window", "-x", "100", "-y", "24"});
  EXPECT_TRUE(pane.shows("waits for")) << pane.text();
  ASSERT_TRUE(cluster_.kill(2));
  EXPECT_TRUE(pane.shows("3 of 4 nodes answer")) << pane.text();
  EXPECT_TRUE(pane.shows("no answer")) << pane.text();
  pane.press("q");
  EXPECT_TRUE(pane.shows("rc=8")) << pane.text();
  EXPECT_THAT(pane.text(), Not(HasSubstr("nodes answer")));
  expect_usable(pane);
}

TEST_F(WatchTest, RestoresTheTerminalWhateverEndsIt) {
  const Pane pane(cluster_.dir());
  const auto start = [&] {
    pane.type("clear; " + watch());
    return eventually([&] { return pane.is_taken() && pane.program() > 0; }) &&
           pane.shows("4 of 4 nodes answer");
  };
  ASSERT_TRUE(start());
  pane.press("C-c");
  EXPECT_TRUE(pane.shows("rc=0")) << pane.text();
  expect_usable(pane);

  for (const int signal : {SIGTERM, SIGHUP}) {
    ASSERT_TRUE(start());
    ::kill(pane.program(), signal);
    EXPECT_TRUE(pane.shows("rc=" + std::to_string(128 + signal))) << pane.text();
    expect_usable(pane);
  }

  // The shell stops it, has the terminal meanwhile, and lets it go on.
  ASSERT_TRUE(start());
  pane.press("C-z");
  expect_usable(pane);
  pane.type("clear; fg");
  EXPECT_TRUE(eventually([&] { return pane.is_taken(); }));
  EXPECT_TRUE(pane.shows("4 of 4 nodes answer")) << pane.text();
  pane.press("q");
  expect_usable(pane);
}

TEST_F(WatchTest, ColoursUnlessTheyAreUnwanted) {
  constexpr const char* kGreen = "\033[32m";
  const Pane pane(cluster_.dir());
  pane.type(watch());
  ASSERT_TRUE(pane.shows("4 of 4 nodes answer"));
  EXPECT_THAT(pane.coloured_text(), HasSubstr(kGreen));
  pane.press("q");
  ASSERT_TRUE(pane.is_given_back());
  pane.type("clear; NO_COLOR=1 " + watch());
  ASSERT_TRUE(pane.shows("4 of 4 nodes answer"));
  EXPECT_THAT(pane.coloured_text(), Not(HasSubstr(kGreen)));
  pane.press("q");
}

TEST_F(WatchTest, PrintsLinesWhereNoScreenCanBeDrawn) {
  const Pane pane(cluster_.dir());
  for (const std::string& command :
       {"TERM=dumb " + watch("--count 1"), "TERM=no-such-terminal " + watch("--count 1"),
        watch("--count 1 --lines"), watch("--count 1 </dev/null")}) {
    pane.type("clear; " + command);
    EXPECT_TRUE(pane.shows("rc=0")) << command << '\n' << pane.text();
    EXPECT_THAT(pane.text(), HasSubstr("round ")) << command;
    EXPECT_FALSE(pane.is_taken()) << command;
  }
}

}  // namespace
}  // namespace skiptrain::integration
