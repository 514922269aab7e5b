// A daemon whose disk is full: a small file system of memory, mounted for the test. Needs root.
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

constexpr std::size_t kDiskBytes = 4 << 20;

class FullDiskTest : public ::testing::Test {
 protected:
  FullDiskTest() : cluster_(2) {
    cluster_.set("run.rounds", "1000000");
    cluster_.set("train.local_steps", "40");
  }
  void SetUp() override {
    std::filesystem::create_directory(disk_);
    const std::string options = "size=" + std::to_string(kDiskBytes);
    if (mount("none", disk_.c_str(), "tmpfs", 0, options.c_str()) != 0) {
      GTEST_SKIP() << "a tmpfs cannot be mounted here: " << std::strerror(errno);
    }
    mounted_ = true;
  }
  void TearDown() override {
    if (!mounted_) return;
    cluster_.kill(0);
    EXPECT_EQ(umount(disk_.c_str()), 0) << std::strerror(errno);
  }

  std::string ballast() const { return disk_ + "/ballast"; }
  // To the last block; the daemon's own files are in the way of no one.
  void fill() const {
    std::ofstream file(ballast(), std::ios::binary);
    const std::string block(4096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  bool complains() const {
    const Json status = cluster_.status(0);
    return status.is_object() && !status.value("store_error", "").empty();
  }

  TestCluster cluster_;
  const std::string disk_ = cluster_.folder(0);
  bool mounted_ = false;
};

TEST_F(FullDiskTest, ItMixesOnWithoutTrainingUntilThereIsRoomAgain) {
  cluster_.start_all();
  ASSERT_TRUE(cluster_.wait_for_round(0, 5)) << cluster_.describe();
  fill();
  ASSERT_TRUE(eventually([&] { return complains(); })) << cluster_.describe();
  EXPECT_EQ(cluster_.ask(0, {"health"}).exit_code, kDegraded);
  EXPECT_EQ(cluster_.ask(0, {"checkpoint"}).exit_code, kError);
  const Json before = cluster_.status(0);
  ASSERT_TRUE(cluster_.wait_for_round(0, before.at("round").get<std::uint64_t>() + 20))
      << cluster_.describe();
  // The round in which the disk filled up may have been trained.
  EXPECT_LE(cluster_.status(0).at("train_rounds").get<std::uint64_t>(),
            before.at("train_rounds").get<std::uint64_t>() + 1);

  std::filesystem::remove(ballast());
  const auto trained = cluster_.status(0).at("train_rounds").get<std::uint64_t>();
  EXPECT_TRUE(eventually([&] {
    return !complains() && cluster_.status(0).at("train_rounds") > trained;
  })) << cluster_.describe();
}

TEST_F(FullDiskTest, KilledWithAFullDiskItComesBackWithTheNewestWholeState) {
  cluster_.start_all();
  ASSERT_TRUE(cluster_.wait_for_round(0, 5)) << cluster_.describe();
  fill();
  ASSERT_TRUE(eventually([&] { return complains(); })) << cluster_.describe();
  const Json before = cluster_.status(0);
  cluster_.kill(0);
  std::filesystem::remove(ballast());
  cluster_.start(0);
  const auto durable = before.at("checkpoint_round").get<std::uint64_t>();
  EXPECT_TRUE(cluster_.wait_for_round(0, durable)) << cluster_.describe();
}

TEST_F(FullDiskTest, EndingWithoutRoomForTheLastRoundsIsAnError) {
  cluster_.start_all();
  ASSERT_TRUE(cluster_.wait_for_round(0, 5)) << cluster_.describe();
  fill();
  ASSERT_TRUE(eventually([&] { return complains(); })) << cluster_.describe();
  cluster_.process(0).signal(SIGTERM);
  EXPECT_EQ(cluster_.process(0).wait(), (Exit{1, 0})) << cluster_.log(0);
  EXPECT_NE(cluster_.log(0).find("No space left"), std::string::npos) << cluster_.log(0);
}

}  // namespace
}  // namespace skiptrain::integration
