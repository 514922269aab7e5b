#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "ctl/files.h"
#include "ctl/testbed/command.h"
#include "ctl/testbed/compose.h"
#include "ctl/testbed/engine.h"
#include "ctl/testbed/plan.h"

namespace skiptrain::ctl {
namespace {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

constexpr CommandOptions kAsking{.limit = std::chrono::seconds(60)};
constexpr CommandOptions kStarting{.limit = std::chrono::minutes(10), .interruptible = true};
constexpr CommandOptions kEnding{.limit = std::chrono::minutes(10)};
constexpr const char* kStopSeconds = "20";  // between SIGTERM and SIGKILL, as in compose.yaml

// What a command that failed said last: compose says first what it does.
std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

// The words of docker and docker-compose for an engine that cannot be asked.
std::optional<Failure> no_engine(const std::string& errors) {
  const auto says = [&](const char* words) { return errors.find(words) != std::string::npos; };
  if (says("ermission denied") && says("ocker")) {
    return Failure{ExitCode::kNotAuthorized, "the container engine may not be asked by this user",
                   "sudo usermod -aG docker $USER, then log in again; or use sudo"};
  }
  if (says("annot connect to the Docker daemon") || says("error during connect") ||
      says("connect to Docker daemon")) {
    return Failure{ExitCode::kUnreachable, "no container engine answers: " + last_line(errors),
                   "start it: sudo systemctl start docker"};
  }
  return std::nullopt;
}

// Runs it and returns its output, or says why that did not work.
Outcome<std::string> run(const Words& words, const CommandOptions& options = kAsking) {
  auto result = run_command(words, options);
  if (!result) {
    if (result.error().code != ErrorCode::kNotFound) {
      return tl::unexpected(to_failure(result.error()));
    }
    return failure(ExitCode::kNotFound, "there is no container engine: " + result.error().message,
                   "apt-get install docker.io docker-compose");
  }
  if (result->exit_code == 0) return std::move(result->output);
  if (auto why = no_engine(result->errors)) return tl::unexpected(*std::move(why));
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
    const auto answer = run_command(asked, kAsking);
    if (answer && answer->exit_code == 0) return words;
  }
  return failure(ExitCode::kNotFound, "there is neither `docker compose` nor docker-compose",
                 "apt-get install docker-compose");
}

// Compose with `words`, on this testbed.
Outcome<void> compose(const TestbedState& state, const Words& words,
                      const CommandOptions& options) {
  auto command = find_compose();
  if (!command) return tl::unexpected(command.error());
  command->insert(command->end(),
                  {"--project-name", state.project(), "--file", state.dir + "/" + kComposeFile,
                   "--project-directory", state.dir});
  command->insert(command->end(), words.begin(), words.end());
  return done(run(*command, options));
}

Standing standing_of(const Json& container, const std::string& peers) {
  Standing seen{.exists = true};
  seen.running = container.at("State").at("Running").get<bool>();
  seen.cut_off = !container.at("NetworkSettings").at("Networks").contains(peers);
  return seen;
}

// By name, of the containers that there are.
Outcome<std::map<std::string, Standing>> standings_of(const Words& containers,
                                                      const std::string& peers) {
  std::map<std::string, Standing> seen;
  if (containers.empty()) return seen;
  Words inspect = {"docker", "container", "inspect"};
  inspect.insert(inspect.end(), containers.begin(), containers.end());
  const auto text = run(inspect);
  if (!text) return tl::unexpected(text.error());
  try {
    for (const Json& container : Json::parse(*text)) {
      const std::string name = container.at("Name").get<std::string>().substr(1);  // "/name"
      seen[name] = standing_of(container, peers);
    }
  } catch (const Json::exception& error) {
    return failure(ExitCode::kError,
                   std::string("docker inspect: not understood: ") + error.what());
  }
  return seen;
}

class DockerEngine final : public Engine {
 public:
  Outcome<std::string> find_program(const TestbedOptions& options) const override {
    const auto version = run({"docker", "version", "--format", "{{.Server.Version}}"});
    if (!version) {
      Failure why = version.error();
      why.hint += (why.hint.empty() ? "" : "; ") + std::string("or leave out --engine docker");
      return tl::unexpected(std::move(why));
    }
    if (auto found = find_compose(); !found) return tl::unexpected(found.error());
    const auto image = run({"docker", "image", "inspect", "--format", "{{.Id}}", options.image});
    if (!image && image.error().exit == ExitCode::kError) {
      return failure(ExitCode::kNotFound, "the container engine has no image " + options.image,
                     "in the repository: docker build -t skiptrain -f deploy/Dockerfile .");
    }
    if (!image) return tl::unexpected(image.error());
    return options.image;
  }

