#include "runtime/history.h"

#include <thread>

#include <gtest/gtest.h>

namespace skiptrain::runtime {
namespace {

using namespace std::chrono_literals;

core::RoundRecord record(std::uint64_t round, Duration took = 1ms) {
  core::RoundRecord result;
  result.round = Round(round);
  result.round_time = took;
  return result;
}

TEST(HistoryTest, KeepsTheNewestUpToItsLimit) {
  History history(3);
  for (std::uint64_t round = 0; round < 5; ++round) history.append(record(round));
  const auto all = history.newest(0);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all.front().record.round, Round(2));
  EXPECT_EQ(history.newest(1).at(0).record.round, Round(4));
  EXPECT_EQ(history.newest(10).size(), 3u);
}

TEST(HistoryTest, CountsEachKindOfRoundBeyondItsLimit) {
  History history(1);
  EXPECT_FALSE(history.newest_trained());
  auto trained = record(0);
  trained.trained = true;
  trained.train_time = 2ms;
  auto diverged = record(1);
  diverged.train_time = 2ms;
  auto jumped = record(2);
  jumped.caught_up = true;
  for (const auto& round : {diverged, jumped, record(3), record(4), trained}) history.append(round);
  EXPECT_EQ(history.totals().train, 1u);
  EXPECT_EQ(history.totals().train_failed, 1u);
  EXPECT_EQ(history.totals().caught_up, 1u);
  EXPECT_EQ(history.totals().sync, 2u);
  ASSERT_TRUE(history.newest_trained());
  EXPECT_EQ(history.newest_trained()->record.round, Round(0));
}

TEST(HistoryTest, AttachesAnEvaluationToItsRound) {
  History history(3);
  history.append(record(7));
  history.append(record(8));
  history.attach(Round(7), {.loss = 1, .accuracy = 0.75, .samples = 10});
  history.attach(Round(99), {});
  EXPECT_EQ(history.newest(0).at(0).evaluation->accuracy, 0.75);
  EXPECT_FALSE(history.newest(0).at(1).evaluation.has_value());
}

TEST(HistoryTest, AFollowerWakesForANewRound) {
  History history(10);
  history.append(record(0));
  std::thread writer([&] { history.append(record(1)); });
  const auto more = history.wait_for_after(1, 10s);
  writer.join();
  ASSERT_EQ(more.size(), 1u);
  EXPECT_EQ(more[0].record.round, Round(1));
}

TEST(HistoryTest, CloseWakesFollowers) {
  History history(10);
  std::thread closer([&] { history.close(); });
  EXPECT_TRUE(history.wait_for_after(0, 60s).empty());
  closer.join();
  EXPECT_TRUE(history.closed());
}

TEST(HistoryTest, MedianOfTheRecentRounds) {
  History history(100);
  EXPECT_EQ(history.median_round_time(), Duration::zero());
  history.append(record(0, 100s));
  for (std::uint64_t round = 1; round <= 40; ++round) history.append(record(round, 5ms));
  EXPECT_EQ(history.median_round_time(), Duration(5ms));
}

}  // namespace
}  // namespace skiptrain::runtime
