#include <array>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "ctl/render.h"
#include "ctl/report/page.h"
#include "ctl/sim/report.h"

namespace skiptrain::ctl {
namespace {

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

// In words, in the order of the page's table.
std::vector<std::pair<std::string, std::string>> settings(const SimulatedRun& run) {
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
  return {
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
}

std::string title_of(const SimulationResults& results) {
  std::string title = "SkipTrain simulation";
  if (results.runs.size() == 1) return title + ": " + results.runs.front().label;
  return title + ": " + std::to_string(results.runs.size()) + " runs";
}

}  // namespace

std::string to_html(const SimulationResults& results) {
  Page page{Origin::kSimulation, title_of(results), results.command, results.version, {},
            results.sweep};
  for (const SimulatedRun& run : results.runs) {
    page.runs.push_back({run, run.options.schedule, run.options.rounds, settings(run)});
  }
  return page_html(page);
}

}  // namespace skiptrain::ctl
