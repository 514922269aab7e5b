// What a daemon does with configs, data files, topologies and peers that are wrong: it says what
// and where, and nothing else is harmed.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

// The line of `config` that begins with `text`, from 1; 0 if there is none.
std::size_t line_of(const std::string& config, const std::string& text) {
  std::istringstream lines(config);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.starts_with(text)) return number;
  }
  return 0;
}

struct BadConfig {
  std::string name;
  std::string key;
  std::string value;
};

void PrintTo(const BadConfig& bad, std::ostream* out) {
  *out << bad.name;
}

class BadConfigTest : public ::testing::TestWithParam<BadConfig> {};

TEST_P(BadConfigTest, IsRefusedWithFileAndLine) {
  TestCluster cluster(2);
  cluster.set(GetParam().key, GetParam().value);
  const std::string key = GetParam().key.substr(GetParam().key.find('.') + 1);
  cluster.start(0);
  EXPECT_EQ(cluster.process(0).wait(), (Exit{2, 0}));
  const std::string where =
      cluster.config_file(0) + ":" + std::to_string(line_of(cluster.config(0), key + " = ")) + ": ";
  EXPECT_NE(cluster.log(0).find(where), std::string::npos) << cluster.log(0);
  EXPECT_NE(cluster.log(0).find(key), std::string::npos) << cluster.log(0);
  // The check says the same, and so does skipctl.
  const Finished checked = run({SKIPTRAIND, "--check-config", cluster.config_file(0)});
  EXPECT_EQ(checked.exit.code, 2);
  EXPECT_EQ(checked.err, cluster.log(0));
  const Answer asked = skipctl({"config", "check", cluster.config_file(0)});
  EXPECT_NE(asked.exit_code, kOk);
  EXPECT_NE((asked.out + asked.err).find(where), std::string::npos) << asked.out << asked.err;
}

INSTANTIATE_TEST_SUITE_P(Keys, BadConfigTest,
                         ::testing::Values(BadConfig{"Unknown", "train.learning_rate", "0.1"},
                                           BadConfig{"WrongType", "train.batch_size", "\"many\""},
                                           BadConfig{"OutOfRange", "schedule.gamma_train", "0"},
                                           BadConfig{"NotAWord", "schedule.policy", "\"lazy\""}),
                         [](const auto& info) { return info.param.name; });

struct BadData {
  std::string name;
  std::string key;
  std::string file;  // of the folder data; written with `bytes` if there are any
  std::optional<std::string> bytes;
  std::string why;
};

void PrintTo(const BadData& bad, std::ostream* out) {
  *out << bad.name;
}

class BadDataTest : public ::testing::TestWithParam<BadData> {};

TEST_P(BadDataTest, IsRefusedByName) {
  TestCluster cluster(2);
  const std::string file = cluster.dir() / ("data/" + GetParam().file);
  if (GetParam().bytes) write_file(file, *GetParam().bytes);
  cluster.set(GetParam().key, "\"" + file + "\"");
  cluster.start(0);
  EXPECT_EQ(cluster.process(0).wait(), (Exit{1, 0})) << cluster.log(0);
  EXPECT_NE(cluster.log(0).find(file + ": "), std::string::npos) << cluster.log(0);
  EXPECT_NE(cluster.log(0).find(GetParam().why), std::string::npos) << cluster.log(0);
}

// 400 labels are declared, 3 are there.
const std::string kTruncatedLabels(
    "\0\0\x08\x01\0\0\x01\x90"
    "abc",
    11);

INSTANTIATE_TEST_SUITE_P(Files, BadDataTest,
                         ::testing::Values(BadData{"Missing", "data.train_images", "none",
                                                   std::nullopt, "none"},
                                           BadData{"Truncated", "data.train_labels", "short",
                                                   kTruncatedLabels, "truncated"},
                                           BadData{"NotIdx", "data.test_images", "text",
                                                   "Not an image at all.\n", "not an IDX file"}),
                         [](const auto& info) { return info.param.name; });

