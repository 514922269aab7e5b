#include "ctl/report/run_results.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace skiptrain::ctl {
namespace {

std::vector<double> measured(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  return values;
}

}  // namespace

Evaluation evaluation_of(std::vector<double> node_accuracy, std::vector<double> node_loss) {
  Evaluation evaluation;
  evaluation.accuracy = statistics_of(measured(node_accuracy));
  evaluation.loss = statistics_of(measured(node_loss));
  evaluation.node_accuracy = std::move(node_accuracy);
  evaluation.node_loss = std::move(node_loss);
  return evaluation;
}

std::vector<ProfileTotals> profile_totals(const RunSummary& summary) {
  std::vector<ProfileTotals> all;
  std::vector<std::vector<double>> accuracies;
  for (const NodeSummary& node : summary.nodes) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const ProfileTotals& totals) {
      return totals.profile == node.profile;
    });
    const auto index = static_cast<std::size_t>(found - all.begin());
    if (found == all.end()) {
      all.push_back({.profile = node.profile});
      accuracies.emplace_back();
    }
    ProfileTotals& totals = all[index];
    ++totals.nodes;
    totals.energy_wh += node.energy_wh;
    totals.dpsgd_equivalent_wh += node.dpsgd_equivalent_wh;
    totals.train_rounds += node.train_rounds;
    accuracies[index].push_back(node.test_accuracy);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].mean_accuracy = statistics_of(measured(std::move(accuracies[i]))).mean;
  }
  return all;
}

}  // namespace skiptrain::ctl
