#include "ctl/sim/page_data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "ctl/render.h"
#include "ctl/sim/report.h"

namespace skiptrain::ctl {
namespace {

using Json = nlohmann::ordered_json;

// Six significant digits: more than a plot resolves, and a third of the text.
Json rounded(double value) {
  if (!std::isfinite(value)) return nullptr;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return std::strtod(text.data(), nullptr);
}

template <typename Items, typename Get>
Json column(const Items& items, Get get) {
  Json values = Json::array();
  for (const auto& item : items) values.push_back(get(item));
  return values;
}

template <typename Items, typename Get>
Json rounded_column(const Items& items, Get get) {
  return column(items, [&](const auto& item) { return rounded(get(item)); });
}

// Every n-th point, the last one always.
std::vector<const RoundPoint*> thinned(std::vector<const RoundPoint*> points) {
  const std::size_t stride = (points.size() + kMaxPlottedPoints - 1) / kMaxPlottedPoints;
  if (stride <= 1) return points;
  std::vector<const RoundPoint*> kept;
  for (std::size_t i = (points.size() - 1) % stride; i < points.size(); i += stride) {
    kept.push_back(points[i]);
  }
  return kept;
}

// Rounds are numbered from 0; a plot counts those done.
double rounds_done(const RoundPoint* point) {
  return static_cast<double>(point->round.value() + 1);
}

// Nodes that trained in a round, mean over the rounds since the point before: of a thinned series
// no round is lost.
Json trained_nodes(const std::vector<const RoundPoint*>& kept,
                   const std::vector<RoundPoint>& points) {
  Json means = Json::array();
  std::size_t next = 0;
  for (const RoundPoint* point : kept) {
    double sum = 0.0;
    double count = 0.0;
    for (; next < points.size() && points[next].round <= point->round; ++next) {
      sum += static_cast<double>(points[next].trained_nodes);
      ++count;
    }
    means.push_back(rounded(sum / count));
  }
  return means;
}

Json series(const std::vector<RoundPoint>& points) {
  std::vector<const RoundPoint*> all;
  for (const RoundPoint& point : points) all.push_back(&point);
  all = thinned(std::move(all));
  return {
      {"done", rounded_column(all, rounds_done)},
      {"energy_wh", rounded_column(all, [](const auto* p) { return p->energy_wh; })},
      {"trained_nodes", trained_nodes(all, points)},
      {"local_distance",
       rounded_column(all, [](const auto* p) { return p->local_consensus_distance; })},
      {"distance", rounded_column(all, [](const auto* p) { return p->consensus_distance; })},
  };
}

Json statistics_columns(const std::vector<const RoundPoint*>& points,
                        Statistics Evaluation::*which) {
  const auto part = [&](double Statistics::*value) {
    return rounded_column(points, [&](const auto* p) { return (*p->evaluation).*which.*value; });
  };
  return {{"mean", part(&Statistics::mean)},
          {"std", part(&Statistics::std)},
          {"min", part(&Statistics::min)},
          {"max", part(&Statistics::max)}};
}

Json evaluations(const std::vector<RoundPoint>& points) {
  std::vector<const RoundPoint*> evaluated;
  for (const RoundPoint& point : points) {
    if (point.evaluation) evaluated.push_back(&point);
  }
  evaluated = thinned(std::move(evaluated));
  return {{"done", rounded_column(evaluated, rounds_done)},
          {"energy_wh", rounded_column(evaluated, [](const auto* p) { return p->energy_wh; })},
          {"virtual_seconds",
           rounded_column(evaluated, [](const auto* p) { return p->virtual_seconds; })},
          {"accuracy", statistics_columns(evaluated, &Evaluation::accuracy)},
          {"loss", statistics_columns(evaluated, &Evaluation::loss)}};
}

Json final_nodes(const RunSummary& summary, const std::vector<ProfileTotals>& profiles) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < profiles.size(); ++i) index[profiles[i].profile] = i;
  const auto& nodes = summary.nodes;
  return {{"name", column(nodes, [](const auto& node) { return node.name; })},
          {"profile", column(nodes, [&](const auto& node) { return index.at(node.profile); })},
          {"accuracy", rounded_column(nodes, [](const auto& node) { return node.test_accuracy; })},
          {"loss", rounded_column(nodes, [](const auto& node) { return node.test_loss; })},
          {"energy_wh", rounded_column(nodes, [](const auto& node) { return node.energy_wh; })}};
}

Json profiles_json(const std::vector<ProfileTotals>& profiles) {
  return column(profiles, [](const ProfileTotals& totals) {
    return Json{{"profile", totals.profile},
                {"nodes", totals.nodes},
                {"energy_wh", rounded(totals.energy_wh)},
                {"dpsgd_equivalent_wh", rounded(totals.dpsgd_equivalent_wh)},
                {"train_rounds", totals.train_rounds},
                {"accuracy", rounded(totals.mean_accuracy)}};
  });
}

std::string general(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", value);
  return text.data();
}

