// A neighbour that dies without a word: kill -9 of a process.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/transport/transport_testing.h"

namespace skiptrain::transport {
namespace {

using testing::connect;
using testing::TestNode;
using testing::update_of;

// wire_interop_node as a child; its address is known once the constructor is done.
class ChildNode {
 public:
  explicit ChildNode(std::size_t parameters) {
    std::array<int, 2> in{}, out{};
    if (::pipe(in.data()) != 0 || ::pipe(out.data()) != 0) return;
    const std::string count = std::to_string(parameters);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
      ::execl(WIRE_INTEROP_NODE, WIRE_INTEROP_NODE, "2", "1", count.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    lines_ = ::fdopen(out[0], "r");
    std::array<char, 128> line{};
    if (std::fscanf(lines_, "address %127s", line.data()) == 1) address_ = line.data();
  }
  ~ChildNode() {
    kill_now();
    if (input_ >= 0) ::close(input_);
    if (lines_ != nullptr) std::fclose(lines_);
  }

  void kill_now() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  const std::string& address() const { return address_; }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  std::FILE* lines_ = nullptr;  // open as long as the child writes, or the write would end it
  std::string address_;
};

TEST(PeerDeathTest, KillIsNoticedAtOnceAndTheOthersGoOn) {
  auto config = testing::config_of(1, {2, 3});
  config.cluster_id = "interop";
  config.run_fingerprint = Fingerprint(0x1111);
  config.layout_fingerprint = Fingerprint(0x2222);
  auto other_config = config;
  other_config.self = NodeId(3);
  other_config.peers = {{NodeId(1), "node-1", ""}};
  TestNode node(config), other(other_config);
  ChildNode child(testing::kParameters);
  ASSERT_FALSE(child.address().empty());
  connect(node, 1, other, 3);
  node.knows(NodeId(2), child.address());
  ASSERT_TRUE(node.wait_for<core::PeerConnected>([](auto& e) { return e.peer == NodeId(2); }))
      << node.link(2).last_error;

  const auto begin = std::chrono::steady_clock::now();
  child.kill_now();
  ASSERT_TRUE(node.wait_for<core::PeerDisconnected>([](auto& e) { return e.peer == NodeId(2); }));
  // Far below the keepalive's 10 s: the reset of the connection is what tells.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
  EXPECT_EQ(node.link(2).state, ports::LinkState::kLost);
  EXPECT_THAT(node.link(2).last_error, ::testing::HasSubstr("node 2 (cpp)"));

  node.transport().send({NodeId(2), NodeId(3)}, update_of(1, 0.0F));
  EXPECT_TRUE(other.wait_for<core::UpdateReceived>());
}

}  // namespace
}  // namespace skiptrain::transport
