#include "daemon/metrics/http_server.h"

#include <fcntl.h>
#include <httplib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/metrics/page.h"

namespace skiptrain::daemon {
namespace {

using ::testing::HasSubstr;

struct Got {
  int status = 0;  // 0: no answer
  std::string body;
  std::string type;
};

class MetricsServerTest : public ::testing::Test {
 protected:
  MetricsServerTest()
      : server_(MetricsServer::bind({"127.0.0.1", 0}, answers())),
        port_(std::stoi(server_->address().substr(server_->address().rfind(':') + 1))) {
    server_->serve();
  }

  HttpAnswers answers() {
    return {.is_alive = [this] { return alive_.load(); },
            .readiness =
                [this] {
                  return Readiness{ready_, "because\nof this"};
                },
            .metrics = [] { return std::string("a_metric 1\n"); }};
  }

  Got get(const std::string& path) const {
    httplib::Client client("127.0.0.1", port_);
    const auto answer = client.Get(path.c_str());
    if (!answer) return {};
    return {answer->status, answer->body, answer->get_header_value("Content-Type")};
  }

  std::atomic<bool> alive_ = true;
  std::atomic<bool> ready_ = true;
  Result<MetricsServer> server_;
  int port_;
};

TEST_F(MetricsServerTest, ServesThePageAndTheProbes) {
  EXPECT_EQ(get("/metrics").body, "a_metric 1\n");
  EXPECT_EQ(get("/metrics").type, kMetricsContentType);
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_EQ(get("/livez").body, "ok\n");
  EXPECT_EQ(get("/readyz").status, 200);
  EXPECT_EQ(get("/").status, 404);
  EXPECT_THAT(get("/other").body, HasSubstr("/metrics, /livez and /readyz"));
}

TEST_F(MetricsServerTest, ANodeThatIsNotReadySaysWhyInOneLine) {
  ready_ = false;
  EXPECT_EQ(get("/readyz").status, 503);
  EXPECT_EQ(get("/readyz").body, "because of this\n");
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(MetricsServerTest, AStuckMainLoopFailsAllOfThem) {
  alive_ = false;
  for (const char* path : {"/livez", "/readyz", "/metrics"}) {
    EXPECT_EQ(get(path).status, 503) << path;
    EXPECT_THAT(get(path).body, HasSubstr("main loop")) << path;
  }
}

TEST_F(MetricsServerTest, ATakenPortIsAnErrorThatSaysWhatToDo) {
  const auto second = MetricsServer::bind({"127.0.0.1", port_}, answers());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message,
              HasSubstr("metrics.listen 127.0.0.1:" + std::to_string(port_)));
  EXPECT_THAT(second.error().message, HasSubstr("another process listens"));
}

TEST_F(MetricsServerTest, AnAddressThatIsNotOursIsAnError) {
  const auto other = MetricsServer::bind({"192.0.2.1", 0}, answers());  // RFC 5737: nobody's
  ASSERT_FALSE(other.has_value());
  EXPECT_THAT(other.error().message, HasSubstr("none of this machine's"));
}

TEST_F(MetricsServerTest, ItsPortIsFreeOnceItStopped) {
  server_->stop();
  server_->stop();
  EXPECT_EQ(get("/livez").status, 0);
  EXPECT_TRUE(MetricsServer::bind({"127.0.0.1", port_}, answers()).has_value());
}

TEST_F(MetricsServerTest, IsStoppedBeforeItServed) {
  auto idle = MetricsServer::bind({"127.0.0.1", 0}, answers());
  ASSERT_TRUE(idle.has_value());
  idle->stop();
}

// Clients that say nothing are hung up on, and do not keep the others out for longer than that.
TEST_F(MetricsServerTest, SilentClientsDoNotKeepOthersOut) {
  std::vector<int> silent;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port_));
  for (int i = 0; i < 8; ++i) {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    silent.push_back(client);
  }
  httplib::Client client("127.0.0.1", port_);
  client.set_read_timeout(30);
  const auto answer = client.Get("/livez");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  for (const int fd : silent) ::close(fd);
}

// select(2) cannot watch such files; a node with many neighbours has more.
TEST_F(MetricsServerTest, ServesWithMoreThanAThousandFilesOpen) {
  constexpr int kFiles = 1100;
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max < 2 * kFiles) GTEST_SKIP() << "needs " << 2 * kFiles << " files";
  limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, 2 * kFiles);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  std::vector<int> files;
  for (int i = 0; i < kFiles; ++i) files.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_GT(files.back(), 1024);
  EXPECT_EQ(get("/metrics").body, "a_metric 1\n");
  for (const int file : files) ::close(file);
}

}  // namespace
}  // namespace skiptrain::daemon
