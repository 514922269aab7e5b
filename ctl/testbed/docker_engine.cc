#include "ctl/testbed/docker_engine.h"

#include <unistd.h>

#include <chrono>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "ctl/files.h"
#include "ctl/testbed/command.h"
#include "ctl/testbed/compose.h"
#include "ctl/testbed/plan.h"

namespace skiptrain::ctl {
namespace {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

constexpr Duration kAskTimeout = std::chrono::seconds(60);
constexpr Duration kComposeTimeout = std::chrono::minutes(10);
constexpr const char* kStopSeconds = "20";  // between SIGTERM and SIGKILL, as in compose.yaml

constexpr const char* kUseProcesses =
    "install and start docker (apt-get install docker.io docker-compose), or leave out --engine";

std::string first_line(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find('\n', begin) - begin);
}

// What a command that failed said last: compose says first what it does.
std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

bool is_no_engine(const std::string& errors) {
  return errors.find("Cannot connect to the Docker daemon") != std::string::npos ||
         errors.find("error during connect") != std::string::npos;
}

// Runs it and returns its output, or says why that did not work.
Outcome<std::string> run(const Words& words, Duration limit = kAskTimeout) {
  auto result = run_command(words, limit);
  if (!result) {
    if (result.error().code != ErrorCode::kNotFound) {
      return tl::unexpected(to_failure(result.error()));
    }
    return failure(ExitCode::kNotFound, "there is no container engine: " + result.error().message,
                   kUseProcesses);
  }
  if (result->exit_code == 0) return std::move(result->output);
  if (is_no_engine(result->errors)) {
    return failure(ExitCode::kUnreachable,
                   "no container engine answers: " + first_line(result->errors), kUseProcesses);
  }
  return failure(ExitCode::kError, words[0] + " has failed: " + last_line(result->errors));
}

Outcome<void> done(const Outcome<std::string>& outcome) {
  if (!outcome) return tl::unexpected(outcome.error());
  return {};
}

Outcome<Words> find_compose() {
  for (const Words& words : {Words{"docker", "compose"}, Words{"docker-compose"}}) {
    Words asked = words;
    asked.emplace_back("version");
    const auto answer = run_command(asked, kAskTimeout);
    if (answer && answer->exit_code == 0) return words;
  }
  return failure(ExitCode::kNotFound, "there is neither `docker compose` nor docker-compose",
                 "apt-get install docker-compose");
}

// Compose with `words`, on this testbed.
Outcome<void> compose(const TestbedState& state, const Words& words) {
  auto command = find_compose();
  if (!command) return tl::unexpected(command.error());
  command->insert(command->end(),
                  {"--project-name", state.project(), "--file", state.dir + "/" + kComposeFile,
                   "--project-directory", state.dir});
  command->insert(command->end(), words.begin(), words.end());
  return done(run(*command, kComposeTimeout));
}

Outcome<void> write(const TestbedState& state, const char* name, const std::string& text) {
  if (auto written = write_file(state.dir + "/" + name, text); !written) {
    return tl::unexpected(to_failure(written.error()));
  }
  return {};
}

Standing standing_of(const Json& container, const std::string& peers) {
  Standing seen{.exists = true};
  seen.running = container.at("State").at("Running").get<bool>();
  seen.cut_off = !container.at("NetworkSettings").at("Networks").contains(peers);
  return seen;
}

}  // namespace

Outcome<void> DockerEngine::prepare(const TestbedOptions& options, TestbedState& state) const {
  if (auto version = run({"docker", "version", "--format", "{{.Server.Version}}"}); !version) {
    return tl::unexpected(version.error());
  }
  if (auto found = find_compose(); !found) return tl::unexpected(found.error());
  const auto image = run({"docker", "image", "inspect", "--format", "{{.Id}}", options.image});
  if (!image && image.error().exit == ExitCode::kError) {
    return failure(ExitCode::kNotFound, "the container engine has no image " + options.image,
                   "in the repository: docker build -t skiptrain -f deploy/Dockerfile .");
  }
  if (!image) return tl::unexpected(image.error());
  state.image = options.image;
  return {};
}

