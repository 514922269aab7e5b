// The endpoint of metrics.listen on real daemons, read by Debian's own promtool and Prometheus.
#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kPromtool = "/usr/bin/promtool";
constexpr const char* kPrometheus = "/usr/bin/prometheus";
constexpr const char* kNotInstalled = "Debian's package prometheus is not installed";
constexpr double kJoulesPerWattHour = 3600;

struct Got {
  int status = 0;  // 0: no answer
  std::string body;
};

Got get(const std::string& address, const std::string& path) {
  httplib::Client client("http://" + address);
  const auto answer = client.Get(path.c_str());
  return answer ? Got{answer->status, answer->body} : Got{};
}

// The value of a series, spelled as on the page; NaN if it is not there.
double value_of(const std::string& page, const std::string& series) {
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  }
  return std::numeric_limits<double>::quiet_NaN();
}

// On how many TCP ports does a process listen? By /proc, as ss(8) finds it.
std::size_t listening_sockets(pid_t pid) {
  std::set<std::string> inodes;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    std::error_code gone;
    const std::string target = fs::read_symlink(entry.path(), gone).string();
    if (target.starts_with("socket:[")) inodes.insert(target.substr(8, target.size() - 9));
  }
  std::size_t count = 0;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(table);
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
      constexpr std::size_t kState = 3;
      constexpr std::size_t kInode = 9;
      if (fields.size() > kInode && fields[kState] == "0A" && inodes.contains(fields[kInode])) {
        ++count;
      }
    }
  }
  return count;
}

class MetricsTest : public ::testing::Test {
 protected:
  // `size` nodes that go on until they are told to end, with metrics on a free port each.
  static void set_up(TestCluster& cluster) {
    cluster.set("run.rounds", "1000000");
    cluster.set("metrics.listen", "\"127.0.0.1:0\"");
  }
  // As the node's log has it, once it is there.
  static std::string metrics_address(const TestCluster& cluster, std::size_t node) {
    constexpr std::string_view kBefore = "metrics at http://";
    std::string address;
    eventually([&] {
      const std::string log = cluster.log(node);
      const std::size_t at = log.rfind(kBefore);
      if (at == std::string::npos) return false;
      const std::size_t start = at + kBefore.size();
      address = log.substr(start, log.find("/metrics", start) - start);
      return true;
    });
    return address;
  }
  static void pause(TestCluster& cluster) {
    for (std::size_t i = 0; i < cluster.size(); ++i) cluster.ask(i, {"pause"});
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      ASSERT_TRUE(cluster.wait_for_phase(i, "paused")) << cluster.describe();
    }
  }
};

TEST_F(MetricsTest, AreOffUnlessAskedFor) {
  TestCluster cluster(2);
  set_up(cluster);
  cluster.set(1, "metrics.listen", std::nullopt);
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(0, 2)) << cluster.describe();
  ASSERT_TRUE(cluster.wait_for_round(1, 2)) << cluster.describe();
  EXPECT_EQ(cluster.status(1).at("metrics_address"), "");
  EXPECT_THAT(cluster.log(1), Not(HasSubstr("metrics at")));
  EXPECT_EQ(listening_sockets(cluster.process(1).pid()), 1u);
  EXPECT_EQ(listening_sockets(cluster.process(0).pid()), 2u);
  EXPECT_EQ(cluster.status(0).at("metrics_address"), metrics_address(cluster, 0));
}

TEST_F(MetricsTest, ATakenPortEndsTheDaemonWithOneLine) {
  TestCluster cluster(1);
  const int taken = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(taken, 1), 0);
  ASSERT_EQ(::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string listen = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  cluster.set("metrics.listen", "\"" + listen + "\"");
  cluster.start(0);
  EXPECT_EQ(cluster.process(0).wait(), (Exit{kError, 0}));
  EXPECT_EQ(cluster.log(0), "skiptraind: metrics.listen: address " + listen +
                                " is in use by another process; stop it or take another port\n");
  EXPECT_FALSE(fs::exists(cluster.folder(0) + "/node.db")) << "a state was begun";
  ::close(taken);
}

TEST_F(MetricsTest, ReadyOnceItTakesPartAndNotWhilePaused) {
  TestCluster cluster(2);
  set_up(cluster);
  cluster.start(0);
  const std::string address = metrics_address(cluster, 0);
  EXPECT_EQ(get(address, "/livez").status, 200);
  ASSERT_TRUE(cluster.wait_for_phase(0, "waiting-for-peers")) << cluster.describe();
  const Got before = get(address, "/readyz");
  EXPECT_EQ(before.status, 503);
  EXPECT_THAT(before.body, HasSubstr("0 of 1 neighbours are connected\n"));
  cluster.start(1);
  EXPECT_TRUE(eventually([&] { return get(address, "/readyz").status == 200; }))
      << get(address, "/readyz").body << cluster.describe();
  pause(cluster);
  EXPECT_EQ(get(address, "/readyz").status, 503);
  EXPECT_THAT(get(address, "/readyz").body, HasSubstr("paused"));
  EXPECT_EQ(get(address, "/livez").status, 200);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(cluster.ask(i, {"resume"}).exit_code, kOk);
  EXPECT_TRUE(eventually([&] { return get(address, "/readyz").status == 200; }));
  // Without the other it is alone, and takes no part.
  cluster.kill(1);
  EXPECT_TRUE(eventually([&] { return get(address, "/readyz").status == 503; }));
  EXPECT_THAT(get(address, "/readyz").body, HasSubstr("none of its 1 neighbours"));
}

