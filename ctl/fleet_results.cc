#include "ctl/fleet_results.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "ctl/words.h"

namespace skiptrain::ctl {
namespace {

constexpr std::size_t kMostDifferentValues = 4;  // of a setting in which nodes differ

using Histories = std::vector<const NodeHistory*>;

std::string plural(std::size_t count, const std::string& word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

std::string runs_seen(const std::vector<ReportedNode>& nodes) {
  std::map<std::string, std::size_t> runs;
  for (const ReportedNode& node : nodes) {
    if (node.history) ++runs[node.history->status.run_id()];
  }
  std::string text;
  for (const auto& [run, count] : runs) {
    text += (text.empty() ? "" : ", ") + run + " (" + plural(count, "node") + ")";
  }
  return text;
}

Outcome<std::string> chosen_run(const v1::GetTopologyResponse& topology,
                                const std::vector<ReportedNode>& nodes,
                                const std::optional<std::string>& id) {
  const ReportedNode* first = nullptr;
  for (const ReportedNode& node : nodes) {
    if (!node.history) continue;
    if (id && node.history->status.run_id() == *id) return *id;
    if (first == nullptr || node.node.id == topology.self()) first = &node;
  }
  if (first == nullptr) {
    return failure(ExitCode::kUnreachable, "no node told its history",
                   nodes.empty() ? "" : nodes.front().history.error().message);
  }
  if (!id) return first->history->status.run_id();
  return failure(ExitCode::kNotFound, "no node is of run \"" + *id + "\"",
                 "runs seen: " + runs_seen(nodes));
}

// ---- Series ----------------------------------------------------------------------------------

// What the nodes' records of one round come to.
struct RoundTally {
  double energy_wh = 0.0;
  std::uint64_t trained = 0;
  std::vector<double> distances;
  std::vector<double> accuracies;
  std::vector<double> losses;
};

void add(const v1::RoundRecord& record, RoundTally& tally) {
  tally.energy_wh += record.energy_wh();
  if (record.trained()) ++tally.trained;
  if (!record.caught_up() && std::isfinite(record.consensus_distance())) {
    tally.distances.push_back(record.consensus_distance());
  }
  if (!record.has_accuracy() && !record.has_test_loss()) return;
  tally.accuracies.push_back(record.has_accuracy() ? record.accuracy() : kNotMeasured);
  tally.losses.push_back(record.has_test_loss() ? record.test_loss() : kNotMeasured);
}

// Spent in rounds that the history no longer holds.
double energy_before(const NodeHistory& node) {
  double kept = 0.0;
  for (const auto& record : node.rounds) kept += record.energy_wh();
  const double before = node.energy.spent_wh() - kept;
  return !node.rounds.empty() && node.rounds.front().round() > 0 && before > 0 ? before : 0.0;
}

std::vector<RoundPoint> series_of(const Histories& nodes) {
  std::map<std::uint64_t, RoundTally> rounds;
  double energy_wh = 0.0;
  for (const NodeHistory* node : nodes) {
    for (const auto& record : node->rounds) add(record, rounds[record.round()]);
    energy_wh += energy_before(*node);
  }
  std::vector<RoundPoint> series;
  for (auto& [round, tally] : rounds) {
    energy_wh += tally.energy_wh;
    RoundPoint point{.round = Round(round),
                     .virtual_seconds = kNotMeasured,
                     .energy_wh = energy_wh,
                     .trained_nodes = tally.trained};
    point.local_consensus_distance = statistics_of(tally.distances).mean;
    if (!tally.losses.empty()) {
      point.evaluation = evaluation_of(std::move(tally.accuracies), std::move(tally.losses));
    }
    series.push_back(std::move(point));
  }
  return series;
}

// ---- Final numbers ---------------------------------------------------------------------------

NodeSummary summary_of(const FleetNode& node, const NodeHistory& history) {
  const v1::GetStatusResponse& status = history.status;
  NodeSummary summary{.id = node.id,
                      .name = node_text(node.id, node.name),
                      .profile = status.profile(),
                      .test_accuracy = kNotMeasured,
                      .test_loss = kNotMeasured,
                      .train_rounds = status.train_rounds(),
                      .energy_wh = history.energy.spent_wh(),
                      .dpsgd_equivalent_wh = history.energy.dpsgd_equivalent_wh(),
                      .bytes_sent = status.bytes_sent(),
                      .resident_bytes = status.resident_bytes()};
  if (status.has_last_evaluation()) {
    summary.test_loss = status.last_evaluation().loss();
    if (status.last_evaluation().has_accuracy()) {
      summary.test_accuracy = status.last_evaluation().accuracy();
    }
  }
  return summary;
}

double seconds_in_rounds(const NodeHistory& node) {
  double seconds = 0.0;
  for (const auto& record : node.rounds) seconds += record.round_seconds();
  return seconds;
}

RunGraph graph_of(const v1::GetTopologyResponse& topology, const std::vector<NodeSummary>& nodes) {
  RunGraph graph;
  graph.topology = core::Topology(static_cast<std::size_t>(topology.vertices_size()));
  graph.spectral_gap = topology.spectral_gap();
  std::map<std::uint64_t, core::Topology::Position> positions;
  for (const auto& vertex : topology.vertices()) {
    const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const NodeSummary& node) {
      return node.id == vertex.node_id();
    });
    positions.emplace(vertex.node_id(), static_cast<core::Topology::Position>(positions.size()));
    graph.names.push_back(node_text(vertex.node_id(), vertex.node_name()));
    graph.nodes.push_back(found == nodes.end() ? std::nullopt
                                               : std::optional<std::size_t>(found - nodes.begin()));
  }
  for (const auto& edge : topology.edges()) {
    const auto a = positions.find(edge.a());
    const auto b = positions.find(edge.b());
    if (a == positions.end() || b == positions.end() || a == b) continue;
    graph.topology.add_edge(a->second, b->second);
  }
  return graph;
}

// ---- Words -----------------------------------------------------------------------------------

// A setting's value as people write it: TOML without the quotes of a string.
std::string plain(std::string toml) {
  if (toml.size() >= 2 && toml.front() == '"' && toml.back() == '"') {
    return toml.substr(1, toml.size() - 2);
  }
  return toml;
}

// The value on all nodes, or those that there are; "" if no node tells one.
std::string value_of(const Histories& nodes, const std::string& key) {
  std::set<std::string> values;
  for (const NodeHistory* node : nodes) {
    if (!node->config) continue;
    for (const auto& setting : node->config->settings()) {
      if (setting.key() == key && setting.has_value()) values.insert(plain(setting.value()));
    }
  }
  std::string text;
  std::size_t named = 0;
  for (const std::string& value : values) {
    if (value.empty()) continue;
    if (named++ == kMostDifferentValues) return text + ", ...";
    text += (text.empty() ? "" : ", ") + value;
  }
  return text;
}

std::string budgets(const Histories& nodes) {
  std::set<double> budgets;
  bool unlimited = false;
  for (const NodeHistory* node : nodes) {
    unlimited = unlimited || !node->energy.has_budget_wh();
    if (node->energy.has_budget_wh()) budgets.insert(node->energy.budget_wh());
  }
  if (budgets.empty()) return "none";
  std::string text = watt_hours(*budgets.begin());
  if (budgets.size() > 1) text += " to " + watt_hours(*budgets.rbegin());
  return text + " a node" + (unlimited ? ", none for some" : "");
}

std::vector<std::pair<std::string, std::string>> settings_of(const Histories& nodes,
                                                             const FleetRun& run,
                                                             std::size_t fleet_size) {
  const v1::GetStatusResponse& first = nodes.front()->status;
  const bool alternates = core::alternates(run.schedule.policy);
  const std::string size = std::to_string(nodes.size());
  std::vector<std::pair<std::string, std::string>> all = {
      {"Run", run.id},
      {"Cluster", first.cluster_id()},
      {"Nodes", nodes.size() == fleet_size ? size : size + " of " + std::to_string(fleet_size)},
      {"Rounds", std::to_string(run.rounds_asked)},
      {"Policy", std::string(core::to_string(run.schedule.policy))},
      {"Γ_train", alternates ? std::to_string(run.schedule.gamma_train) : "-"},
      {"Γ_sync", alternates ? std::to_string(run.schedule.gamma_sync) : "-"},
      {"Topology", run.results.summary.topology},
      {"Model", first.model()},
      {"Parameters", std::to_string(first.parameter_count())},
      {"Compression", first.compression()},
      {"Budget", budgets(nodes)},
  };
  const std::pair<const char*, const char*> keys[] = {
      {"Dataset", "data.directory"},
      {"Partition", "data.partition"},
      {"Local steps", "train.local_steps"},
      {"Batch size", "train.batch_size"},
      {"Optimizer", "train.optimizer"},
      {"Learning rate", "train.lr"},
      {"Seed", "run.seed"},
      {"Round mode", "round.mode"},
      {"Energy meter", "energy.meter"},
  };
  for (const auto& [name, key] : keys) all.emplace_back(name, value_of(nodes, key));
  std::erase_if(all, [](const auto& setting) { return setting.second.empty(); });
  return all;
}

void note_progress(const std::vector<ReportedNode>& nodes, FleetRun& run) {
  std::vector<std::string>& notes = run.results.notes;
  std::set<std::uint64_t> rounds;
  bool goes_on = false;
  for (const ReportedNode& node : nodes) {
    if (!node.history || node.history->status.run_id() != run.id) continue;
    const v1::GetStatusResponse& status = node.history->status;
    const std::string name = node_text(node.node.id, node.node.name);
    rounds.insert(status.round());
    goes_on = goes_on || !is_over(status.phase());
    if (status.phase() == v1::PHASE_FAILED) notes.push_back(name + " failed: " + status.failure());
    if (status.phase() == v1::PHASE_STOPPED) {
      notes.push_back(name + " was stopped in round " + std::to_string(status.round()));
    }
    const auto& kept = node.history->rounds;
    if (!kept.empty() && kept.front().round() > 0) {
      notes.push_back("the history of " + name + " begins with round " +
                      std::to_string(kept.front().round()));
    }
  }
  const std::string of_all = " of " + std::to_string(run.rounds_asked);
  const std::string at = rounds.size() == 1 ? std::to_string(*rounds.begin())
                                            : std::to_string(*rounds.begin()) + " to " +
                                                  std::to_string(*rounds.rbegin());
  if (goes_on) notes.insert(notes.begin(), "The run goes on: nodes are in round " + at + of_all);
}

}  // namespace

