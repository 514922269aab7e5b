// What the service manager hears, on a real datagram socket.
#include "daemon/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::daemon {
namespace {

using std::chrono::milliseconds;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

// Pings every 10 ms. No more than ten datagrams may wait to be read, or who sends them waits.
constexpr const char* kWatchdog = "30000";

class ServiceManagerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "notify-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ / "socket";
    ASSERT_LT(path.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size());
    receiver_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ASSERT_EQ(bind(receiver_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
  }
  void TearDown() override {
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    close(receiver_);
    std::filesystem::remove_all(folder_);
  }

  // What has come since the last call.
  std::vector<std::string> heard() const {
    std::vector<std::string> messages;
    char buffer[4096];
    for (ssize_t got = 0; (got = recv(receiver_, buffer, sizeof buffer, 0)) > 0;) {
      messages.emplace_back(buffer, static_cast<std::size_t>(got));
    }
    return messages;
  }
  static std::size_t pings(const std::vector<std::string>& messages) {
    return static_cast<std::size_t>(
        std::count_if(messages.begin(), messages.end(), [](const std::string& message) {
          return message.find("WATCHDOG=1") != std::string::npos;
        }));
  }

  asio::io_context loop_;
  std::filesystem::path folder_;
  int receiver_ = -1;
};

void answers(const ServiceManager::Answer& answer) {
  answer("round 3 of 80, training");
}

TEST_F(ServiceManagerTest, PingsWhileTheNodeAnswers) {
  setenv("WATCHDOG_USEC", "60000", 1);
  ServiceManager manager(loop_, answers);
  manager.start();
  manager.ready();
  std::vector<std::string> messages;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (pings(messages) < 3 && std::chrono::steady_clock::now() < limit) {
    loop_.run_for(milliseconds(20));
    for (std::string& message : heard()) messages.push_back(std::move(message));
  }
  EXPECT_GE(pings(messages), 3u);
  EXPECT_THAT(messages.front(), HasSubstr("READY=1"));
  EXPECT_THAT(messages.back(), HasSubstr("STATUS=round 3 of 80, training"));
}

TEST_F(ServiceManagerTest, DoesNotPingForANodeThatHangs) {
  setenv("WATCHDOG_USEC", kWatchdog, 1);
  std::vector<ServiceManager::Answer> unanswered;
  ServiceManager manager(
      loop_, [&](ServiceManager::Answer answer) { unanswered.push_back(std::move(answer)); });
  manager.start();
  loop_.run_for(milliseconds(100));  // ten periods
  EXPECT_EQ(pings(heard()), 0u);
  ASSERT_EQ(unanswered.size(), 1u) << "asked again before it answered";
  unanswered.front()("at last");
  loop_.run_for(milliseconds(100));
  EXPECT_EQ(pings(heard()), 1u);
}

TEST_F(ServiceManagerTest, AsksForMoreTimeUntilReady) {
  setenv("WATCHDOG_USEC", kWatchdog, 1);
  ServiceManager manager(loop_, answers);
  manager.start();
  loop_.run_for(milliseconds(50));
  auto messages = heard();
  ASSERT_FALSE(messages.empty());
  EXPECT_THAT(messages, Each(HasSubstr("EXTEND_TIMEOUT_USEC=60000000")));
  manager.ready();
  loop_.run_for(milliseconds(50));
  messages = heard();
  ASSERT_GE(messages.size(), 2u);
  EXPECT_THAT(messages, Each(Not(HasSubstr("EXTEND_TIMEOUT_USEC"))));
}

TEST_F(ServiceManagerTest, WithoutAWatchdogOnlyTheStatusIsTold) {
  ServiceManager manager(loop_, answers);
  manager.start();
  loop_.run_for(milliseconds(50));
  const auto messages = heard();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_THAT(messages.front(), HasSubstr("STATUS=round 3"));
  EXPECT_EQ(pings(messages), 0u);
}

TEST_F(ServiceManagerTest, WithoutASocketNothingRuns) {
  unsetenv("NOTIFY_SOCKET");
  setenv("WATCHDOG_USEC", kWatchdog, 1);
  ServiceManager manager(loop_, [](const ServiceManager::Answer&) { FAIL() << "asked"; });
  manager.start();
  EXPECT_EQ(loop_.run_for(std::chrono::seconds(20)), 0u);  // returns at once: there is no work
}

TEST_F(ServiceManagerTest, NothingFollowsTheEnd) {
  setenv("WATCHDOG_USEC", kWatchdog, 1);
  ServiceManager manager(loop_, answers);
  manager.start();
  loop_.run_for(milliseconds(20));
  manager.stopping();
  loop_.run_for(milliseconds(20));
  EXPECT_THAT(heard().back(), HasSubstr("STOPPING=1"));
}

}  // namespace
}  // namespace skiptrain::daemon