TEST_F(MetricsTest, ThePageSaysWhatSkipctlSays) {
  TestCluster cluster(2);
  set_up(cluster);
  cluster.set("energy.budget_wh", "5.0");
  cluster.set("round.evaluate_every", "2");
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(0, 6)) << cluster.describe();
  ASSERT_TRUE(eventually([&] { return cluster.status(0).contains("last_evaluation"); }));
  pause(cluster);
  const std::string page = get(metrics_address(cluster, 0), "/metrics").body;
  const Json status = cluster.status(0);
  EXPECT_EQ(value_of(page, "skiptrain_round"), status.at("round"));
  EXPECT_EQ(value_of(page, "skiptrain_phase{phase=\"paused\"}"), 1);
  EXPECT_EQ(value_of(page, "skiptrain_rounds_total{kind=\"train\"}"), status.at("train_rounds"));
  EXPECT_NEAR(value_of(page, "skiptrain_loss"), status.at("last_loss"), 1e-12);
  const double spent = status.at("energy_spent_wh").get<double>() * kJoulesPerWattHour;
  EXPECT_GT(spent, 0);
  EXPECT_NEAR(value_of(page, "skiptrain_energy_spent_joules_total"), spent, 1e-9);
  EXPECT_NEAR(value_of(page, "skiptrain_energy_left_joules"), 5 * kJoulesPerWattHour - spent, 1e-6);
  EXPECT_GT(value_of(page, "skiptrain_sent_bytes_total{peer=\"node-1\"}"), 1000);
  EXPECT_GT(value_of(page, "skiptrain_evaluation_accuracy_ratio"), 0);
  EXPECT_GE(value_of(page, "skiptrain_checkpoint_age_seconds"), 0);
  EXPECT_GT(value_of(page, "skiptrain_last_train_step_seconds"), 0);
  EXPECT_GT(value_of(page, "process_resident_memory_bytes"), 1e6);
  if (!fs::exists(kPromtool)) GTEST_SKIP() << kNotInstalled << ": not checked by promtool";
  write_file(cluster.dir() / "page", page);
  const Finished checked = run(
      {"/bin/sh", "-c", std::string(kPromtool) + " check metrics < " + (cluster.dir() / "page")});
  EXPECT_EQ(checked.exit.code, 0) << checked.out << checked.err << page;
}

TEST_F(MetricsTest, MembersAreCountedByState) {
  TestCluster cluster(3);
  cluster.find_each_other();
  set_up(cluster);
  cluster.start_all();
  const std::string address = metrics_address(cluster, 0);
  ASSERT_TRUE(cluster.wait_for_round(0, 1)) << cluster.describe();
  EXPECT_EQ(value_of(get(address, "/metrics").body, "skiptrain_members{state=\"alive\"}"), 3);
  ASSERT_TRUE(cluster.kill(2));
  EXPECT_TRUE(eventually([&] {
    const std::string page = get(address, "/metrics").body;
    return value_of(page, "skiptrain_members{state=\"failed\"}") == 1 &&
           value_of(page, "skiptrain_members{state=\"alive\"}") == 2;
  })) << get(address, "/metrics").body;
}

TEST_F(MetricsTest, PrometheusScrapesAClusterAndKnowsItsRounds) {
  if (!fs::exists(kPrometheus)) GTEST_SKIP() << kNotInstalled;
  TestCluster cluster(4);
  set_up(cluster);
  cluster.start_all();
  std::map<std::string, std::size_t> node_at;  // by address
  std::string targets;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    const std::string address = metrics_address(cluster, i);
    node_at[address] = i;
    targets += (targets.empty() ? "'" : ", '") + address + "'";
  }
  write_file(cluster.dir() / "prometheus.yml",
             "global: {scrape_interval: 500ms, scrape_timeout: 500ms}\n"
             "scrape_configs:\n- job_name: skiptrain\n  static_configs: [{targets: [" +
                 targets + "]}]\n");
  const std::string listen = "127.0.0.1:" + std::to_string(free_ports(1).front());
  Process prometheus(
      {.command = {kPrometheus, "--config.file=" + (cluster.dir() / "prometheus.yml"),
                   "--storage.tsdb.path=" + (cluster.dir() / "tsdb"),
                   "--web.listen-address=" + listen},
       .output_file = cluster.dir() / "prometheus.log",
       .environment = {}});
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    ASSERT_TRUE(cluster.wait_for_round(i, 5)) << cluster.describe();
  }
  pause(cluster);
  // Each node's round, as Prometheus has it, is the one that the node says it is in.
  const auto rounds_agree = [&] {
    const Json answer =
        Json::parse(get(listen, "/api/v1/query?query=skiptrain_round").body, nullptr, false);
    if (!answer.is_object() || answer.at("status") != "success") return false;
    std::size_t agreeing = 0;
    for (const Json& series : answer.at("data").at("result")) {
      const std::string instance = series.at("metric").at("instance");
      const std::uint64_t round = std::stoull(series.at("value").at(1).get<std::string>());
      agreeing += round >= 5 && round == cluster.round(node_at.at(instance)) ? 1 : 0;
    }
    return agreeing == cluster.size();
  };
  EXPECT_TRUE(eventually(rounds_agree))
      << get(listen, "/api/v1/query?query=skiptrain_round").body << cluster.describe()
      << read_file(cluster.dir() / "prometheus.log");
  prometheus.signal(SIGTERM);
  EXPECT_EQ(prometheus.wait(), (Exit{0, 0}));
}

}  // namespace
}  // namespace skiptrain::integration