Outcome<void> DockerEngine::lay_out(const TestbedOptions& options,
                                    const TestbedState& state) const {
  // All nodes read the same.
  const auto config = read_node_config(options, state, 0);
  if (!config) return tl::unexpected(to_failure(config.error()));
  const std::string user = std::to_string(getuid()) + ":" + std::to_string(getgid());
  const std::pair<const char*, std::string> files[] = {
      {kComposeFile, compose_file(state, files_read_by(*config), user)},
      {".env", compose_environment(state)},
      {kPrometheusFile, prometheus_file(state)}};
  for (const auto& [name, text] : files) {
    if (auto written = write(state, name, text); !written) return written;
  }
  return {};
}

Outcome<void> DockerEngine::start_all(TestbedState& state, bool) const {
  return compose(state, {"up", "--detach", "--no-build"});
}

Outcome<void> DockerEngine::end_all(TestbedState& state) const {
  // With --profile: down ends the services of those profiles only that are named.
  return compose(state,
                 {"--profile", "prometheus", "down", "--volumes", "--timeout", kStopSeconds});
}

Outcome<std::vector<Standing>> DockerEngine::look(const TestbedState& state) const {
  // Listed first: `inspect` fails for all if one does not exist.
  auto names = run({"docker", "ps", "--all", "--filter", "name=" + state.project() + "-",
                    "--format", "{{.Names}}"});
  if (!names) return tl::unexpected(names.error());
  std::map<std::string, Standing> seen;
  Words inspect = {"docker", "container", "inspect"};
  for (const TestbedNode& node : state.nodes) {
    if (("\n" + *names).find("\n" + node.container + "\n") != std::string::npos) {
      inspect.push_back(node.container);
    }
  }
  if (inspect.size() > 3) {
    auto text = run(inspect);
    if (!text) return tl::unexpected(text.error());
    try {
      for (const Json& container : Json::parse(*text)) {
        const std::string name = container.at("Name").get<std::string>().substr(1);  // "/name"
        seen[name] = standing_of(container, peers_network(state));
      }
    } catch (const Json::exception& error) {
      return failure(ExitCode::kError,
                     std::string("docker inspect: not understood: ") + error.what());
    }
  }
  std::vector<Standing> standings;
  for (const TestbedNode& node : state.nodes) standings.push_back(seen[node.container]);
  return standings;
}

std::string DockerEngine::log_tail(const TestbedNode& node, std::size_t count) const {
  const auto log =
      run_command({"docker", "logs", "--tail", std::to_string(count), node.container}, kAskTimeout);
  if (!log || log->exit_code != 0) return "";
  std::string text;
  std::string rest = log->output + log->errors;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    text += (text.empty() ? "  " : "\n  ") + rest.substr(0, end);
    rest.erase(0, end + 1);
  }
  return text;
}

std::string DockerEngine::log_place(const TestbedNode& node) const {
  return "`docker logs " + node.container + "`";
}

Outcome<void> DockerEngine::start(TestbedState&, TestbedNode& node) const {
  return done(run({"docker", "start", node.container}));
}

Outcome<void> DockerEngine::stop(TestbedState&, TestbedNode& node) const {
  return done(run({"docker", "stop", "--time", kStopSeconds, node.container}));
}

Outcome<void> DockerEngine::kill(TestbedState&, TestbedNode& node) const {
  return done(run({"docker", "kill", node.container}));
}

Outcome<void> DockerEngine::cut_off(const TestbedState& state, const TestbedNode& node) const {
  return done(run({"docker", "network", "disconnect", peers_network(state), node.container}));
}

Outcome<void> DockerEngine::reconnect(const TestbedState& state, const TestbedNode& node) const {
  return done(run({"docker", "network", "connect", "--alias", peer_alias(node),
                   peers_network(state), node.container}));
}

}  // namespace skiptrain::ctl
