#include "ctl/report/page_data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

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
  all.reserve(points.size());
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

Json run_json(const PageRun& page_run) {
  const RunResults& run = page_run.results;
  const auto profiles = profile_totals(run.summary);
  Json summary = to_json(run.summary);
  summary.erase("per_node");
  return {{"label", run.label},
          {"policy", core::to_string(page_run.schedule.policy)},
          {"gamma_train", page_run.schedule.gamma_train},
          {"gamma_sync", page_run.schedule.gamma_sync},
          {"interrupted", run.interrupted},
          {"notes", run.notes},
          {"rounds_asked", page_run.rounds_asked},
          {"virtual_seconds", rounded(run.virtual_seconds)},
          {"summary", std::move(summary)},
          {"settings", column(page_run.settings,
                              [](const auto& pair) {
                                return Json::array({pair.first, pair.second});
                              })},
          {"series", series(run.series)},
          {"evaluations", evaluations(run.series)},
          {"nodes", final_nodes(run.summary, profiles)},
          {"profiles", profiles_json(profiles)}};
}

Json graph_json(const RunResults& run) {
  const core::Topology& topology = run.graph.topology;
  std::map<std::size_t, std::uint64_t> degrees;
  for (core::Topology::Position node = 0; node < topology.node_count(); ++node) {
    ++degrees[topology.degree(node)];
  }
  const auto edges = topology.edges();
  Json json = {{"spec", run.summary.topology},
               {"nodes", topology.node_count()},
               {"edge_count", edges.size()},
               {"degrees", column(degrees,
                                  [](const auto& d) {
                                    return Json::array({d.first, d.second});
                                  })},
               {"spectral_gap", rounded(run.graph.spectral_gap)},
               {"edges", nullptr},
               {"runs", Json::array()},
               {"names", run.graph.names},
               {"positions", nullptr}};
  if (!run.graph.nodes.empty()) {
    json["positions"] =
        column(run.graph.nodes, [](const auto& at) { return at ? Json(*at) : Json(nullptr); });
  }
  if (topology.node_count() <= kMaxDrawnNodes && edges.size() <= kMaxDrawnEdges) {
    json["edges"] = column(edges, [](const auto& e) { return Json::array({e.first, e.second}); });
  }
  return json;
}

// Each different graph once, with the runs that share it.
Json graphs(const std::vector<PageRun>& runs) {
  Json all = Json::array();
  std::vector<const core::Topology*> topologies;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const core::Topology& topology = runs[i].results.get().graph.topology;
    if (topology.node_count() == 0) continue;
    const auto found = std::find_if(topologies.begin(), topologies.end(),
                                    [&](const auto* known) { return *known == topology; });
    const auto index = static_cast<std::size_t>(found - topologies.begin());
    if (found == topologies.end()) {
      topologies.push_back(&topology);
      all.push_back(graph_json(runs[i].results));
    }
    all[index]["runs"].push_back(i);
  }
  return all;
}

}  // namespace

Json page_data(const Page& page) {
  Json sweep = nullptr;
  if (page.sweep) {
    sweep = {{"gamma_train", page.sweep->gamma_train}, {"gamma_sync", page.sweep->gamma_sync}};
  }
  return {{"origin", page.origin == Origin::kFleet ? "fleet" : "simulation"},
          {"command", page.command},
          {"version", page.version},
          {"sweep", std::move(sweep)},
          {"runs", column(page.runs, run_json)},
          {"graphs", graphs(page.runs)}};
}

}  // namespace skiptrain::ctl
