#include "ctl/testbed/state.h"

#include <cstdio>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "ctl/files.h"

namespace skiptrain::ctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kStateVersion = 1;
constexpr const char* kProcess = "process";
constexpr const char* kDocker = "docker";

Json to_json(const TestbedNode& node) {
  return {{"id", node.id},
          {"address", node.address},
          {"pid", node.process.pid},
          {"start_time", node.process.start_time}};
}

void add_node(const Json& json, TestbedState& state) {
  TestbedNode& node = state.add_node(json.at("id").get<std::uint64_t>());
  json.at("address").get_to(node.address);
  json.at("pid").get_to(node.process.pid);
  json.at("start_time").get_to(node.process.start_time);
}

}  // namespace

std::string TestbedState::project() const {
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", XXH32(dir.data(), dir.size(), 0));
  return std::string("skiptrain-") + digits;
}

TestbedNode& TestbedState::add_node(std::uint64_t id) {
  TestbedNode node;
  node.id = id;
  node.name = "node-" + std::to_string(id);
  node.directory = dir + "/" + node.name;
  node.socket = socket_dir.empty() ? node.directory + "/control.sock"
                                   : socket_dir + "/" + std::to_string(id) + ".sock";
  node.config_file = node.directory + "/skiptraind.toml";
  node.log_file = node.directory + "/skiptraind.log";
  if (engine == EngineKind::kDocker) node.container = project() + "-" + node.name;
  return nodes.emplace_back(std::move(node));
}

Status save(const TestbedState& state) {
  Json nodes = Json::array();
  for (const TestbedNode& node : state.nodes) nodes.push_back(to_json(node));
  const Json json = {{"version", kStateVersion},
                     {"socket_dir", state.socket_dir},
                     {"engine", state.engine == EngineKind::kDocker ? kDocker : kProcess},
                     {"skiptraind", state.program},
                     {"nodes", std::move(nodes)}};
  return write_file(state.dir + "/" + kStateFile, json.dump(2) + "\n");
}

Result<TestbedState> load_state(const std::string& dir) {
  const std::string path = dir + "/" + kStateFile;
  for (const std::string& believed : {dir, path}) {
    const auto ours = check_private(believed);
    if (ours) continue;
    if (ours.error().code != ErrorCode::kNotFound) return tl::unexpected(ours.error());
    return fail(ErrorCode::kNotFound, "there is no testbed in " + dir);
  }
  const auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  try {
    const Json json = Json::parse(*text);
    if (json.at("version") != kStateVersion) {
      return fail(ErrorCode::kMismatch, path + ": written by another version of skipctl");
    }
    TestbedState state;
    state.dir = dir;
    json.at("socket_dir").get_to(state.socket_dir);
    // A file from before there were containers names no engine.
    const std::string engine = json.value("engine", kProcess);
    if (engine != kProcess && engine != kDocker) {
      return fail(ErrorCode::kCorrupt, path + ": there is no engine \"" + engine + '"');
    }
    state.engine = engine == kDocker ? EngineKind::kDocker : EngineKind::kProcess;
    json.at("skiptraind").get_to(state.program);
    for (const Json& node : json.at("nodes")) add_node(node, state);
    return state;
  } catch (const Json::exception& error) {
    return fail(ErrorCode::kCorrupt, path + ": " + error.what());
  }
}

}  // namespace skiptrain::ctl
