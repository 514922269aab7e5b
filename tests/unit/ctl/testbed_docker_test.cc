// Testbeds in containers: what is written for docker-compose, and what becomes of one when docker
// fails. `docker` is a script here that fails as the real one does; with the real one testbeds run
// in tests/integration/containers.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/testbed/command.h"
#include "ctl/testbed/compose.h"
#include "ctl/testbed/plan.h"
#include "tests/unit/ctl/invocation.h"
#include "tests/unit/ctl/temp_dir.h"

namespace skiptrain::ctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

TEST(RunCommandTest, ReturnsWhatAProgramPrintsAndItsExitCode) {
  const auto result = run_command({"sh", "-c", "echo out; echo err >&2; exit 3"}, {seconds(30)});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->output, "out\n");
  EXPECT_EQ(result->errors, "err\n");
  EXPECT_EQ(result->exit_code, 3);
  const auto killed = run_command({"sh", "-c", "kill -9 $$"}, {seconds(30)});
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->exit_code, 128 + 9);
}

TEST(RunCommandTest, TakesMoreOutputThanAPipeHolds) {
  const auto result = run_command({"sh", "-c", "yes | head -c 1000000"}, {seconds(30)});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->output.size(), 1'000'000U);
}

TEST(RunCommandTest, AProgramThatIsNotThereOrDoesNotEndIsAnError) {
  EXPECT_EQ(run_command({"no-such-program-here"}, {seconds(30)}).error().code,
            ErrorCode::kNotFound);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(run_command({"sleep", "600"}, {milliseconds(100)}).error().code, ErrorCode::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(60));
}

TestbedState two_nodes(const std::string& dir) {
  TestbedState state;
  state.engine = EngineKind::kDocker;
  state.dir = dir;
  state.program = "skiptrain:7";
  state.add_node(0);
  state.add_node(1);
  return state;
}

TEST(ComposeTest, EachNodeHasItsFolderItsNamesAndWhatItReads) {
  const TestbedState state = two_nodes("/srv/bed");
  const std::string file = compose_file(state, {"/data/a", "/data/b"}, "1000:100");
  EXPECT_THAT(file, HasSubstr("image: \"skiptrain:7\"\n"));
  EXPECT_THAT(file, HasSubstr("user: \"1000:100\""));
  EXPECT_THAT(file, HasSubstr("container_name: " + state.project() + "-node-1\n"));
  EXPECT_THAT(file, HasSubstr("[\"--config\", \"/srv/bed/node-1/skiptraind.toml\"]"));
  EXPECT_THAT(file, HasSubstr("SKIPTRAIN_ENDPOINT: \"/srv/bed/node-1/control.sock\""));
  EXPECT_THAT(file, HasSubstr("source: \"/srv/bed/node-1\", target: \"/srv/bed/node-1\"}"));
  EXPECT_THAT(file, HasSubstr("&read-1 {type: bind, source: \"/data/b\", target: \"/data/b\", "
                              "read_only: true}"));
  EXPECT_THAT(file, HasSubstr("peers: {aliases: [node-1.peers]}"));
  EXPECT_THAT(file, HasSubstr("peers: {name: " + state.project() + "-peers}"));
  EXPECT_THAT(prometheus_file(state), HasSubstr("- node-1:9464\n"));
  EXPECT_THAT(compose_environment(state), HasSubstr(state.project()));
}

