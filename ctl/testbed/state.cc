#include "ctl/testbed/state.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "ctl/files.h"

namespace skiptrain::ctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kStateVersion = 1;

Json to_json(const TestbedNode& node) {
  return {{"id", node.id},
          {"name", node.name},
          {"address", node.address},
          {"directory", node.directory},
          {"socket", node.socket},
          {"config_file", node.config_file},
          {"log_file", node.log_file},
          {"pid", node.process.pid},
          {"start_time", node.process.start_time}};
}

TestbedNode node_of(const Json& json) {
  TestbedNode node;
  json.at("id").get_to(node.id);
  json.at("name").get_to(node.name);
  json.at("address").get_to(node.address);
  json.at("directory").get_to(node.directory);
  json.at("socket").get_to(node.socket);
  json.at("config_file").get_to(node.config_file);
  json.at("log_file").get_to(node.log_file);
  json.at("pid").get_to(node.process.pid);
  json.at("start_time").get_to(node.process.start_time);
  return node;
}

}  // namespace

bool TestbedState::is_live() const {
  return std::any_of(nodes.begin(), nodes.end(),
                     [](const TestbedNode& node) { return is_alive(node.process); });
}

bool TestbedState::was_started() const {
  return std::any_of(nodes.begin(), nodes.end(),
                     [](const TestbedNode& node) { return node.process.pid != 0; });
}

Status save(const TestbedState& state) {
  Json nodes = Json::array();
  for (const TestbedNode& node : state.nodes) nodes.push_back(to_json(node));
  const Json json = {{"version", kStateVersion},
                     {"socket_dir", state.socket_dir},
                     {"skiptraind", state.skiptraind},
                     {"nodes", std::move(nodes)}};
  return write_file(state.dir + "/" + kStateFile, json.dump(2) + "\n");
}

Result<TestbedState> load_state(const std::string& dir) {
  const std::string path = dir + "/" + kStateFile;
  const auto text = read_file(path);
  if (!text) return fail(ErrorCode::kNotFound, "there is no testbed in " + dir);
  try {
    const Json json = Json::parse(*text);
    if (json.at("version") != kStateVersion) {
      return fail(ErrorCode::kMismatch, path + ": written by another version of skipctl");
    }
    TestbedState state;
    state.dir = dir;
    json.at("socket_dir").get_to(state.socket_dir);
    json.at("skiptraind").get_to(state.skiptraind);
    for (const Json& node : json.at("nodes")) state.nodes.push_back(node_of(node));
    return state;
  } catch (const Json::exception& error) {
    return fail(ErrorCode::kCorrupt, path + ": " + error.what());
  }
}

}  // namespace skiptrain::ctl
