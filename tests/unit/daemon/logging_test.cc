#include "daemon/logging/logging.h"

#include <stdlib.h>

#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace skiptrain::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class LoggingTest : public ::testing::Test {
 protected:
  LoggingTest() {
    std::string name = (std::filesystem::temp_directory_path() / "logging-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
    folder_ = name;
    settings_.file = folder_ / "log";
  }
  ~LoggingTest() override {
    const Status back = start_logging({}, "test");
    if (!back) ADD_FAILURE() << back.error().message;
    std::filesystem::remove_all(folder_);
  }

  void start() {
    const Status started = start_logging(settings_, "node-1");
    ASSERT_TRUE(started.has_value()) << started.error().message;
  }
  std::vector<std::string> lines() const {
    std::ifstream in(settings_.file);
    std::vector<std::string> result;
    for (std::string line; std::getline(in, line);) result.push_back(line);
    return result;
  }

  std::filesystem::path folder_;
  LogSettings settings_;
};

TEST_F(LoggingTest, TextLineHasTimeLevelAndNode) {
  start();
  spdlog::warn("neighbour {} is gone", 3);
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_THAT(lines()[0], MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9:]+\\.[0-9]+Z warn node-1: "
                                       "neighbour 3 is gone"));
}

TEST_F(LoggingTest, NoMessageBreaksATextLine) {
  start();
  spdlog::info("one\ntwo\x1b[31m");
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_THAT(lines()[0], HasSubstr("one\\x0atwo\\x1b[31m"));
}

TEST_F(LoggingTest, JsonLineParsesWhateverTheMessage) {
  settings_.format = LogFormat::kJson;
  start();
  const std::string odd = "quote \" backslash \\ newline \n bell \a";
  spdlog::error("{}", odd);
  spdlog::error("{}", "not UTF-8: \xff\xfe");
  ASSERT_EQ(lines().size(), 2u);
  const auto line = nlohmann::json::parse(lines()[0]);
  EXPECT_EQ(line["message"], odd);
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["node"], "node-1");
  EXPECT_THAT(line["time"].get<std::string>(), HasSubstr("T"));
  EXPECT_THAT(nlohmann::json::parse(lines()[1])["message"].get<std::string>(),
              HasSubstr("not UTF-8: "));
}

TEST_F(LoggingTest, LevelChangesWhileRunning) {
  settings_.level = LogLevel::kWarn;
  start();
  EXPECT_EQ(log_level(), LogLevel::kWarn);
  spdlog::info("unseen");
  set_log_level(LogLevel::kDebug);
  EXPECT_EQ(log_level(), LogLevel::kDebug);
  spdlog::debug("seen");
  set_log_level(LogLevel::kOff);
  spdlog::critical("unseen");
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_THAT(lines()[0], HasSubstr("seen"));
}

TEST_F(LoggingTest, ReopenLetsARotatedFileGo) {
  start();
  spdlog::info("before");
  std::filesystem::rename(settings_.file, folder_ / "log.1");
  spdlog::info("still in the old file");
  ASSERT_TRUE(reopen_log().has_value());
  spdlog::info("after");
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_THAT(lines()[0], HasSubstr("after"));
}

TEST_F(LoggingTest, KeepsTheOldFileIfTheNewOneCannotBeOpened) {
  start();
  const std::filesystem::path old = folder_ / "log.1";
  std::filesystem::rename(settings_.file, old);
  std::filesystem::create_directory(settings_.file);  // in the way
  const Status reopened = reopen_log();
  ASSERT_FALSE(reopened.has_value());
  EXPECT_EQ(reopened.error().code, ErrorCode::kUnavailable);
  spdlog::info("not lost");
  std::ifstream in(old);
  std::string line;
  std::getline(in, line);
  EXPECT_THAT(line, HasSubstr("not lost"));
}

TEST_F(LoggingTest, SaysWhichFileCannotBeOpened) {
  settings_.file = folder_;
  const Status started = start_logging(settings_, "node-1");
  ASSERT_FALSE(started.has_value());
  EXPECT_THAT(started.error().message, HasSubstr(folder_.string()));
}

TEST_F(LoggingTest, KeepsTheNewestLinesInMemory) {
  settings_.format = LogFormat::kJson;
  start();
  spdlog::info("first");
  ASSERT_TRUE(reopen_log());
  for (std::size_t i = 1; i <= kRecentLogLines; ++i) spdlog::info("line {}\n", i);
  const auto all = recent_log_lines();
  ASSERT_EQ(all.size(), kRecentLogLines);
  EXPECT_THAT(all.front(), MatchesRegex("[-0-9T:.]+Z info node-1: line 1.x0a"));
  EXPECT_THAT(all.back(), HasSubstr("line " + std::to_string(kRecentLogLines)));
  const auto last = recent_log_lines(2);
  ASSERT_EQ(last.size(), 2u);
  EXPECT_EQ(last.back(), all.back());
}

}  // namespace
}  // namespace skiptrain::daemon