TEST(ComposeTest, PathsWithADollarOrAQuoteStayWhatTheyAre) {
  const std::string file = compose_file(two_nodes("/srv/a$b\"c: d"), {}, "0:0");
  EXPECT_THAT(file, HasSubstr(R"(source: "/srv/a$$b\"c: d/node-0")"));
  EXPECT_THAT(file, Not(HasSubstr("x-reads")));
}

TEST(ComposeTest, FoldersHaveProjectsOfTheirOwn) {
  EXPECT_NE(two_nodes("/srv/a").project(), two_nodes("/srv/b").project());
  EXPECT_EQ(two_nodes("/srv/a").project(), two_nodes("/srv/a").project());
}

class DockerTestbedTest : public testing::Test {
 protected:
  DockerTestbedTest() : path_(std::getenv("PATH")) {
    for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                             "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
      std::ofstream(data / name) << "";
    }
  }
  ~DockerTestbedTest() override { setenv("PATH", path_.c_str(), 1); }

  // From here on `docker` is `script`, which finds its words in $*; calls are noted.
  void docker_is(const std::string& script) {
    const std::string file = programs / "docker";
    std::ofstream(file) << "#!/bin/sh\necho \"$*\" >>" << calls() << "\n" << script << "\n";
    ASSERT_EQ(chmod(file.c_str(), S_IRWXU), 0);
    setenv("PATH", (programs.path() + ":" + path_).c_str(), 1);
  }
  std::string calls() const { return programs / "calls"; }

  Invocation testbed(const std::string& verb, const std::vector<std::string>& words = {}) {
    std::vector<std::string> all = {"testbed", verb, "--dir", dir / "bed"};
    if (verb == "up" || verb == "compose") {
      all.insert(all.end(), {"--dataset", data.path(), "--nodes", "4"});
    }
    if (verb == "up") all.insert(all.end(), {"--engine", "docker"});
    all.insert(all.end(), words.begin(), words.end());
    return skipctl(all);
  }

  TempDir data;
  TempDir dir;
  TempDir programs;

 private:
  std::string path_;
};

TEST_F(DockerTestbedTest, ConfigurationsAreForContainers) {
  docker_is("exit 0");
  const Invocation compose = testbed("compose", {"--set", "round.deadline=2s"});
  ASSERT_EQ(compose.exit, ExitCode::kOk) << compose.err;
  EXPECT_THAT(compose.out, HasSubstr("compose.yaml has 4 nodes"));
  const auto config = daemon::load_config(dir / "bed/node-2/skiptraind.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->cluster.nodes[2].address, "node-2.peers:7433");
  EXPECT_EQ(config->node.listen, "0.0.0.0:7433");
  EXPECT_EQ(config->metrics.listen, "0.0.0.0:9464");
  EXPECT_EQ(config->control.socket, dir / "bed/node-2/control.sock");
  EXPECT_EQ(config->round.deadline, seconds(2));
  EXPECT_THAT(files_read_by(*config),
              ElementsAre(data / "t10k-images-idx3-ubyte", data / "t10k-labels-idx1-ubyte",
                          data / "train-images-idx3-ubyte", data / "train-labels-idx1-ubyte"));
  EXPECT_THAT(contents(dir / "bed/compose.yaml"), HasSubstr(data / "t10k-images-idx3-ubyte"));
  EXPECT_THAT(contents(calls()), Not(HasSubstr(" up "))) << "compose starts nothing";
}

TEST_F(DockerTestbedTest, WithoutAnEngineNothingIsMade) {
  setenv("PATH", programs.path().c_str(), 1);
  Invocation up = testbed("up");
  EXPECT_EQ(up.exit, ExitCode::kNotFound);
  EXPECT_THAT(up.err, HasSubstr("there is no container engine: docker is not in $PATH"));
  docker_is("echo 'Cannot connect to the Docker daemon at unix:///x. Is it running?' >&2; exit 1");
  up = testbed("up");
  EXPECT_EQ(up.exit, ExitCode::kUnreachable);
  EXPECT_THAT(up.err, HasSubstr("no container engine answers: Cannot connect"));
  docker_is("case $* in 'image inspect'*) echo 'Error: No such image' >&2; exit 1;; esac");
  up = testbed("up", {"--image", "other"});
  EXPECT_EQ(up.exit, ExitCode::kNotFound);
  EXPECT_THAT(up.err, HasSubstr("has no image other"));
  EXPECT_THAT(up.err, HasSubstr("docker build"));
  EXPECT_FALSE(std::filesystem::exists(dir / "bed"));
}

TEST_F(DockerTestbedTest, AnEngineThatMayNotBeAskedIsNotAuthorized) {
  docker_is(
      "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1");
  const Invocation up = testbed("up");
  EXPECT_EQ(up.exit, ExitCode::kNotAuthorized);
  EXPECT_THAT(up.err, HasSubstr("usermod -aG docker"));
  EXPECT_FALSE(std::filesystem::exists(dir / "bed"));
}

TEST_F(DockerTestbedTest, WhatIsMountedIsWhereTheDaemonLooks) {
  docker_is("exit 0");
  const Invocation compose = testbed("compose", {"--set", "energy.meter_root=/made/up", "--set",
                                                 "model.initial=start.safetensors"});
  ASSERT_EQ(compose.exit, ExitCode::kOk) << compose.err;
  const auto config = daemon::load_config(dir / "bed/node-0/skiptraind.toml");
  ASSERT_TRUE(config) << config.error().message;
  const std::string file = contents(dir / "bed/compose.yaml");
  EXPECT_THAT(file, HasSubstr("target: \"/made/up\""));
  EXPECT_THAT(file, HasSubstr("target: \"" + config->model.initial.string() + "\""));
}

TEST_F(DockerTestbedTest, AnInterruptEndsWhatIsBeingStarted) {
  docker_is("case $* in *' up '*) sleep 600;; esac");
  std::jthread interrupter([&] {
    const auto deadline = std::chrono::steady_clock::now() + seconds(30);
    while (contents(calls()).find(" up ") == std::string::npos &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    kill(getpid(), SIGINT);
  });
  const auto begin = std::chrono::steady_clock::now();
  const Invocation up = testbed("up");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(60));
  EXPECT_EQ(up.exit, ExitCode::kError);
  EXPECT_THAT(up.err, HasSubstr("interrupted"));
  EXPECT_THAT(contents(calls()), HasSubstr(" down "));
}

TEST_F(DockerTestbedTest, ContainersThatHaveEndedAreRemovedBeforeOthersTakeTheirPlace) {
  // Four containers that ran once.
  docker_is(R"(case $* in
    'ps '*) for i in 0 1 2 3; do echo "$PROJECT-node-$i"; done;;
    'container inspect '*) shift 2; sep='['; for name; do
      printf '%s{"Name":"/%s","State":{"Running":false},"NetworkSettings":{"Networks":{}}}' "$sep" "$name"
      sep=','; done; echo ']';;
  esac)");
  TestbedState bed = two_nodes(dir / "bed");
  setenv("PROJECT", bed.project().c_str(), 1);
  ASSERT_EQ(testbed("compose").exit, ExitCode::kOk);
  EXPECT_THAT(contents(calls()), Not(HasSubstr(" down ")));
  ASSERT_EQ(testbed("compose", {"--seed", "2"}).exit, ExitCode::kOk);
  EXPECT_THAT(contents(calls()), HasSubstr(" down "));
  unsetenv("PROJECT");
}

