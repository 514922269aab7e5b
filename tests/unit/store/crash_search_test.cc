// Every file operation of a script of rounds fails in turn, in every way that a disk can.
#include "tests/unit/store/crash_search.h"

#include <gtest/gtest.h>

#include "tests/unit/store/crash_script.h"

namespace skiptrain::store::testing {
namespace {

std::string text_of(const SearchResult& result) {
  std::string text = std::to_string(result.cases) + " cases";
  for (const std::string& violation : result.violations) text += "\n" + violation;
  return text;
}

void expect_clean(const SearchResult& result) {
  EXPECT_TRUE(result.violations.empty()) << text_of(result);
  EXPECT_GT(result.cases, 200u) << "a script of so many rounds has more operations";
  ::testing::Test::RecordProperty("cases", std::to_string(result.cases));
}

TEST(CrashSearchTest, TheScriptItselfIsSound) {
  FaultDisk disk;
  CrashScript script(disk);
  script.live(kScriptRounds, true);
  EXPECT_EQ(script.saved(), Round(kScriptRounds));
  EXPECT_EQ(script.judge(), std::vector<std::string>());
}

TEST(CrashSearchTest, PowerCutThatKeepsNothingUnsynced) {
  expect_clean(search(Fault::kPowerCut));
}

TEST(CrashSearchTest, PowerCutThatKeepsTraces) {
  expect_clean(search(Fault::kPowerCutWithTraces, 4));
}

TEST(CrashSearchTest, EveryOperationFails) {
  expect_clean(search(Fault::kFailure));
}

TEST(CrashSearchTest, EveryOperationFailsAndThenThePowerGoes) {
  expect_clean(search(Fault::kFailureThenPowerCut));
}

TEST(CrashSearchTest, TheDiskIsFullAtEveryOperation) {
  const SearchResult result = search(Fault::kFullDisk);
  expect_clean(result);
  EXPECT_GT(result.refused_by_full_disk, 0u);
}

TEST(CrashSearchTest, ADiskThatDoesNotSyncIsFoundOut) {
  EXPECT_FALSE(search(Fault::kPowerCut, 1, /*ignore_syncs=*/true).violations.empty());
}

}  // namespace
}  // namespace skiptrain::store::testing
