#include "tests/integration/chaos/living_network.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <ctime>
#include <numeric>
#include <sstream>
#include <stdexcept>

namespace skiptrain::integration {
namespace {

constexpr double kMilli = 1e-3;

// The time at the start of a line of the log, such as 2026-11-26T01:17:10.164Z.
std::optional<double> time_of(const std::string& line) {
  std::tm time{};
  const char* rest = strptime(line.c_str(), "%Y-%m-%dT%H:%M:%S.", &time);
  if (rest == nullptr) return std::nullopt;
  return static_cast<double>(timegm(&time)) + std::atoi(rest) * kMilli;
}

}  // namespace

Nodes nodes_between(std::size_t first, std::size_t end) {
  Nodes nodes(end - first);
  std::iota(nodes.begin(), nodes.end(), first);
  return nodes;
}

double unix_seconds() {
  return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

double quantile(std::vector<double> values, double part) {
  if (values.empty()) throw std::runtime_error("no values");
  std::ranges::sort(values);
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
  return values[rank == 0 ? 0 : rank - 1];
}

LivingNetwork::LivingNetwork(std::size_t nodes) : network_(nodes), cluster_(nodes) {
  for (std::size_t node = 0; node < nodes; ++node) {
    cluster_.place(node, TestNetwork::address(node), network_.on(node));
  }
  cluster_.find_each_other();
  // Two, so that either of them finds the others when it comes back.
  cluster_.set("membership.join",
               "[\"" + cluster_.address(0) + "\", \"" + cluster_.address(1) + "\"]");
  cluster_.set("cluster.topology", std::nullopt);
  cluster_.set("membership.network", std::nullopt);
  cluster_.set("security.insecure", "true");
  cluster_.set("run.rounds", "1000000000");
  cluster_.set("train.local_steps", "40");
  cluster_.set("round.deadline", std::nullopt);
}

Nodes LivingNetwork::all_but(std::size_t node) const {
  Nodes nodes = all();
  std::erase(nodes, node);
  return nodes;
}

void LivingNetwork::make_slower(std::size_t node) {
  auto launcher = network_.on(node);
  launcher.insert(launcher.end(), {"/usr/bin/nice", "-n", "5"});
  cluster_.place(node, TestNetwork::address(node), launcher);
}

void LivingNetwork::start(const Nodes& nodes) {
  for (const std::size_t node : nodes) cluster_.start(node);
}

std::vector<std::optional<double>> LivingNetwork::said_at(const Nodes& nodes,
                                                          const std::string& text,
                                                          double since) const {
  std::vector<std::optional<double>> times;
  for (const std::size_t node : nodes) {
    std::istringstream log(cluster_.log(node));
    std::optional<double> found;
    for (std::string line; !found && std::getline(log, line);) {
      if (line.find(text) == std::string::npos) continue;
      const auto time = time_of(line);
      if (time && *time >= since) found = time;
    }
    times.push_back(found);
  }
  return times;
}

std::optional<double> LivingNetwork::all_said(const Nodes& nodes, const std::string& text,
                                              double since, Seconds limit) const {
  std::vector<std::optional<double>> times;
  const bool all = eventually(
      [&] {
        times = said_at(nodes, text, since);
        return std::ranges::all_of(times, [](const auto& time) { return time.has_value(); });
      },
      limit);
  if (!all) return std::nullopt;
  return **std::ranges::max_element(times);
}

std::size_t LivingNetwork::lines_with(const Nodes& nodes, const std::string& text,
                                      double since) const {
  std::size_t count = 0;
  for (const std::size_t node : nodes) {
    std::istringstream log(cluster_.log(node));
    for (std::string line; std::getline(log, line);) {
      if (line.find(text) == std::string::npos) continue;
      const auto time = time_of(line);
      count += time && *time >= since;
    }
  }
  return count;
}

std::vector<std::uint64_t> LivingNetwork::jumps(const Nodes& nodes, double since) const {
  const std::string mark = "caught up: at round ";
  std::vector<std::uint64_t> rounds;
  for (const std::size_t node : nodes) {
    std::istringstream log(cluster_.log(node));
    for (std::string line; std::getline(log, line);) {
      const std::size_t at = line.find(mark);
      if (at == std::string::npos) continue;
      const auto time = time_of(line);
      if (time && *time >= since) rounds.push_back(std::stoull(line.substr(at + mark.size())));
    }
  }
  return rounds;
}

bool LivingNetwork::sees_alive(std::size_t node, std::size_t members) const {
  const Json answer = cluster_.ask(node, {"members"}).json;
  if (!answer.is_object()) return false;
  const Json& list = answer.at("members");
  return std::ranges::count_if(list, [](const Json& member) {
           return member.at("state") == "alive";
         }) == static_cast<std::ptrdiff_t>(members);
}

bool LivingNetwork::all_see_alive(const Nodes& nodes, std::size_t members) const {
  return std::ranges::all_of(nodes, [&](std::size_t node) { return sees_alive(node, members); });
}

std::vector<std::uint64_t> LivingNetwork::rounds_of(const Nodes& nodes) const {
  std::vector<std::uint64_t> rounds;
  for (const std::size_t node : nodes) rounds.push_back(cluster_.round(node));
  return rounds;
}

bool LivingNetwork::all_reach(const Nodes& nodes, std::uint64_t round, Seconds limit) const {
  return std::ranges::all_of(
      nodes, [&](std::size_t node) { return cluster_.wait_for_round(node, round, limit); });
}

std::vector<double> LivingNetwork::figures(const Nodes& nodes, const char* figure,
                                           std::uint64_t first) const {
  std::vector<double> values;
  for (const std::size_t node : nodes) {
    // Not the whole history, which may be long.
    const std::uint64_t now = cluster_.round(node);
    const std::string last = std::to_string(now > first ? now - first + 1 : 1);
    const Json answer = cluster_.ask(node, {"rounds", "--last", last}).json;
    if (!answer.is_object()) continue;
    for (const Json& round : answer.at("rounds")) {
      if (round.at("round") < first || round.at("caught_up")) continue;
      values.push_back(round.at(figure));
    }
  }
  return values;
}

}  // namespace skiptrain::integration