TEST_F(DockerTestbedTest, WhatCannotBeStartedWholeIsTakenDown) {
  docker_is(
      "case $* in *' up '*) echo Creating; echo 'no space left on device' >&2; exit 1;; esac");
  const Invocation up = testbed("up");
  EXPECT_EQ(up.exit, ExitCode::kError);
  EXPECT_THAT(up.err, HasSubstr("no space left on device"));
  const std::string said = contents(calls());
  EXPECT_GT(said.find(" down "), said.find(" up ")) << said;
  EXPECT_THAT(said, HasSubstr(" down "));
}

TEST_F(DockerTestbedTest, NodesOfATestbedThatWasNotStartedCannotBeHandled) {
  docker_is("exit 0");
  ASSERT_EQ(testbed("compose").exit, ExitCode::kOk);
  EXPECT_EQ(testbed("cut", {"node-1"}).exit, ExitCode::kPrecondition);
  EXPECT_EQ(testbed("cut", {"node-9"}).exit, ExitCode::kNotFound);
  EXPECT_EQ(testbed("heal").exit, ExitCode::kNotFound);
  EXPECT_EQ(testbed("status").exit, ExitCode::kNotFound);
  EXPECT_THAT(contents(calls()), Not(HasSubstr("network")));
}

TEST_F(DockerTestbedTest, AFolderTooDeepForSocketsIsRefused) {
  docker_is("exit 0");
  const std::string deep = dir / std::string(100, 'x');
  const Invocation compose =
      skipctl({"testbed", "compose", "--dir", deep, "--dataset", data.path(), "--nodes", "4"});
  EXPECT_EQ(compose.exit, ExitCode::kUsage);
  EXPECT_THAT(compose.err, HasSubstr("is too long for the nodes' sockets"));
}

}  // namespace
}  // namespace skiptrain::ctl
