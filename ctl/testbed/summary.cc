#include "ctl/testbed/summary.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace skiptrain::ctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

template <typename Get>
std::vector<double> column(const RunSummary& summary, Get get) {
  std::vector<double> values;
  values.reserve(summary.nodes.size());
  for (const NodeSummary& node : summary.nodes) values.push_back(static_cast<double>(get(node)));
  return values;
}

struct Totals {
  double energy_wh = 0.0;
  double dpsgd_equivalent_wh = 0.0;
  std::uint64_t train_rounds = 0;
  std::uint64_t bytes_sent = 0;

  double saved_fraction() const {
    return dpsgd_equivalent_wh > 0 ? 1.0 - energy_wh / dpsgd_equivalent_wh : kNone;
  }
};

Totals totals_of(const RunSummary& summary) {
  Totals totals;
  for (const NodeSummary& node : summary.nodes) {
    totals.energy_wh += node.energy_wh;
    totals.dpsgd_equivalent_wh += node.dpsgd_equivalent_wh;
    totals.train_rounds += node.train_rounds;
    totals.bytes_sent += node.bytes_sent;
  }
  return totals;
}

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json to_json(const NodeSummary& node) {
  return {{"node_id", node.id},
          {"node_name", node.name},
          {"profile", node.profile},
          {"test_accuracy", number(node.test_accuracy)},
          {"test_loss", number(node.test_loss)},
          {"train_rounds", node.train_rounds},
          {"energy_wh", number(node.energy_wh)},
          {"dpsgd_equivalent_wh", number(node.dpsgd_equivalent_wh)},
          {"bytes_sent", node.bytes_sent},
          {"resident_bytes", node.resident_bytes}};
}

}  // namespace

Statistics statistics_of(const std::vector<double>& values) {
  if (values.empty()) return {kNone, kNone, kNone, kNone};
  const auto count = static_cast<double>(values.size());
  double sum = 0.0;
  for (const double value : values) sum += value;
  const double mean = sum / count;
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  return {mean, std::sqrt(squares / count), *min, *max};
}

double consensus_distance(const std::vector<std::span<const float>>& models) {
  if (models.empty()) return 0.0;
  const auto count = static_cast<double>(models.size());
  double squares = 0.0;
  for (std::size_t p = 0; p < models.front().size(); ++p) {
    double sum = 0.0;
    for (const auto& model : models) {
      SKIPTRAIN_CHECK(model.size() == models.front().size(), "models differ in length");
      sum += model[p];
    }
    const double mean = sum / count;
    for (const auto& model : models) squares += (model[p] - mean) * (model[p] - mean);
  }
  return std::sqrt(squares / count);
}

Json to_json(const Statistics& s) {
  return {{"mean", number(s.mean)},
          {"std", number(s.std)},
          {"min", number(s.min)},
          {"max", number(s.max)}};
}

Json to_json(const RunSummary& summary) {
  const Totals totals = totals_of(summary);
  Json nodes = Json::array();
  for (const NodeSummary& node : summary.nodes) nodes.push_back(to_json(node));
  const auto gamma = [&](std::uint32_t length) {  // null for a policy that ignores them
    return core::alternates(summary.schedule.policy) ? Json(length) : Json(nullptr);
  };
  return {
      {"nodes", summary.nodes.size()},
      {"rounds", summary.rounds},
      {"policy", core::to_string(summary.schedule.policy)},
      {"gamma_train", gamma(summary.schedule.gamma_train)},
      {"gamma_sync", gamma(summary.schedule.gamma_sync)},
      {"topology", summary.topology},
      {"model", summary.model},
      {"seed", summary.seed},
      {"test_accuracy",
       to_json(statistics_of(column(summary, [](const auto& n) { return n.test_accuracy; })))},
      {"test_loss",
       to_json(statistics_of(column(summary, [](const auto& n) { return n.test_loss; })))},
      {"energy_wh",
       {{"total", number(totals.energy_wh)},
        {"dpsgd_equivalent", number(totals.dpsgd_equivalent_wh)},
        {"saved_fraction", number(totals.saved_fraction())}}},
      {"train_rounds", {{"total", totals.train_rounds}}},
      {"bytes_sent", totals.bytes_sent},
      {"wall_seconds", summary.wall_seconds},
      {"consensus_distance", number(summary.consensus_distance)},
      {"per_node", std::move(nodes)},
  };
}

void print_summary(const RunSummary& summary, Screen& screen) {
  Table table({"node", "profile", ">accuracy", ">loss", ">train rounds", ">energy", ">sent"});
  for (const NodeSummary& node : summary.nodes) {
    table.add({Cell(node.name), Cell(node.profile), Cell(percent(node.test_accuracy)),
               Cell(fixed(node.test_loss, 4)), Cell(std::to_string(node.train_rounds)),
               Cell(watt_hours(node.energy_wh)), Cell(bytes_text(node.bytes_sent))});
  }
  table.print(screen);
  screen.out << '\n';
  print_totals(summary, screen);
}

namespace {

// Of the nodes' accuracies, or of their losses where the task has no accuracy.
std::pair<std::string, Cell> result_field(const RunSummary& summary) {
  const Statistics accuracy =
      statistics_of(column(summary, [](const auto& n) { return n.test_accuracy; }));
  if (!std::isnan(accuracy.mean)) {
    return {"accuracy", Cell("mean " + percent(accuracy.mean) + ", std " + percent(accuracy.std) +
                                 ", from " + percent(accuracy.min) + " to " + percent(accuracy.max),
                             Style::kBold)};
  }
  const Statistics loss = statistics_of(column(summary, [](const auto& n) { return n.test_loss; }));
  return {"test loss", Cell("mean " + fixed(loss.mean, 4) + ", std " + fixed(loss.std, 4) +
                                ", from " + fixed(loss.min, 4) + " to " + fixed(loss.max, 4),
                            Style::kBold)};
}

}  // namespace

void print_totals(const RunSummary& summary, Screen& screen) {
  const Totals totals = totals_of(summary);
  print_fields(
      screen,
      {{"run", std::to_string(summary.nodes.size()) + " nodes, " + std::to_string(summary.rounds) +
                   " rounds of " + schedule_text(summary.schedule) + ", " + summary.model + " on " +
                   summary.topology + ", " + seconds_text(summary.wall_seconds)},
       result_field(summary),
       {"consensus", "distance " + fixed(summary.consensus_distance, 4)},
       {"train rounds", std::to_string(totals.train_rounds) + " of " +
                            std::to_string(summary.rounds * summary.nodes.size())},
       {"energy", watt_hours(totals.energy_wh) +
                      "; training in every round: " + watt_hours(totals.dpsgd_equivalent_wh)},
       {"energy saved", Cell(saved_text(totals.saved_fraction()),
                             totals.saved_fraction() > 0 ? Style::kGood : Style::kPlain)},
       {"sent", bytes_text(totals.bytes_sent)}});
}

}  // namespace skiptrain::ctl
