// The control endpoint of real daemons, seen by a client in another language that has none of our
// files: gRPC's health service, and reflection, which the network's side must not offer.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr const char* kPython = "/usr/bin/python3";
constexpr int kPackageMissing = 77;
constexpr const char* kHealth = "grpc.health.v1.Health";
constexpr const char* kControl = "skiptrain.v1.Control";
constexpr const char* kReflection = "grpc.reflection.v1alpha.ServerReflection";

std::vector<std::string> client(const std::string& endpoint, std::vector<std::string> words) {
  std::vector<std::string> command = {kPython, "-B", CONTROL_CLIENT, endpoint};
  command.insert(command.end(), words.begin(), words.end());
  return command;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

class ControlEndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kPython)) GTEST_SKIP() << "there is no " << kPython;
    const Finished tried = run(client("unix:/nowhere", {"list"}));
    if (tried.exit.code == kPackageMissing) GTEST_SKIP() << tried.out;
    cluster_.set("run.rounds", "1000000");
  }

  std::string control(std::size_t node) const { return "unix:" + cluster_.socket(node); }
  // What Check says of `service`: a status, or the code of the error.
  std::string check(std::size_t node, const std::string& service = "") const {
    const Finished asked =
        run(client(control(node), {"call", kHealth, "Check", Json({{"service", service}}).dump()}));
    const auto answer = Json::parse(asked.out, nullptr, /*allow_exceptions=*/false);
    if (answer.is_object()) return answer.at("status");
    return asked.out.substr(0, asked.out.find('\n'));
  }

  TestCluster cluster_{2};
};

TEST_F(ControlEndpointTest, ReflectionTellsAClientAllItNeeds) {
  cluster_.start_all();
  ASSERT_TRUE(cluster_.wait_for_round(0, 1)) << cluster_.describe();
  const Finished listed = run(client(control(0), {"list"}));
  EXPECT_THAT(lines_of(listed.out), UnorderedElementsAre(kControl, kHealth, kReflection));
  const Finished called = run(client(control(0), {"call", kControl, "GetStatus"}));
  ASSERT_EQ(called.exit.code, 0) << called.out << called.err;
  const Json status = Json::parse(called.out);
  EXPECT_EQ(status.at("nodeName"), cluster_.status(0).at("node_name"));
  EXPECT_GE(std::stoull(status.at("round").get<std::string>()), 1u);
}

TEST_F(ControlEndpointTest, ThePeersListenerOffersNeither) {
  cluster_.start_all();
  ASSERT_TRUE(cluster_.wait_for_round(0, 1)) << cluster_.describe();
  const Finished listed = run(client(cluster_.address(0), {"list"}));
  EXPECT_EQ(listed.out, "UNIMPLEMENTED\n") << listed.err;
  // By bytes, as there is nothing that would describe it: a Check of "".
  const Finished checked =
      run({kPython, "-c",
           "import grpc, sys\n"
           "call = grpc.insecure_channel(sys.argv[1]).unary_unary('/grpc.health.v1.Health/Check')\n"
           "try: print(call(b'', timeout=60))\n"
           "except grpc.RpcError as error: print(error.code().name)\n",
           cluster_.address(0)});
  EXPECT_EQ(checked.out, "UNIMPLEMENTED\n") << checked.err;
}

TEST_F(ControlEndpointTest, HealthIsWhatReadinessIs) {
  cluster_.start(0);
  ASSERT_TRUE(cluster_.wait_for_phase(0, "waiting-for-peers")) << cluster_.describe();
  EXPECT_EQ(check(0), "NOT_SERVING");
  cluster_.start(1);
  EXPECT_TRUE(eventually([&] { return check(0) == "SERVING"; })) << cluster_.describe();
  EXPECT_EQ(check(0, kControl), "SERVING");
  EXPECT_EQ(check(0, "skiptrain.v1.Peer"), "NOT_FOUND");
  // Without the other it is alone, and takes no part.
  ASSERT_TRUE(cluster_.kill(1));
  EXPECT_TRUE(eventually([&] { return check(0) == "NOT_SERVING"; })) << cluster_.describe();
}

TEST_F(ControlEndpointTest, AWatcherHearsOfEveryChangeAndOfTheEnd) {
  cluster_.start_all();
  ASSERT_TRUE(cluster_.wait_for_round(0, 1)) << cluster_.describe();
  const std::string heard = cluster_.dir() / "heard";
  const auto last = [&] {
    const auto lines = lines_of(read_file(heard));
    return lines.empty() ? std::string() : lines.back();
  };
  Process watcher({.command = client(control(0), {"call", kHealth, "Watch"}),
                   .output_file = heard,
                   .environment = {}});
  ASSERT_TRUE(eventually([&] { return last() == R"({"status": "SERVING"})"; })) << last();
  cluster_.ask(0, {"pause"});
  ASSERT_TRUE(eventually([&] { return last() == R"({"status": "NOT_SERVING"})"; })) << last();
  cluster_.ask(0, {"resume"});
  ASSERT_TRUE(eventually([&] { return last() == R"({"status": "SERVING"})"; })) << last();
  cluster_.process(0).signal(SIGTERM);
  EXPECT_EQ(cluster_.process(0).wait(), (Exit{0, 0}));
  EXPECT_EQ(watcher.wait(), (Exit{1, 0}));
  EXPECT_THAT(lines_of(read_file(heard)),
              ElementsAre(HasSubstr("\"SERVING"), HasSubstr("NOT_SERVING"), HasSubstr("\"SERVING"),
                          HasSubstr("NOT_SERVING"), "UNAVAILABLE"));
}

}  // namespace
}  // namespace skiptrain::integration