std::string budget_text(const TestbedOptions& options) {
  if (options.budget_wh) return watt_hours(*options.budget_wh) + " a node";
  if (options.budget_fraction) return percent(*options.budget_fraction) + " of the battery";
  return "none";
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

// Pairs of name and value, in words, in the order of the table of settings.
Json settings(const SimulatedRun& run) {
  const TestbedOptions& options = run.options;
  const core::Schedule& schedule = options.schedule;
  const auto gamma = [&](std::uint32_t length) {
    return core::alternates(schedule.policy) ? std::to_string(length) : std::string("-");
  };
  // The quadratic trainer has neither a model nor data.
  const auto learned = [&](const std::string& text) {
    return run.trainer == kQuadraticTrainer ? std::string("-") : text;
  };
  const std::string evaluation =
      options.evaluate_every == 0 ? "at the end"
                                  : "every " + std::to_string(options.evaluate_every) + " rounds";
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"Nodes", std::to_string(options.nodes)},
      {"Rounds", std::to_string(options.rounds)},
      {"Policy", std::string(core::to_string(schedule.policy))},
      {"Γ_train", gamma(schedule.gamma_train)},
      {"Γ_sync", gamma(schedule.gamma_sync)},
      {"Topology", options.topology},
      {"Model", learned(options.model)},
      {"Dataset", learned(options.dataset)},
      {"Partition", learned(options.partition)},
      {"Local steps", std::to_string(options.local_steps)},
      {"Batch size", learned(std::to_string(options.batch_size))},
      {"Learning rate", options.lr ? general(*options.lr) : "the default"},
      {"Seed", std::to_string(options.seed)},
      {"Budget", budget_text(options)},
      {"Device profiles", options.profiles.empty() ? "all four in turn" : joined(options.profiles)},
      {"Trainer", run.trainer},
      {"Network", run.network},
      {"Faults", run.faults.empty() ? "none" : run.faults},
      {"Evaluation", evaluation},
      {"Further settings", options.settings.empty() ? "none" : joined(options.settings)},
      {"Workers", std::to_string(run.workers)},
  };
  return column(pairs, [](const auto& pair) { return Json::array({pair.first, pair.second}); });
}

Json run_json(const SimulatedRun& run) {
  const auto profiles = profile_totals(run.summary);
  Json summary = to_json(run.summary);
  summary.erase("per_node");
  return {{"label", run.label},
          {"policy", core::to_string(run.options.schedule.policy)},
          {"gamma_train", run.options.schedule.gamma_train},
          {"gamma_sync", run.options.schedule.gamma_sync},
          {"interrupted", run.interrupted},
          {"notes", run.notes},
          {"rounds_asked", run.options.rounds},
          {"virtual_seconds", rounded(run.virtual_seconds)},
          {"summary", std::move(summary)},
          {"settings", settings(run)},
          {"series", series(run.series)},
          {"evaluations", evaluations(run.series)},
          {"nodes", final_nodes(run.summary, profiles)},
          {"profiles", profiles_json(profiles)}};
}

Json graph_json(const SimulatedRun& run) {
  const core::Topology& topology = run.graph.topology;
  std::map<std::size_t, std::uint64_t> degrees;
  for (core::Topology::Position node = 0; node < topology.node_count(); ++node) {
    ++degrees[topology.degree(node)];
  }
  const auto edges = topology.edges();
  Json json = {{"spec", run.options.topology},
               {"nodes", topology.node_count()},
               {"edge_count", edges.size()},
               {"degrees", column(degrees,
                                  [](const auto& d) {
                                    return Json::array({d.first, d.second});
                                  })},
               {"spectral_gap", rounded(run.graph.spectral_gap)},
               {"edges", nullptr},
               {"runs", Json::array()}};
  if (topology.node_count() <= kMaxDrawnNodes && edges.size() <= kMaxDrawnEdges) {
    json["edges"] = column(edges, [](const auto& e) { return Json::array({e.first, e.second}); });
  }
  return json;
}

// Each different graph once, with the runs that share it.
Json graphs(const std::vector<SimulatedRun>& runs) {
  Json all = Json::array();
  std::vector<const core::Topology*> topologies;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const core::Topology& topology = runs[i].graph.topology;
    if (topology.node_count() == 0) continue;
    const auto found = std::find_if(topologies.begin(), topologies.end(),
                                    [&](const auto* known) { return *known == topology; });
    const auto index = static_cast<std::size_t>(found - topologies.begin());
    if (found == topologies.end()) {
      topologies.push_back(&topology);
      all.push_back(graph_json(runs[i]));
    }
    all[index]["runs"].push_back(i);
  }
  return all;
}

}  // namespace

Json page_data(const SimulationResults& results) {
  Json sweep = nullptr;
  if (results.sweep) {
    sweep = {{"gamma_train", results.sweep->gamma_train},
             {"gamma_sync", results.sweep->gamma_sync}};
  }
  return {{"command", results.command},
          {"version", results.version},
          {"sweep", std::move(sweep)},
          {"runs", column(results.runs, run_json)},
          {"graphs", graphs(results.runs)}};
}

}  // namespace skiptrain::ctl