// What is wrong with the device, not with a file: one line, no state begun, nothing left running.
class BadPlaceTest : public ::testing::Test {
 protected:
  // The only line of a daemon that was started as the given user, after it ended with code 1.
  std::string complaint(const std::vector<std::string>& launcher = {}) {
    cluster_.write_config(0);
    std::vector<std::string> command = launcher;
    command.insert(command.end(), {SKIPTRAIND, "--config", cluster_.config_file(0)});
    const Finished ended = run(command);
    EXPECT_EQ(ended.exit, (Exit{kError, 0})) << ended.err;
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(ended.err.find('\n') + 1, ended.err.size()) << ended.err;
    return ended.err;
  }
  // Of the node's folder, sorted.
  std::vector<std::string> left_behind() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(cluster_.folder(0), none)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  TestCluster cluster_{1};
};

TEST_F(BadPlaceTest, ATakenPortIsNamed) {
  const int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(cluster_.port(0));
  const int on = 1;
  setsockopt(taken, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ASSERT_EQ(bind(taken, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(taken, 1), 0);
  EXPECT_EQ(complaint(), "skiptraind: cluster.nodes: address of node 0: address " +
                             cluster_.address(0) +
                             " is in use by another process; stop it or take another port\n");
  EXPECT_EQ(left_behind(), std::vector<std::string>{"lock"});
  close(taken);
}

TEST_F(BadPlaceTest, AMissingDataFolderIsNamed) {
  const std::string folder = cluster_.dir() / "nowhere";
  cluster_.set("data.format", "\"images\"");
  cluster_.set("data.directory", "\"" + folder + "\"");
  for (const char* key : {"train_images", "train_labels", "test_images", "test_labels"}) {
    cluster_.set(std::string("data.") + key, std::nullopt);
  }
  const std::string start = "skiptraind: data.directory " + folder + ": there is no such file or ";
  EXPECT_EQ(complaint().substr(0, start.size()), start);
  EXPECT_TRUE(left_behind().empty());
}

TEST_F(BadPlaceTest, AStateFolderThatMayNotBeWrittenIsNamed) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  const std::vector<std::string> nobody = {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534",
                                           "--clear-groups"};
  std::vector<std::string> try_it = nobody;
  try_it.insert(try_it.end(), {SKIPTRAIND, "--version"});
  if (run(try_it).exit.code != 0) GTEST_SKIP() << "user 65534 may not run " << SKIPTRAIND;
  namespace fs = std::filesystem;
  // Its own folder is there but root's; then it is not there, and neither may be made.
  fs::permissions(std::string(cluster_.dir() / "."), fs::perms(0755));
  fs::create_directory(cluster_.folder(0));
  const std::string start = "skiptraind: node.data_dir " + cluster_.folder(0) + ": cannot be ";
  const std::string end =
      ": Permission denied; it must be a folder that the daemon's user (uid 65534) may write, or "
      "one that it may make\n";
  EXPECT_EQ(complaint(nobody), start + "written" + end);
  EXPECT_TRUE(left_behind().empty());
  fs::remove(cluster_.folder(0));
  EXPECT_EQ(complaint(nobody), start + "made" + end);
  EXPECT_FALSE(fs::exists(cluster_.folder(0)));
}

struct BadGraph {
  std::string name;
  std::string text;
  int line;
  std::string why;
};

void PrintTo(const BadGraph& bad, std::ostream* out) {
  *out << bad.name;
}

class BadTopologyTest : public ::testing::TestWithParam<BadGraph> {};

TEST_P(BadTopologyTest, IsRefusedWithFileAndLine) {
  TestCluster cluster(4);
  const std::string file = cluster.dir() / "graph.txt";
  write_file(file, GetParam().text);
  cluster.set("cluster.topology", "\"file:" + file + "\"");
  cluster.start(0);
  EXPECT_EQ(cluster.process(0).wait(), (Exit{2, 0})) << cluster.log(0);
  const std::string where = file + ":" + std::to_string(GetParam().line) + ": ";
  EXPECT_NE(cluster.log(0).find(where), std::string::npos) << cluster.log(0);
  EXPECT_NE(cluster.log(0).find(GetParam().why), std::string::npos) << cluster.log(0);
}

INSTANTIATE_TEST_SUITE_P(
    Files, BadTopologyTest,
    ::testing::Values(BadGraph{"Asymmetric", "4\n0 1\n1 0\n1 2\n2 3\n3 2\n", 4, "asymmetric"},
                      BadGraph{"Disconnected", "4\n0 1\n2 3\n", 1, "disconnected"},
                      BadGraph{"OutOfRange", "4\n0 1\n1 2\n2 3\n3 4\n", 5, "4"}),
    [](const auto& info) { return info.param.name; });

// Two neighbours that do not belong together. `make_other` changes node 1.
class StrangerTest : public ::testing::Test {
 protected:
  StrangerTest() {
    cluster_.set("run.rounds", "100000");
    cluster_.set("round.start_timeout", "\"1s\"");
    cluster_.set("round.deadline", "\"200ms\"");
  }

  void expect_refusal_on_both_sides(const std::string& why) {
    cluster_.start_all();
    for (const std::size_t node : {0, 1}) {
      const std::string error = cluster_.refusal(node, 1 - node);
      EXPECT_NE(error.find(why), std::string::npos) << "node " << node << ": " << error;
    }
    for (const std::size_t node : {0, 1}) {
      EXPECT_TRUE(cluster_.wait_for_round(node, 2)) << cluster_.describe();
      EXPECT_EQ(cluster_.status(node).at("updates").at("accepted"), 0);
    }
  }

  TestCluster cluster_{2};
};

TEST_F(StrangerTest, APeerOfAnotherRunIsRefused) {
  cluster_.set(1, "run.id", "\"another\"");
  expect_refusal_on_both_sides("another");
}

TEST_F(StrangerTest, APeerOfAnotherClusterIsRefused) {
  cluster_.set(1, "cluster.id", "\"elsewhere\"");
  expect_refusal_on_both_sides("elsewhere");
}

TEST_F(StrangerTest, APeerWithOtherSettingsIsRefused) {
  cluster_.set(1, "train.lr", "0.3");
  expect_refusal_on_both_sides("settings");
}

TEST_F(StrangerTest, APeerWithAModelOfAnotherShapeIsRefused) {
  // The same config, but the images, and with them the model's input, are larger.
  const std::filesystem::path folder = cluster_.dir() / "larger";
  write_dataset(folder, kImageSide + 1);
  for (const auto& [key, file] : std::vector<std::pair<std::string, std::string>>{
           {"train_images", "train-images-idx3-ubyte"},
           {"train_labels", "train-labels-idx1-ubyte"},
           {"test_images", "t10k-images-idx3-ubyte"},
           {"test_labels", "t10k-labels-idx1-ubyte"}}) {
    cluster_.set(1, "data." + key, "\"" + (folder / file).string() + "\"");
  }
  expect_refusal_on_both_sides("model");
}

// Connects, sends, and waits until the other side has had enough. One connection at a time: what is
// looked for is memory that outlives its connection.
void send_to_port(std::uint16_t port, const std::string& bytes) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  (void)!send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  shutdown(fd, SHUT_WR);
  char answer[4096];
  while (recv(fd, answer, sizeof answer, 0) > 0) {
  }
  close(fd);
}

