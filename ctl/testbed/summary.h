// What a run came to: the numbers that `testbed run` and the simulator print.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/schedule.h"
#include "ctl/render.h"

namespace skiptrain::ctl {

// Over the nodes; std divides by their number (numpy's default).
struct Statistics {
  double mean = 0.0;
  double std = 0.0;
  double min = 0.0;
  double max = 0.0;
};
// All NaN for no values.
Statistics statistics_of(const std::vector<double>& values);

struct NodeSummary {
  std::uint64_t id = 0;
  std::string name;
  std::string profile;
  // On the whole test set, after the last round. The first from 0 to 1; NaN of a task that has
  // none.
  double test_accuracy = 0.0;
  double test_loss = 0.0;  // of regression the mean squared error
  std::uint64_t train_rounds = 0;
  double energy_wh = 0.0;
  double dpsgd_equivalent_wh = 0.0;  // had it trained in every round
  std::uint64_t bytes_sent = 0;
  std::uint64_t resident_bytes = 0;
};

struct RunSummary {
  std::uint64_t rounds = 0;
  core::Schedule schedule;
  std::string topology;
  std::string model;
  std::uint64_t seed = 0;
  double wall_seconds = 0.0;        // from the daemons' start to the end of the last run
  double consensus_distance = 0.0;  // sqrt(mean_i ||x_i - mean x||^2), of the final models
  std::vector<NodeSummary> nodes;
};

nlohmann::ordered_json to_json(const RunSummary& summary);
// {"mean", "std", "min", "max"}, null for NaN.
nlohmann::ordered_json to_json(const Statistics& statistics);
// A line per node, then the totals.
void print_summary(const RunSummary& summary, Screen& screen);
void print_totals(const RunSummary& summary, Screen& screen);

// sqrt(mean over nodes of ||x_i - mean x||^2), as in decentralized SGD's analyses. All models must
// have the same length; 0 for none.
double consensus_distance(const std::vector<std::span<const float>>& models);

}  // namespace skiptrain::ctl
