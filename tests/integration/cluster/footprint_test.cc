// What a daemon takes of a device: memory while it trains, processor time while it rests.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

constexpr std::size_t kNodes = 8;
constexpr const char* kFashionMnist = "/usr/share/datasets/fashion-mnist/";
constexpr double kMemoryLimitMegabytes = 250.0;
constexpr double kIdleLimit = 0.01;  // of one processor

TEST(FootprintTest, TrainingGnLeNetOnFashionMnistStaysInItsMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs memory of its own";
#endif
  const std::string folder = kFashionMnist;
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << folder << " is not there; Debian's package dataset-fashion-mnist has it";
  }
  TestCluster cluster(kNodes);
  cluster.set("cluster.topology", "\"regular:3\"");
  cluster.set("run.rounds", "6");
  cluster.set("model.name", "\"gn-lenet\"");
  cluster.set("model.hidden", std::nullopt);
  cluster.set("data.train_images", "\"" + folder + "train-images-idx3-ubyte.gz\"");
  cluster.set("data.train_labels", "\"" + folder + "train-labels-idx1-ubyte.gz\"");
  cluster.set("data.test_images", "\"" + folder + "t10k-images-idx3-ubyte.gz\"");
  cluster.set("data.test_labels", "\"" + folder + "t10k-labels-idx1-ubyte.gz\"");
  cluster.set("data.partition", "\"shards:2\"");
  cluster.set("train.local_steps", "5");
  cluster.set("train.batch_size", "32");
  cluster.set("round.evaluate_every", "3");
  cluster.set("round.evaluate_samples", "500");
  cluster.start_all();
  for (std::size_t i = 0; i < kNodes; ++i) {
    ASSERT_TRUE(cluster.wait_for_round(i, 6, 2 * kPatience)) << cluster.describe();
  }
  double most = 0.0;
  for (std::size_t i = 0; i < kNodes; ++i) {
    EXPECT_EQ(cluster.status(i).at("train_rounds"), 6);
    most = std::max(most, status_megabytes(cluster.process(i).pid(), "VmHWM"));
  }
  std::cout << "most memory of " << kNodes << " daemons: " << most << " MB\n";
  RecordProperty("most_resident_megabytes", std::to_string(most));
  EXPECT_GT(most, 0.0);
  EXPECT_LT(most, kMemoryLimitMegabytes);
}

TEST(FootprintTest, APausedDaemonIsIdle) {
  constexpr Seconds kWindow{6};
  TestCluster cluster(3);
  cluster.set("run.rounds", "100000");
  cluster.start_all();
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    ASSERT_TRUE(cluster.wait_for_round(i, 3)) << cluster.describe();
  }
  ASSERT_EQ(cluster.ask(0, {"--all", "pause"}).exit_code, kOk);
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    ASSERT_TRUE(cluster.wait_for_phase(i, "paused")) << cluster.describe();
  }
  // Time is what is measured here, not what is waited for.
  const double before = cpu_seconds(cluster.process(0).pid());
  const auto started = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(kWindow);
  const Seconds elapsed = std::chrono::steady_clock::now() - started;
  const double used = cpu_seconds(cluster.process(0).pid()) - before;
  std::cout << "a paused daemon used " << 100 * used / elapsed.count() << " % of a processor\n";
  ASSERT_GE(before, 0.0);
  EXPECT_LT(used / elapsed.count(), kIdleLimit);
  EXPECT_EQ(cluster.phase(0), "paused");
}

}  // namespace
}  // namespace skiptrain::integration
