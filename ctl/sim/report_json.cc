#include <cmath>
#include <optional>
#include <utility>

#include "ctl/sim/report.h"

namespace skiptrain::ctl {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json numbers(const std::vector<double>& values) {
  Json array = Json::array();
  for (const double value : values) array.push_back(number(value));
  return array;
}

template <typename T>
Json optional(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json options_json(const SimulatedRun& run) {
  const TestbedOptions& options = run.options;
  return {{"nodes", options.nodes},
          {"rounds", options.rounds},
          {"policy", core::to_string(options.schedule.policy)},
          {"gamma_train", options.schedule.gamma_train},
          {"gamma_sync", options.schedule.gamma_sync},
          {"topology", options.topology},
          {"model", options.model},
          {"dataset", options.dataset},
          {"partition", options.partition},
          {"local_steps", options.local_steps},
          {"batch_size", options.batch_size},
          {"lr", optional(options.lr)},
          {"seed", options.seed},
          {"budget_wh", optional(options.budget_wh)},
          {"budget_fraction", optional(options.budget_fraction)},
          {"profiles", options.profiles},
          {"evaluate_every", options.evaluate_every},
          {"evaluate_samples", options.evaluate_samples},
          {"trainer", run.trainer},
          {"network", run.network},
          {"faults", run.faults.empty() ? Json(nullptr) : Json(run.faults)},
          {"workers", run.workers}};
}

Json point_json(const RoundPoint& point) {
  Json json = {{"round", point.round.value()},
               {"virtual_seconds", number(point.virtual_seconds)},
               {"energy_wh", number(point.energy_wh)},
               {"bytes_sent", point.bytes_sent},
               {"trained_nodes", point.trained_nodes},
               {"local_consensus_distance", number(point.local_consensus_distance)},
               {"consensus_distance", number(point.consensus_distance)}};
  const auto& evaluation = point.evaluation;
  json["test_accuracy"] = evaluation ? to_json(evaluation->accuracy) : Json(nullptr);
  json["test_loss"] = evaluation ? to_json(evaluation->loss) : Json(nullptr);
  json["node_test_accuracy"] = evaluation ? numbers(evaluation->node_accuracy) : Json(nullptr);
  json["node_test_loss"] = evaluation ? numbers(evaluation->node_loss) : Json(nullptr);
  return json;
}

Json profiles_json(const RunSummary& summary) {
  Json json = Json::array();
  for (const ProfileTotals& totals : profile_totals(summary)) {
    json.push_back({{"profile", totals.profile},
                    {"nodes", totals.nodes},
                    {"energy_wh", number(totals.energy_wh)},
                    {"dpsgd_equivalent_wh", number(totals.dpsgd_equivalent_wh)},
                    {"train_rounds", totals.train_rounds},
                    {"mean_test_accuracy", number(totals.mean_accuracy)}});
  }
  return json;
}

Json graph_json(const RunGraph& graph) {
  Json edges = Json::array();
  for (const auto& [a, b] : graph.topology.edges()) edges.push_back(Json::array({a, b}));
  return {{"nodes", graph.topology.node_count()},
          {"edges", std::move(edges)},
          {"spectral_gap", number(graph.spectral_gap)}};
}

Json run_json(const SimulatedRun& run) {
  Json json = {{"label", run.label}};
  json.update(to_json(run.summary));
  json["virtual_seconds"] = number(run.virtual_seconds);
  json["interrupted"] = run.interrupted;
  json["notes"] = run.notes;
  json["options"] = options_json(run);
  json["profiles"] = profiles_json(run.summary);
  json["series"] = Json::array();
  for (const RoundPoint& point : run.series) json["series"].push_back(point_json(point));
  json["graph"] = graph_json(run.graph);
  return json;
}

}  // namespace

Json to_json(const SimulationResults& results) {
  Json runs = Json::array();
  for (const SimulatedRun& run : results.runs) runs.push_back(run_json(run));
  Json json = {{"command", results.command}, {"version", results.version}, {"sweep", nullptr}};
  if (results.sweep) {
    json["sweep"] = {{"gamma_train", results.sweep->gamma_train},
                     {"gamma_sync", results.sweep->gamma_sync}};
  }
  if (runs.size() == 1) json.update(runs.front());
  json["runs"] = std::move(runs);
  return json;
}

}  // namespace skiptrain::ctl
