// The daemon as a process: its start, its signals, its log, and what it says to systemd.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

using Clock = std::chrono::steady_clock;

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

bool accepts(const std::string& path) {
  const sockaddr_un address = unix_address(path);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return connected;
}

// By how much a machine with other work stretches half a second of computing.
double load_factor() {
  double load = 0.0;
  if (getloadavg(&load, 1) != 1) return 1.0;
  return 1.0 + load / static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
}

// One daemon that waits for nobody. Its neighbour is not there.
class LifecycleTest : public ::testing::Test {
 protected:
  LifecycleTest() {
    cluster_.set("run.rounds", "100000");
    cluster_.set("round.start_timeout", "\"0s\"");
    cluster_.set("round.deadline", "\"100ms\"");
  }

  bool log_says(const std::string& text, std::size_t node = 0) const {
    return eventually([&] { return cluster_.log(node).find(text) != std::string::npos; });
  }

  // Starts node 0, which must refuse to run and say so.
  void expect_refusal(int exit_code, const std::string& why) {
    cluster_.start(0);
    EXPECT_EQ(cluster_.process(0).wait(), (Exit{exit_code, 0})) << cluster_.log(0);
    EXPECT_NE(cluster_.log(0).find(why), std::string::npos) << cluster_.log(0);
  }

  TestCluster cluster_{2};
};

