// `energy` and `energy budget`: what training has cost, and what it may cost.
#include <charconv>
#include <cmath>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/node_command.h"

namespace skiptrain::ctl {
namespace {

// What is saved against training in every round so far; below 0 if more was spent, NaN before the
// first.
double saved_fraction(const v1::GetEnergyResponse& e) {
  return e.dpsgd_equivalent_wh() > 0 ? 1.0 - e.spent_wh() / e.dpsgd_equivalent_wh() : NAN;
}

std::string budget_text(const v1::GetEnergyResponse& e) {
  return e.has_budget_wh() ? watt_hours(e.budget_wh()) : "none";
}

std::string left_text(const v1::GetEnergyResponse& e) {
  return e.has_train_rounds_left() ? std::to_string(e.train_rounds_left()) : "-";
}

NodeCommand<v1::GetEnergyResponse> energy_command() {
  NodeCommand<v1::GetEnergyResponse> command;
  command.ask = [](Client& client) { return client.energy(); };
  command.print = [](const v1::GetEnergyResponse& e, Screen& screen) {
    const bool modelled = e.source() == "model" && !e.profile().empty();
    print_fields(screen, {{"source", e.source() + (modelled ? " of " + e.profile() : "")},
                          {"train round", watt_hours(e.wh_per_train_round())},
                          {"train rounds", std::to_string(e.train_rounds())},
                          {"spent", watt_hours(e.spent_wh())},
                          {"budget", budget_text(e)},
                          {"rounds left", left_text(e)},
                          {"if in each round", watt_hours(e.dpsgd_equivalent_wh())},
                          {"saved", saved_text(saved_fraction(e))}});
  };
  command.columns = {"source", "profile", ">per round",   ">rounds",
                     ">spent", ">budget", ">rounds left", ">saved"};
  command.rows = [](const v1::GetEnergyResponse& e) {
    return std::vector<Row>{
        {Cell(e.source()), Cell(e.profile()), Cell(watt_hours(e.wh_per_train_round())),
         Cell(std::to_string(e.train_rounds())), Cell(watt_hours(e.spent_wh())),
         Cell(budget_text(e)), Cell(left_text(e)), Cell(saved_text(saved_fraction(e)))}};
  };
  command.json = [](const v1::GetEnergyResponse& e) {
    Json json = to_json(e);
    json["saved_fraction"] = number_or_null(saved_fraction(e));
    return json;
  };
  return command;
}

Outcome<v1::SetBudgetRequest> budget_request(const std::string& text) {
  v1::SetBudgetRequest request;
  if (text == "none") return request;
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) ||
      value < 0) {
    return failure(ExitCode::kUsage, "budget \"" + text + "\" is not an amount of energy",
                   "give watt-hours, 0 or more, for example 0.5; or none for no limit");
  }
  request.set_budget_wh(value);
  return request;
}

NodeCommand<v1::GetEnergyResponse> budget_command(const v1::SetBudgetRequest& request) {
  NodeCommand<v1::GetEnergyResponse> command = energy_command();
  command.ask = [request](Client& client) -> Outcome<v1::GetEnergyResponse> {
    const auto response = client.set_budget(request);
    if (!response) return tl::unexpected(response.error());
    return response->energy();
  };
  return command;
}

}  // namespace

void add_energy_commands(CLI::App& root, Selection& selection) {
  auto* energy = root.add_subcommand("energy", "What training has cost, and the budget");
  auto* budget = energy->add_subcommand("budget", "Set how much training may cost in this run");
  auto amount = std::make_shared<std::string>();
  budget->add_option("WH", *amount, "Watt-hours in all, what is spent included; or none")
      ->required();
  budget->callback([&selection, amount] {
    selection.action = [amount](Context& context) -> Outcome<ExitCode> {
      const auto request = budget_request(*amount);
      if (!request) return tl::unexpected(request.error());
      return run(context, budget_command(*request));
    };
  });
  energy->callback([&selection, energy] {
    if (!energy->get_subcommands().empty()) return;  // `energy budget` has its own action
    selection.action = [](Context& context) { return run(context, energy_command()); };
  });
}

}  // namespace skiptrain::ctl
