// A cluster of real daemons on loopback for a test: configs, processes, and skipctl to ask them.
//
// Everything lives in a folder of its own and goes with the object. By default the model is a tiny
// perceptron on a tiny data set, so that starting a daemon is what costs most. Settings are given
// as the config's dotted keys with TOML values: set("round.deadline", "\"3s\"").
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/integration/cluster/files.h"
#include "tests/integration/cluster/process.h"

namespace skiptrain::integration {

using Json = nlohmann::json;

// skipctl's documented exit codes.
inline constexpr int kOk = 0;
inline constexpr int kError = 1;
inline constexpr int kUsage = 2;
inline constexpr int kUnreachable = 3;
inline constexpr int kNotFound = 4;
inline constexpr int kPrecondition = 5;
inline constexpr int kTimeout = 6;
inline constexpr int kNotAuthorized = 7;
inline constexpr int kDegraded = 8;

// Ports that are free now; below the kernel's own range, so that no outgoing connection takes one.
std::vector<std::uint16_t> free_ports(std::size_t count);

// skipctl with these arguments, in JSON.
struct Answer {
  int exit_code = -1;
  Json json;  // of standard output; null if there was none
  std::string out;
  std::string err;

  // The error object's text; "" if there was no error.
  std::string error_message() const;
};
Answer skipctl(const std::vector<std::string>& arguments, const RunOptions& options = {});

class TestCluster {
 public:
  explicit TestCluster(std::size_t node_count);

  std::size_t size() const { return nodes_.size(); }
  const TestDir& dir() const { return dir_; }

  // Before all else: on another host, where commands run with `launcher` before them.
  void place(std::size_t node, std::string host, std::vector<std::string> launcher);
  // Before start: nodes find each other through node 0, whose address the others know, and wait for
  // all of them before their first round. Gossip as on one machine, and one key for all.
  void find_each_other();
  // Before start; with a node, for that one only. nullopt leaves the key out.
  void set(const std::string& key, std::optional<std::string> toml_value);
  void set(std::size_t node, const std::string& key, std::optional<std::string> toml_value);
  // The node's config as it is now set; also written to its file by `start`.
  std::string config(std::size_t node) const;
  std::string config_file(std::size_t node) const { return folder(node) + ".toml"; }
  std::string folder(std::size_t node) const { return dir_ / ("n" + std::to_string(node)); }
  std::string socket(std::size_t node) const { return folder(node) + "/control.sock"; }
  std::uint16_t port(std::size_t node) const { return nodes_.at(node).port; }
  std::string address(std::size_t node) const {
    return nodes_.at(node).host + ":" + std::to_string(port(node));
  }
  void write_config(std::size_t node) const;

  // `extra`: further arguments, as its command, and environment.
  void start(std::size_t node, const Launch& extra = {});
  void start_all();
  Process& process(std::size_t node) { return *nodes_.at(node).process; }
  // SIGKILL, and waits for the end. False if it had ended by itself.
  bool kill(std::size_t node);
  // Standard output and error of all the node's daemons so far.
  std::string log(std::size_t node) const;

  // skipctl at this node.
  Answer ask(std::size_t node, std::vector<std::string> arguments) const;
  // Its status; null while it does not answer.
  Json status(std::size_t node) const;
  std::uint64_t round(std::size_t node) const;
  std::string phase(std::size_t node) const;
  Json rounds(std::size_t node) const;
  // What the node knows of one member, by NodeId; null if it does not know it.
  Json member(std::size_t node, std::uint64_t id) const;
  // Do all of these nodes see `id` in this state?
  bool all_see(const std::vector<std::size_t>& nodes, std::uint64_t id,
               const std::string& state) const;
  // What the node knows of one neighbour, by NodeId; null if nothing.
  Json peer(std::size_t node, std::uint64_t id) const;
  // Waits until the node and the neighbour refuse each other; then the reason that it gives;
  // "" if they do not in time.
  std::string refusal(std::size_t node, std::uint64_t id) const;

  bool wait_for_phase(std::size_t node, const std::string& phase, Seconds limit = kPatience) const;
  bool wait_for_round(std::size_t node, std::uint64_t round, Seconds limit = kPatience) const;
  bool wait_until_finished(Seconds limit = 2 * kPatience) const;
  // What a failed wait should show.
  std::string describe() const;

 private:
  using Settings = std::map<std::string, std::optional<std::string>>;
  struct Node {
    std::uint16_t port = 0;
    std::string host = "127.0.0.1";
    std::vector<std::string> launcher;
    Settings settings;
    std::optional<Process> process;
  };

  TestDir dir_;
  bool living_ = false;
  Settings settings_;
  std::vector<Node> nodes_;
};

}  // namespace skiptrain::integration
