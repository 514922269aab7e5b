#include "tests/integration/cluster/test_cluster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>

namespace skiptrain::integration {
namespace {

constexpr int kLowestPort = 10000;
constexpr int kHighestPort = 32000;

std::string quoted(const std::string& text) {
  return "\"" + text + "\"";
}

bool is_free(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool free = bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return free;
}

}  // namespace

std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<int> pick(kLowestPort, kHighestPort);
  std::set<std::uint16_t> ports;
  for (int tries = 0; ports.size() < count; ++tries) {
    if (tries > 10'000) throw std::runtime_error("no free ports on 127.0.0.1");
    const int port = pick(random);
    if (is_free(port)) ports.insert(static_cast<std::uint16_t>(port));
  }
  return {ports.begin(), ports.end()};
}

std::string Answer::error_message() const {
  // Progress of a testbed may stand before the error's line.
  const std::size_t start = err.rfind("\n{", err.size());
  const auto error = Json::parse(start == std::string::npos ? err : err.substr(start + 1), nullptr,
                                 /*allow_exceptions=*/false);
  return error.is_object() ? error.value("message", "") : "";
}

Answer skipctl(const std::vector<std::string>& arguments, const RunOptions& options) {
  std::vector<std::string> command = {SKIPCTL, "-o", "json"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  Finished finished = run(command, options);
  return {.exit_code = finished.exit.code,
          .json = finished.out.empty() ? Json() : Json::parse(finished.out, nullptr, false),
          .out = std::move(finished.out),
          .err = std::move(finished.err)};
}

TestCluster::TestCluster(std::size_t node_count) {
  const auto ports = free_ports(node_count);
  for (const std::uint16_t port : ports) nodes_.emplace_back().port = port;
  write_dataset(dir_ / "data");
  const std::string data = dir_ / "data";
  settings_ = {{"cluster.id", quoted("test-" + std::to_string(ports.front()))},
               {"cluster.topology", quoted("complete")},
               {"run.id", quoted("test")},
               {"run.rounds", "10"},
               {"run.seed", "1"},
               {"schedule.policy", quoted("dpsgd")},
               {"model.name", quoted("mlp")},
               {"model.hidden", "[8]"},
               {"data.train_images", quoted(data + "/train-images-idx3-ubyte")},
               {"data.train_labels", quoted(data + "/train-labels-idx1-ubyte")},
               {"data.test_images", quoted(data + "/t10k-images-idx3-ubyte")},
               {"data.test_labels", quoted(data + "/t10k-labels-idx1-ubyte")},
               {"train.local_steps", "2"},
               {"train.batch_size", "8"},
               {"round.deadline", quoted("60s")},
               {"round.start_timeout", quoted("120s")}};
  if (node_count == 1) settings_["cluster.topology"] = quoted("ring");
  for (std::size_t i = 0; i < node_count; ++i) {
    set(i, "node.id", std::to_string(i));
    set(i, "node.data_dir", quoted(folder(i)));
  }
}

void TestCluster::place(std::size_t node, std::string host, std::vector<std::string> launcher) {
  nodes_.at(node).host = std::move(host);
  nodes_.at(node).launcher = std::move(launcher);
}

void TestCluster::find_each_other() {
  living_ = true;
  const std::string key = dir_ / "key";
  const Answer made = skipctl({"keyring", "generate", key});
  if (made.exit_code != kOk) throw std::runtime_error("no key: " + made.err);
  set("membership.enabled", "true");
  set("membership.network", quoted("local"));
  set("membership.keyring", quoted(key));
  set("membership.join", "[" + quoted(address(0)) + "]");
  set("membership.expect", std::to_string(size()));
  set("data.shares", std::to_string(size()));
  for (std::size_t i = 0; i < size(); ++i) {
    set(i, "node.address", quoted(address(i)));
    set(i, "data.share", std::to_string(i));
  }
}

void TestCluster::set(const std::string& key, std::optional<std::string> toml_value) {
  settings_[key] = std::move(toml_value);
}

void TestCluster::set(std::size_t node, const std::string& key,
                      std::optional<std::string> toml_value) {
  nodes_.at(node).settings[key] = std::move(toml_value);
}

std::string TestCluster::config(std::size_t node) const {
  Settings merged = settings_;
  for (const auto& [key, value] : nodes_.at(node).settings) merged[key] = value;
  std::map<std::string, std::string> sections;
  for (const auto& [key, value] : merged) {
    const std::size_t dot = key.find('.');
    if (value) sections[key.substr(0, dot)] += key.substr(dot + 1) + " = " + *value + "\n";
  }
  std::string toml;
  for (const auto& [section, keys] : sections) toml += "[" + section + "]\n" + keys;
  for (std::size_t i = 0; i < nodes_.size() && !living_; ++i) {
    toml += "[[cluster.nodes]]\nid = " + std::to_string(i) + "\naddress = \"" + address(i) +
            "\"\ncontrol = \"unix:" + socket(i) + "\"\n";
  }
  return toml;
}

void TestCluster::write_config(std::size_t node) const {
  write_file(config_file(node), config(node));
}

void TestCluster::start(std::size_t node, const Launch& extra) {
  write_config(node);
  Launch launch = extra;
  launch.command = nodes_.at(node).launcher;
  launch.command.insert(launch.command.end(), {SKIPTRAIND, "--config", config_file(node)});
  launch.command.insert(launch.command.end(), extra.command.begin(), extra.command.end());
  launch.output_file = folder(node) + ".log";
  nodes_.at(node).process.reset();
  nodes_.at(node).process.emplace(launch);
}

void TestCluster::start_all() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) start(i);
}

