#include "ctl/sim/tables.h"

#include <string>
#include <vector>

namespace skiptrain::ctl {
namespace {

// Of more nodes only the totals are printed; the JSON has all of them.
constexpr std::size_t kMaxListedNodes = 40;

struct Totals {
  double energy_wh = 0.0;
  double dpsgd_equivalent_wh = 0.0;
  std::uint64_t train_rounds = 0;
  std::uint64_t bytes_sent = 0;
  std::vector<double> accuracy;
  std::vector<double> loss;
};

Totals totals_of(const RunSummary& summary) {
  Totals totals;
  for (const NodeSummary& node : summary.nodes) {
    totals.energy_wh += node.energy_wh;
    totals.dpsgd_equivalent_wh += node.dpsgd_equivalent_wh;
    totals.train_rounds += node.train_rounds;
    totals.bytes_sent += node.bytes_sent;
    totals.accuracy.push_back(node.test_accuracy);
    totals.loss.push_back(node.test_loss);
  }
  return totals;
}

void print_notes(const SimulatedRun& run, Screen& screen) {
  for (const std::string& note : run.notes) screen.out << run.label << ": " << note << '\n';
  if (run.interrupted) {
    screen.out << run.label << ": interrupted after " << run.summary.rounds << " of "
               << run.options.rounds << " rounds\n";
  }
}

void print_one(const SimulatedRun& run, Screen& screen) {
  RunSummary summary = run.summary;
  if (summary.nodes.size() > kMaxListedNodes) {
    print_totals(summary, screen);
  } else {
    print_summary(summary, screen);
  }
  print_fields(screen, {{"virtual time", seconds_text(run.virtual_seconds) + " on " + run.network},
                        {"spectral gap", fixed(run.graph.spectral_gap, 4)}});
}

void print_several(const SimulationResults& results, Screen& screen) {
  Table table({"run", ">accuracy", ">std", ">loss", ">train rounds", ">energy", ">saved",
               ">consensus", ">virtual time", ">wall time"});
  for (const SimulatedRun& run : results.runs) {
    const Totals totals = totals_of(run.summary);
    const Statistics accuracy = statistics_of(totals.accuracy);
    const double saved = totals.dpsgd_equivalent_wh > 0
                             ? 1.0 - totals.energy_wh / totals.dpsgd_equivalent_wh
                             : kNotMeasured;
    table.add({run.label, percent(accuracy.mean), percent(accuracy.std),
               fixed(statistics_of(totals.loss).mean, 4), std::to_string(totals.train_rounds),
               watt_hours(totals.energy_wh), percent(saved),
               fixed(run.summary.consensus_distance, 4), seconds_text(run.virtual_seconds),
               seconds_text(run.summary.wall_seconds)});
  }
  table.print(screen);
}

}  // namespace

void print_results(const SimulationResults& results, Screen& screen) {
  if (results.runs.size() == 1) {
    print_one(results.runs.front(), screen);
  } else {
    print_several(results, screen);
  }
  for (const SimulatedRun& run : results.runs) print_notes(run, screen);
}

}  // namespace skiptrain::ctl
