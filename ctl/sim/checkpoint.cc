#include "ctl/sim/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "model/parameter_layout.h"
#include "store/safetensors.h"

namespace skiptrain::ctl {
namespace {

constexpr const char* kMetadataKey = "simulation";
constexpr int kVersion = 1;

nlohmann::json to_json(const sim::NodeSnapshot& node) {
  const sim::NodeTotals& t = node.totals;
  return {{"round", node.round.value()},
          {"has_model", node.parameters != nullptr},
          {"up", node.up},
          {"incarnation", node.incarnation},
          {"committed_at_ns", node.committed_at.time_since_epoch().count()},
          {"energy_wh", t.energy_spent.value()},
          {"train_rounds", t.train_rounds},
          {"updates_mixed", t.updates_mixed},
          {"updates_missed", t.updates_missed},
          {"bytes_sent", t.bytes_sent},
          {"messages_sent", t.messages_sent},
          {"train_ns", t.train_time.count()},
          {"wait_ns", t.wait_time.count()}};
}

sim::NodeSnapshot to_node(const nlohmann::json& saved) {
  sim::NodeSnapshot node;
  node.round = Round(saved.at("round").get<std::uint64_t>());
  node.up = saved.at("up").get<bool>();
  node.incarnation = saved.at("incarnation").get<std::uint64_t>();
  node.committed_at = Instant(Duration(saved.at("committed_at_ns").get<std::int64_t>()));
  sim::NodeTotals& t = node.totals;
  t.energy_spent = WattHours(saved.at("energy_wh").get<double>());
  t.train_rounds = saved.at("train_rounds").get<std::uint64_t>();
  t.updates_mixed = saved.at("updates_mixed").get<std::uint64_t>();
  t.updates_missed = saved.at("updates_missed").get<std::uint64_t>();
  t.bytes_sent = saved.at("bytes_sent").get<std::uint64_t>();
  t.messages_sent = saved.at("messages_sent").get<std::uint64_t>();
  t.train_time = Duration(saved.at("train_ns").get<std::int64_t>());
  t.wait_time = Duration(saved.at("wait_ns").get<std::int64_t>());
  return node;
}

Result<Checkpoint> understand(const std::string& path, const store::ModelFile& file) try {
  const auto found = file.info.extra.find(kMetadataKey);
  if (found == file.info.extra.end()) {
    return fail(ErrorCode::kCorrupt, path + ": is no checkpoint of a simulation");
  }
  const nlohmann::json saved = nlohmann::json::parse(found->second);
  if (saved.at("version") != kVersion) {
    return fail(ErrorCode::kMismatch, path + ": is of version " + saved.at("version").dump() +
                                          ", this program reads " + std::to_string(kVersion));
  }
  Checkpoint checkpoint;
  checkpoint.run = Fingerprint(saved.at("run").get<std::uint64_t>());
  checkpoint.history = saved.at("history");
  sim::Snapshot& snapshot = checkpoint.snapshot;
  snapshot.round = Round(saved.at("round").get<std::uint64_t>());
  snapshot.virtual_time = Instant(Duration(saved.at("virtual_ns").get<std::int64_t>()));
  snapshot.run_seed = saved.at("run_seed").get<std::uint64_t>();
  snapshot.total_rounds = saved.at("total_rounds").get<std::uint64_t>();
  const auto& nodes = saved.at("nodes");
  const auto& tensors = file.layout.tensors();
  std::size_t tensor = 0;
  std::size_t offset = 0;
  for (const auto& entry : nodes) {
    snapshot.nodes.push_back(to_node(entry));
    if (!entry.at("has_model").get<bool>()) continue;
    if (tensor == tensors.size()) {
      return fail(ErrorCode::kCorrupt, path + ": has fewer models than nodes");
    }
    const std::size_t count = tensors[tensor++].element_count();
    snapshot.nodes.back().parameters =
        copy_parameters(std::as_const(*file.parameters).values().subspan(offset, count));
    offset += count;
  }
  return checkpoint;
} catch (const nlohmann::json::exception& error) {
  return fail(ErrorCode::kCorrupt, path + ": its metadata cannot be read: " + error.what());
}

// Keeps the order of the nodes, which the order of the tensors is.
std::string tensor_name(std::size_t position) {
  std::string digits = std::to_string(position);
  return "node-" + std::string(6 - std::min<std::size_t>(6, digits.size()), '0') + digits;
}

}  // namespace

Status write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  const sim::Snapshot& snapshot = checkpoint.snapshot;
  ParameterLayout layout;
  auto nodes = nlohmann::json::array();
  std::size_t total = 0;
  for (std::size_t i = 0; i < snapshot.nodes.size(); ++i) {
    nodes.push_back(to_json(snapshot.nodes[i]));
    const ParametersPtr& model = snapshot.nodes[i].parameters;
    if (!model) continue;
    layout.append(tensor_name(i), {static_cast<std::int64_t>(model->size())});
    total += model->size();
  }
  std::vector<float> values;
  values.reserve(total);
  for (const sim::NodeSnapshot& node : snapshot.nodes) {
    if (!node.parameters) continue;
    const auto model = std::as_const(*node.parameters).values();
    values.insert(values.end(), model.begin(), model.end());
  }
  const nlohmann::json saved = {{"version", kVersion},
                                {"run", checkpoint.run.value()},
                                {"round", snapshot.round.value()},
                                {"virtual_ns", snapshot.virtual_time.time_since_epoch().count()},
                                {"run_seed", snapshot.run_seed},
                                {"total_rounds", snapshot.total_rounds},
                                {"nodes", std::move(nodes)},
                                {"history", checkpoint.history}};
  return store::write_safetensors(
      path, layout, values,
      {.round = snapshot.round, .run_id = "simulation", .extra = {{kMetadataKey, saved.dump()}}});
}

Result<Checkpoint> read_checkpoint(const std::string& path) {
  const auto file = store::read_safetensors(path);
  if (!file) return tl::unexpected(file.error());
  return understand(path, *file);
}

}  // namespace skiptrain::ctl