TEST(GarbageTest, BytesThatAreNoProtocolDoNoHarm) {
  constexpr int kAttempts = 3000;
  constexpr std::uint64_t kMaxBytes = 65536;  // a hundred megabytes in all
  constexpr double kGrowthMegabytes = 6.0;
  TestCluster cluster(2);
  cluster.set("run.rounds", "100000");
  cluster.set("train.local_steps", "20");
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_for_round(0, 20)) << cluster.describe();
  Rng rng(3);
  std::string noise;
  while (noise.size() < 2 * kMaxBytes) noise += static_cast<char>(rng.next());
  const double before = status_megabytes(cluster.process(0).pid(), "VmRSS");
  for (int i = 0; i < kAttempts; ++i) {
    // Every other one begins as HTTP/2 does, to get past the first check.
    const std::string start = i % 2 == 0 ? "" : "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const std::string bytes = noise.substr(rng.below(kMaxBytes), rng.below(kMaxBytes));
    ASSERT_NO_FATAL_FAILURE(send_to_port(cluster.port(0), start + bytes));
  }
  const std::uint64_t round = cluster.round(0);
  EXPECT_TRUE(cluster.wait_for_round(0, round + 20)) << cluster.describe();
  const double after = status_megabytes(cluster.process(0).pid(), "VmRSS");
  std::cout << "resident " << before << " MB, after " << kAttempts << " attempts " << after
            << " MB\n";
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(after - before, kGrowthMegabytes);
#endif
  const Json peer = cluster.peer(0, 1);
  EXPECT_EQ(peer.at("link"), "connected");
  EXPECT_EQ(peer.at("reconnects"), 0);
  EXPECT_EQ(cluster.status(0).at("updates").at("missed"), 0);
}

}  // namespace
}  // namespace skiptrain::integration