bool TestCluster::kill(std::size_t node) {
  process(node).signal(SIGKILL);
  return process(node).wait() == Exit{-1, SIGKILL};
}

std::string TestCluster::log(std::size_t node) const {
  return read_file(folder(node) + ".log");
}

Answer TestCluster::ask(std::size_t node, std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"-e", socket(node)});
  return skipctl(arguments);
}

Json TestCluster::status(std::size_t node) const {
  return ask(node, {"status"}).json;
}

std::uint64_t TestCluster::round(std::size_t node) const {
  const Json now = status(node);
  return now.is_object() ? now.at("round").get<std::uint64_t>() : 0;
}

std::string TestCluster::phase(std::size_t node) const {
  const Json now = status(node);
  return now.is_object() ? now.at("phase").get<std::string>() : "";
}

Json TestCluster::rounds(std::size_t node) const {
  const Json answer = ask(node, {"rounds", "--last", "0"}).json;
  return answer.is_object() ? answer.at("rounds") : Json::array();
}

Json TestCluster::member(std::size_t node, std::uint64_t id) const {
  const Answer answer = ask(node, {"members"});
  if (!answer.json.is_object() || !answer.json.contains("members")) return {};
  for (const Json& member : answer.json.at("members")) {
    if (member.at("node_id") == id) return member;
  }
  return {};
}

bool TestCluster::all_see(const std::vector<std::size_t>& nodes, std::uint64_t id,
                          const std::string& state) const {
  return std::ranges::all_of(nodes, [&](std::size_t node) {
    const Json seen = member(node, id);
    return seen.is_object() && seen.at("state") == state;
  });
}

Json TestCluster::peer(std::size_t node, std::uint64_t id) const {
  const Json answer = ask(node, {"peers"}).json;
  if (!answer.is_object()) return {};
  for (const Json& neighbour : answer.at("neighbours")) {
    if (neighbour.at("node_id") == id) return neighbour;
  }
  return {};
}

std::string TestCluster::refusal(std::size_t node, std::uint64_t id) const {
  const auto is_refused = [&] {
    const Json known = peer(node, id);
    return known.is_object() && known.at("link") == "refused";
  };
  if (!eventually(is_refused)) return "";
  return peer(node, id).at("last_error");
}

bool TestCluster::wait_for_phase(std::size_t node, const std::string& phase, Seconds limit) const {
  return eventually([&] { return this->phase(node) == phase; }, limit);
}

bool TestCluster::wait_for_round(std::size_t node, std::uint64_t round, Seconds limit) const {
  return eventually([&] { return this->round(node) >= round; }, limit);
}

bool TestCluster::wait_until_finished(Seconds limit) const {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!wait_for_phase(i, "finished", deadline - std::chrono::steady_clock::now())) return false;
  }
  return true;
}

std::string TestCluster::describe() const {
  std::string text;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Json now = status(i);
    text += "node " + std::to_string(i) + ": ";
    text += now.is_object()
                ? now.at("phase").get<std::string>() + " in round " + now.at("round").dump() +
                      ", waiting for " + now.at("waiting_for").dump()
                : std::string("no answer");
    text += "\n" + log(i);
  }
  return text;
}

}  // namespace skiptrain::integration