TEST_F(LifecycleTest, TheControlSocketAnswersWithinHalfASecond) {
  const double limit = 0.5 * load_factor();
  const auto started = Clock::now();
  cluster_.start(0);
  while (!accepts(cluster_.socket(0))) {
    ASSERT_LT(Clock::now() - started, kPatience) << cluster_.log(0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const double seconds = Seconds(Clock::now() - started).count();
  const Answer status = cluster_.ask(0, {"status"});
  std::cout << "control socket after " << seconds << " s (limit here: " << limit << " s)\n";
  RecordProperty("seconds_until_control_socket", std::to_string(seconds));
  EXPECT_LT(seconds, limit);
  EXPECT_EQ(status.exit_code, kOk) << status.err;
  EXPECT_NE(status.json.at("phase"), "failed");
}

class EndingSignalTest : public LifecycleTest, public ::testing::WithParamInterface<int> {};

TEST_P(EndingSignalTest, EndsALongTrainingRoundInTime) {
  constexpr Seconds kPromised{10};
  cluster_.set("train.local_steps", "1000000");
  cluster_.set("train.batch_size", "256");
  cluster_.start(0);
  ASSERT_TRUE(cluster_.wait_for_phase(0, "training")) << cluster_.describe();
  cluster_.process(0).signal(GetParam());
  EXPECT_EQ(cluster_.process(0).wait(kPromised), (Exit{0, 0})) << cluster_.log(0);
  EXPECT_FALSE(std::filesystem::exists(cluster_.socket(0)));
}

INSTANTIATE_TEST_SUITE_P(Signals, EndingSignalTest, ::testing::Values(SIGTERM, SIGINT),
                         [](const auto& info) {
                           return std::string(info.param == SIGTERM ? "SIGTERM" : "SIGINT");
                         });

TEST_F(LifecycleTest, ReloadTakesAGoodFileWholeAndABadOneNotAtAll) {
  cluster_.set("round.start_timeout", "\"60s\"");
  cluster_.start_all();
  ASSERT_TRUE(cluster_.wait_for_round(0, 1)) << cluster_.describe();
  const auto reload = [&](const std::string& says) {
    cluster_.write_config(0);
    cluster_.process(0).signal(SIGHUP);
    EXPECT_TRUE(log_says(says)) << cluster_.log(0);
  };
  const auto level_was = [&](const std::string& now) {
    return cluster_.ask(0, {"log", "level", now}).json.at("previous").get<std::string>();
  };

  // Good and bad in one file: neither is taken.
  cluster_.set("log.level", "\"debug\"");
  cluster_.set("round.deadline", "\"soon\"");
  reload("deadline = \"soon\"");
  EXPECT_EQ(level_was("info"), "info");
  cluster_.set("round.deadline", "\"1h\"");
  cluster_.set("run.seed", "99");
  reload("run.seed: 1 to 99 needs a restart");
  EXPECT_EQ(level_was("info"), "info");
  // A neighbour that stands still shows which deadline holds: still the one of 100 ms.
  cluster_.process(1).signal(SIGSTOP);
  const std::uint64_t round = cluster_.round(0);
  EXPECT_TRUE(cluster_.wait_for_round(0, round + 2)) << cluster_.describe();
  cluster_.process(1).signal(SIGCONT);
  EXPECT_TRUE(cluster_.wait_for_round(1, round + 10)) << cluster_.describe();

  cluster_.set("run.seed", "1");
  reload("reloaded ");
  EXPECT_EQ(level_was("info"), "debug");
  cluster_.process(1).signal(SIGSTOP);
  const auto waits_an_hour = [&] {
    const Json status = cluster_.status(0);
    const Json& gives_up = status.at("gives_up_in_seconds");
    return gives_up.is_number() && gives_up > 1800;
  };
  EXPECT_TRUE(eventually(waits_an_hour)) << cluster_.describe();
}

TEST_F(LifecycleTest, ASecondDaemonOnTheSameFolderIsRefused) {
  cluster_.start(0);
  ASSERT_TRUE(cluster_.wait_for_round(0, 1)) << cluster_.describe();
  cluster_.set(1, "node.data_dir", "\"" + cluster_.folder(0) + "\"");
  cluster_.start(1);
  EXPECT_EQ(cluster_.process(1).wait(), (Exit{1, 0}));
  EXPECT_NE(cluster_.log(1).find("another skiptraind is running on it"), std::string::npos)
      << cluster_.log(1);
  EXPECT_EQ(cluster_.ask(0, {"status"}).json.at("node_id"), 0);
}

TEST_F(LifecycleTest, APortInUseIsNamed) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(cluster_.port(0));
  const int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(taken, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(taken, 1), 0);
  expect_refusal(1, "127.0.0.1:" + std::to_string(cluster_.port(0)));
  close(taken);
}

TEST_F(LifecycleTest, ADataFolderThatCannotBeMadeIsNamed) {
  write_file(cluster_.dir() / "file", "");
  const std::string folder = cluster_.dir() / "file/n0";
  cluster_.set(0, "node.data_dir", "\"" + folder + "\"");
  expect_refusal(1, "node.data_dir " + folder);
}

TEST_F(LifecycleTest, ADataFolderThatCannotBeWrittenIsNamed) {
  // Nobody can make files in /proc, not even root.
  cluster_.set(0, "node.data_dir", "\"/proc/self\"");
  expect_refusal(1, "node.data_dir /proc/self");
}

TEST_F(LifecycleTest, TellsSystemdWhenItIsReadyLivesAndEnds) {
  const std::string path = cluster_.dir() / "notify";
  const sockaddr_un address = unix_address(path);
  const int receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ASSERT_EQ(bind(receiver, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  std::string heard;
  const auto hears = [&](const std::string& text) {
    return eventually([&] {
      char buffer[4096];
      for (ssize_t got = 0; (got = recv(receiver, buffer, sizeof buffer, 0)) > 0;) {
        heard += std::string(buffer, static_cast<std::size_t>(got)) + "\n";
      }
      return heard.find(text) != std::string::npos;
    });
  };
  cluster_.start(0, {.command = {},
                     .output_file = "",
                     .environment = {{"NOTIFY_SOCKET", path}, {"WATCHDOG_USEC", "600000"}}});
  EXPECT_TRUE(hears("READY=1")) << heard;
  EXPECT_LT(heard.find("EXTEND_TIMEOUT_USEC="), heard.find("READY=1"));
  EXPECT_LT(heard.find("STATUS=warming up"), heard.find("READY=1"));
  for (int i = 0; i < 3; ++i) {
    heard.clear();
    EXPECT_TRUE(hears("WATCHDOG=1")) << heard;
  }
  EXPECT_TRUE(hears("STATUS=round ")) << heard;
  heard.clear();
  cluster_.process(0).signal(SIGTERM);
  EXPECT_TRUE(hears("STOPPING=1")) << heard;
  close(receiver);
}

TEST_F(LifecycleTest, JsonLogsAreOneObjectALine) {
  cluster_.set("log.format", "\"json\"");
  cluster_.set("log.level", "\"trace\"");
  cluster_.set(0, "node.name", "\"kitchen.board-7\"");
  cluster_.start(0);
  ASSERT_TRUE(cluster_.wait_for_round(0, 3)) << cluster_.describe();
  cluster_.process(0).signal(SIGTERM);
  ASSERT_EQ(cluster_.process(0).wait(), (Exit{0, 0}));
  std::istringstream lines(cluster_.log(0));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const Json entry = Json::parse(line, nullptr, false);
    ASSERT_TRUE(entry.is_object()) << line;
    for (const char* key : {"time", "level", "node", "message"}) {
      EXPECT_TRUE(entry.contains(key)) << line;
    }
    EXPECT_EQ(entry.value("node", ""), "kitchen.board-7");
  }
  EXPECT_GE(count, 3U);
}

}  // namespace
}  // namespace skiptrain::integration