  // Writes compose.yaml, .env and prometheus.yml.
  Outcome<void> lay_out(const TestbedOptions& options, const TestbedState& state) const override {
    // All nodes read the same.
    const auto config = read_node_config(options, state, 0);
    if (!config) return tl::unexpected(to_failure(config.error()));
    const std::string user = std::to_string(getuid()) + ":" + std::to_string(getgid());
    const std::pair<const char*, std::string> files[] = {
        {kComposeFile, compose_file(state, files_read_by(*config), user)},
        {".env", compose_environment(state)},
        {kPrometheusFile, prometheus_file(state)}};
    for (const auto& [name, text] : files) {
      if (auto written = write_file(state.dir + "/" + name, text); !written) {
        return tl::unexpected(to_failure(written.error()));
      }
    }
    return {};
  }

  Outcome<void> start_all(TestbedState& state, bool) const override {
    return compose(state, {"up", "--detach", "--no-build"}, kStarting);
  }

  Outcome<void> end_all(TestbedState& state) const override {
    // With --profile: down ends the services of those profiles only that are named.
    return compose(state,
                   {"--profile", "prometheus", "down", "--volumes", "--remove-orphans", "--timeout",
                    kStopSeconds},
                   kEnding);
  }

  Outcome<std::vector<Standing>> look(const TestbedState& state) const override {
    // Listed first: `inspect` fails for all if one does not exist.
    const auto names = run({"docker", "ps", "--all", "--filter", "name=" + state.project() + "-",
                            "--format", "{{.Names}}"});
    if (!names) return tl::unexpected(names.error());
    Words containers;
    for (const TestbedNode& node : state.nodes) {
      const bool exists = ("\n" + *names).find("\n" + node.container + "\n") != std::string::npos;
      if (exists) containers.push_back(node.container);
    }
    auto seen = standings_of(containers, peers_network(state));
    if (!seen) return tl::unexpected(seen.error());
    std::vector<Standing> standings;
    for (const TestbedNode& node : state.nodes) standings.push_back((*seen)[node.container]);
    return standings;
  }

  std::string log_tail(const TestbedNode& node, std::size_t count) const override {
    const auto log =
        run_command({"docker", "logs", "--tail", std::to_string(count), node.container}, kAsking);
    if (!log || log->exit_code != 0) return "";
    return indented(log->output + log->errors);
  }

  std::string log_place(const TestbedNode& node) const override {
    return "`docker logs " + node.container + "`";
  }

  Outcome<void> start(TestbedState&, TestbedNode& node) const override {
    return done(run({"docker", "start", node.container}));
  }

  Outcome<void> stop(TestbedNode& node) const override {
    return done(run({"docker", "stop", "--time", kStopSeconds, node.container}));
  }

  Outcome<void> kill(TestbedNode& node) const override {
    return done(run({"docker", "kill", node.container}));
  }

  Outcome<void> cut_off(const TestbedState& state, const TestbedNode& node) const override {
    return done(run({"docker", "network", "disconnect", peers_network(state), node.container}));
  }

  Outcome<void> reconnect(const TestbedState& state, const TestbedNode& node) const override {
    return done(run({"docker", "network", "connect", "--alias", peer_alias(node),
                     peers_network(state), node.container}));
  }
};

}  // namespace

const Engine& docker_engine() {
  static const DockerEngine engine;
  return engine;
}

}  // namespace skiptrain::ctl
