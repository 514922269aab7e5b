// What simulated runs came to: what `skipctl sim` gathers while it runs, and what its JSON, CSV and
// HTML (ctl/sim/report.h) are written from.
//
// Plain data, filled by the simulator's main program: one run, the policies of --compare, or the
// cells of --sweep. The final numbers are the RunSummary that `testbed run` prints too, so that
// both can be compared field by field. NaN says that a number was not measured.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "core/topology/topology.h"
#include "ctl/testbed/options.h"
#include "ctl/testbed/summary.h"

namespace skiptrain::ctl {

inline constexpr const char* kQuadraticTrainer = "quadratic";
inline constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// The nodes' models on the test set, after the mix of a round.
struct Evaluation {
  Statistics accuracy;  // 0 to 1; NaN where there is none (regression, quadratic)
  Statistics loss;
  // By position; NaN for a node that is down. May be left empty, as may the losses.
  std::vector<double> node_accuracy;
  std::vector<double> node_loss;
};
// Statistics over the values that are not NaN.
Evaluation evaluation_of(std::vector<double> node_accuracy, std::vector<double> node_loss);

// The cluster after the mix of `round`. Sums run from the start of the run.
struct RoundPoint {
  Round round;
  double virtual_seconds = 0.0;     // when the last node committed the round
  double energy_wh = 0.0;           // spent on training, all nodes
  std::uint64_t bytes_sent = 0;     // all nodes
  std::uint64_t trained_nodes = 0;  // in this round alone
  // Mean over nodes of ||x_i - mix||, before mixing, as each node measures it.
  double local_consensus_distance = kNotMeasured;
  // sqrt(mean_i ||x_i - mean x||^2), after mixing.
  double consensus_distance = kNotMeasured;
  std::optional<Evaluation> evaluation;  // in the rounds of --eval-every and the last one
};

// Who mixed with whom at the start of the run.
struct SimulatedGraph {
  core::Topology topology{0};
  double spectral_gap = kNotMeasured;  // of the Metropolis-Hastings mixing matrix
};

struct SimulatedRun {
  std::string label;       // as in legends and tables: "skiptrain 4/4"; unique among the runs
  TestbedOptions options;  // what was asked for, of this run alone; with the learning rate
  std::string trainer;     // learn, or kQuadraticTrainer
  std::string network;     // lan, wifi, wan, or the file's name
  std::string faults;      // the file's name; empty for none
  std::uint32_t workers = 1;

  RunSummary summary;  // rounds: those committed by every node, fewer than asked if interrupted
  double virtual_seconds = 0.0;
  std::vector<RoundPoint> series;  // in ascending order of rounds
  SimulatedGraph graph;
  bool interrupted = false;
  std::vector<std::string> notes;  // faults that happened, warnings: one sentence each
};

// The grid of --sweep, rows and columns of the heat map. A run belongs to the cell of its
// options.schedule; cells that were not reached have none.
struct SweepGrid {
  std::vector<std::uint32_t> gamma_train;
  std::vector<std::uint32_t> gamma_sync;
};

struct SimulationResults {
  std::string command;  // as typed, for the report: "skipctl sim --nodes 64 ..."
  std::string version;  // of the program; kVersion
  std::vector<SimulatedRun> runs;
  std::optional<SweepGrid> sweep;
};

// What the nodes of one device profile came to.
struct ProfileTotals {
  std::string profile;
  std::uint64_t nodes = 0;
  double energy_wh = 0.0;
  double dpsgd_equivalent_wh = 0.0;
  std::uint64_t train_rounds = 0;
  double mean_accuracy = kNotMeasured;  // over its nodes that were evaluated
};
// In the order in which profiles first appear among the nodes.
std::vector<ProfileTotals> profile_totals(const RunSummary& summary);

}  // namespace skiptrain::ctl
