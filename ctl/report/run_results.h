// What a run came to, be it simulated or of real nodes: what the page of plots (ctl/report/page.h)
// is drawn from.
//
// Plain data. The final numbers are the RunSummary that `testbed run` prints too, so that runs can
// be compared field by field. NaN says that a number was not measured, or cannot be known.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "core/topology/topology.h"
#include "ctl/testbed/summary.h"

namespace skiptrain::ctl {

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

// Who mixed with whom at the start of a simulated run; who mixes with whom now, of real nodes.
struct RunGraph {
  core::Topology topology{0};
  double spectral_gap = kNotMeasured;  // of the Metropolis-Hastings mixing matrix
  // By position. Both empty: position p is the summary's node p. Else real nodes may be missing in
  // the summary, as they did not answer.
  std::vector<std::string> names;
  std::vector<std::optional<std::size_t>> nodes;  // indices into the summary's
};

struct RunResults {
  std::string label;  // as in legends and tables: "skiptrain 4/4"; unique among the runs
  // rounds: of simulated nodes those committed by every node, fewer than asked if interrupted; of
  // real ones those of the node that is furthest.
  RunSummary summary;
  double virtual_seconds = kNotMeasured;
  std::vector<RoundPoint> series;  // in ascending order of rounds
  RunGraph graph;
  bool interrupted = false;
  std::vector<std::string> notes;  // faults that happened, warnings: one sentence each
};

// The grid of --sweep, rows and columns of the heat map. A run belongs to the cell of its schedule;
// cells that were not reached have none.
struct SweepGrid {
  std::vector<std::uint32_t> gamma_train;
  std::vector<std::uint32_t> gamma_sync;
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