Outcome<FleetRun> fleet_run(const v1::GetTopologyResponse& topology,
                            const std::vector<ReportedNode>& nodes,
                            const std::optional<std::string>& id) {
  const auto chosen = chosen_run(topology, nodes, id);
  if (!chosen) return tl::unexpected(chosen.error());
  FleetRun run{.id = *chosen};
  Histories histories;
  RunSummary& summary = run.results.summary;
  for (const ReportedNode& node : nodes) {
    const std::string name = node_text(node.node.id, node.node.name);
    if (!node.history) {
      run.silent.push_back(name + ": " + node.history.error().message);
    } else if (const std::string& other = node.history->status.run_id(); other != run.id) {
      run.left_out.push_back(name + " is of another run, " + other);
    } else {
      const v1::GetStatusResponse& status = node.history->status;
      histories.push_back(&*node.history);
      summary.nodes.push_back(summary_of(node.node, *node.history));
      summary.rounds = std::max(summary.rounds, status.round());
      summary.wall_seconds = std::max(summary.wall_seconds, seconds_in_rounds(*node.history));
      run.rounds_asked = std::max(run.rounds_asked, status.total_rounds());
    }
  }
  const v1::GetStatusResponse& first = histories.front()->status;
  const auto policy = policy_of(first.schedule().policy());
  if (!policy) return tl::unexpected(to_failure(policy.error()));
  run.schedule = {*policy, first.schedule().gamma_train(), first.schedule().gamma_sync()};
  summary.schedule = run.schedule;
  summary.topology = topology.spec();
  summary.model = first.model();
  summary.consensus_distance = kNotMeasured;
  run.results.label = run.id;
  run.results.series = series_of(histories);
  run.results.graph = graph_of(topology, summary.nodes);
  for (const std::string& line : run.silent) {
    run.results.notes.push_back("no answer from " + line);
  }
  for (const std::string& line : run.left_out) run.results.notes.push_back(line + ": left out");
  note_progress(nodes, run);
  run.settings = settings_of(histories, run, nodes.size());
  return run;
}

}  // namespace skiptrain::ctl
