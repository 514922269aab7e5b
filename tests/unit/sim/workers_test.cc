#include "sim/workers.h"

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace skiptrain::sim {
namespace {

class WorkersTest : public testing::TestWithParam<std::size_t> {};

// Notes on its strand's list when it ran, and that no other job of the strand runs meanwhile.
struct NotingJob : Job {
  int number = 0;
  std::atomic<int>* inside = nullptr;
  std::vector<int>* ran = nullptr;
  std::atomic<bool>* overlapped = nullptr;

  void run() override {
    if (inside->fetch_add(1) != 0) *overlapped = true;
    std::this_thread::yield();
    ran->push_back(number);
    inside->fetch_sub(1);
  }
};

TEST_P(WorkersTest, JobsOfAStrandRunOneAfterTheOtherInOrder) {
  constexpr std::size_t kStrands = 7;
  constexpr int kJobs = 40;
  Workers workers(GetParam(), kStrands);
  std::atomic<int> inside[kStrands] = {};
  std::atomic<bool> overlapped = false;
  std::vector<std::vector<int>> ran(kStrands);
  std::vector<std::unique_ptr<NotingJob>> jobs;
  for (int number = 0; number < kJobs; ++number) {
    for (std::size_t strand = 0; strand < kStrands; ++strand) {
      auto job = std::make_unique<NotingJob>();
      job->number = number;
      job->inside = &inside[strand];
      job->ran = &ran[strand];
      job->overlapped = &overlapped;
      workers.submit(*job, static_cast<std::uint32_t>(strand));
      jobs.push_back(std::move(job));
    }
  }
  for (auto& job : jobs) workers.wait(*job);
  EXPECT_FALSE(overlapped);
  for (const auto& numbers : ran) {
    ASSERT_EQ(numbers.size(), static_cast<std::size_t>(kJobs));
    for (int number = 0; number < kJobs; ++number) EXPECT_EQ(numbers[number], number);
  }
}

TEST_P(WorkersTest, WaitingForTheLastOfAStrandRunsThoseBeforeIt) {
  Workers workers(GetParam(), 1);
  std::atomic<int> inside = 0;
  std::atomic<bool> overlapped = false;
  std::vector<int> ran;
  NotingJob first;
  NotingJob second;
  for (NotingJob* job : {&first, &second}) {
    job->number = job == &first ? 1 : 2;
    job->inside = &inside;
    job->ran = &ran;
    job->overlapped = &overlapped;
    workers.submit(*job, 0);
  }
  workers.wait(second);
  workers.wait(first);
  EXPECT_EQ(ran.size(), 2u);
  // A job can be used again.
  workers.submit(first, 0);
  workers.wait(first);
  EXPECT_EQ(ran.size(), 3u);
}

struct BlockingJob : Job {
  std::atomic<bool> release = false;
  std::atomic<bool> started = false;
  void run() override {
    started = true;
    while (!release) std::this_thread::yield();
  }
};
struct CountingJob : Job {
  std::atomic<int> runs = 0;
  void run() override { ++runs; }
};

TEST_P(WorkersTest, ADiscardedJobThatHasNotStartedNeverRuns) {
  CountingJob behind;
  CountingJob last;
  BlockingJob blocker;
  {
    Workers workers(GetParam(), 1);
    workers.submit(blocker, 0);
    workers.submit(behind, 0);
    workers.submit(last, 0);
    workers.discard(behind);
    blocker.release = true;
    workers.wait(last);
    workers.wait(blocker);
  }
  EXPECT_EQ(behind.runs, 0);
  EXPECT_EQ(last.runs, 1);
}

TEST_P(WorkersTest, ForEachTakesEveryIndexOnce) {
  Workers workers(GetParam(), 1);
  for (const std::size_t count : {0u, 1u, 2u, 1000u}) {
    std::vector<std::atomic<int>> taken(count);
    workers.for_each(count, [&taken](std::size_t index) { ++taken[index]; });
    for (const auto& times : taken) EXPECT_EQ(times, 1);
  }
}

// While all but the calling thread are busy with a long job.
TEST_P(WorkersTest, ForEachDoesNotWaitForJobs) {
  const std::size_t others = GetParam() - 1;
  Workers workers(GetParam(), others + 1);
  std::vector<std::unique_ptr<BlockingJob>> busy;
  for (std::size_t i = 0; i < others; ++i) {
    busy.push_back(std::make_unique<BlockingJob>());
    workers.submit(*busy.back(), static_cast<std::uint32_t>(i));
  }
  CountingJob mine;
  workers.submit(mine, static_cast<std::uint32_t>(others));
  std::atomic<int> done = 0;
  workers.for_each(100, [&done](std::size_t) { ++done; });
  EXPECT_EQ(done, 100);
  for (auto& job : busy) job->release = true;
  for (auto& job : busy) workers.wait(*job);
  workers.wait(mine);
}

INSTANTIATE_TEST_SUITE_P(Counts, WorkersTest, testing::Values(1, 2, 4),
                         [](const auto& info) { return "n" + std::to_string(info.param); });

}  // namespace
}  // namespace skiptrain::sim
