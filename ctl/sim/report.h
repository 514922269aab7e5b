// Simulated runs written down: JSON and CSV for programs, HTML for people.
//
// The functions are pure: results in, text out; the caller writes the file. Numbers that were not
// measured (NaN) are null in JSON, empty in CSV and a dash in HTML.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "ctl/sim/results.h"

namespace skiptrain::ctl {

// {"command", "version", "sweep", "runs": [...]}. Each run has the fields of `testbed run -o json`
// (to_json of its summary) and besides
//   label, options, virtual_seconds, interrupted, notes,
//   series:   per round: round, virtual_seconds, energy_wh, bytes_sent, trained_nodes,
//             local_consensus_distance, consensus_distance, and test_accuracy, test_loss
//             {mean, std, min, max}, node_test_accuracy, node_test_loss [by position], which are
//             null in rounds without an evaluation,
//   profiles: per device profile: profile, nodes, energy_wh, dpsgd_equivalent_wh, train_rounds,
//             mean_test_accuracy,
//   graph:    nodes, edges [[a, b], ...] by position, spectral_gap.
// With a single run its fields also stand at the top level, so that what reads the summary of
// `testbed run` reads this too.
nlohmann::ordered_json to_json(const SimulationResults& results);

// RFC 4180, one line per run and round, under a header line:
//   label, policy, gamma_train, gamma_sync, nodes, topology, model, partition, network, trainer,
//   seed, round, virtual_seconds, energy_wh, bytes_sent, trained_nodes, local_consensus_distance,
//   consensus_distance, then test_accuracy_ and test_loss_ with mean, std, min and max.
// The last eight are empty in rounds without an evaluation; the gammas of policies without them.
std::string to_csv(const SimulationResults& results);

// The page of ctl/report/page.h.
std::string to_html(const SimulationResults& results);

}  // namespace skiptrain::ctl
