#include "samples.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "base/version.h"
#include "core/topology/build_topology.h"
#include "core/topology/spectral_gap.h"

namespace skiptrain::ctl {
namespace {

constexpr double kTrainRoundWh[] = {0.006532875, 0.005986076, 0.002556283, 0.008519120};
constexpr const char* kProfiles[] = {"xiaomi-12-pro", "galaxy-s22-ultra", "oneplus-nord-2-5g",
                                     "poco-x3"};
constexpr std::uint64_t kUpdateBytes = 335'016;
constexpr std::uint64_t kBudgetRounds = 28;  // of the policies that heed a budget

bool heeds_budget(core::Policy policy) {
  return policy == core::Policy::kGreedy || policy == core::Policy::kSkipTrainConstrained ||
         policy == core::Policy::kSkipTrainAdaptive;
}

// What a made-up run knows while its rounds pass.
class Sample {
 public:
  explicit Sample(const SampleOptions& options)
      : options_(options),
        random_(options.seed + 1000 * static_cast<std::uint64_t>(options.schedule.policy)),
        skill_(options.nodes),
        train_rounds_(options.nodes) {
    for (double& skill : skill_) skill = normal_(random_);
  }

  RoundPoint step(std::uint64_t round) {
    const core::Schedule& schedule = options_.schedule;
    RoundPoint point{.round = Round(round)};
    if (schedule.is_train_slot(Round(round))) {
      for (std::uint32_t node = 0; node < options_.nodes; ++node) {
        if (!trains(node)) continue;
        ++train_rounds_[node];
        ++point.trained_nodes;
        energy_wh_ += kTrainRoundWh[node % 4];
      }
    }
    const double part = static_cast<double>(point.trained_nodes) / options_.nodes;
    progress_ += part;
    distance_ = distance_ * 0.62 + part * 0.9 / (1.0 + 0.02 * progress_);
    bytes_ += options_.nodes * 6 * kUpdateBytes;
    point.virtual_seconds = 0.4 * static_cast<double>(round + 1) + 1.7 * progress_;
    point.energy_wh = energy_wh_;
    point.bytes_sent = bytes_;
    point.local_consensus_distance = distance_ * (1.0 + 0.05 * normal_(random_));
    point.consensus_distance = 1.2 * distance_;
    const std::uint64_t every = options_.evaluate_every;
    if (every > 0 && ((round + 1) % every == 0 || round + 1 == options_.rounds)) {
      point.evaluation = evaluate();
    }
    return point;
  }

  std::uint64_t train_rounds(std::uint32_t node) const { return train_rounds_[node]; }

 private:
  bool trains(std::uint32_t node) {
    const core::Policy policy = options_.schedule.policy;
    if (heeds_budget(policy) && train_rounds_[node] >= kBudgetRounds) return false;
    return !core::is_probabilistic(policy) || uniform_(random_) < 0.7;
  }

  Evaluation evaluate() {
    std::vector<double> accuracy;
    std::vector<double> loss;
    const double mean = 0.1 + 0.68 * (1.0 - std::exp(-progress_ / 14.0)) - 0.09 * distance_;
    for (const double skill : skill_) {
      accuracy.push_back(std::clamp(
          mean + (0.008 + 0.04 * distance_) * (skill + 0.4 * normal_(random_)), 0.0, 1.0));
      loss.push_back(-std::log(accuracy.back() + 0.05));
    }
    return evaluation_of(std::move(accuracy), std::move(loss));
  }

  const SampleOptions& options_;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  std::uniform_real_distribution<double> uniform_;
  std::vector<double> skill_;
  std::vector<std::uint64_t> train_rounds_;
  double progress_ = 0.0;  // train rounds, mean over nodes
  double distance_ = 0.0;
  double energy_wh_ = 0.0;
  std::uint64_t bytes_ = 0;
};

SimulationResults results_of(std::string command) {
  return {.command = std::move(command), .version = kVersion};
}

void fill_summary(SimulatedRun& run, const Sample& sample) {
  const TestbedOptions& options = run.options;
  run.summary = {.rounds = run.series.size(),
                 .schedule = options.schedule,
                 .topology = options.topology,
                 .model = options.model,
                 .seed = options.seed,
                 .wall_seconds = 61.5,
                 .consensus_distance = run.series.back().consensus_distance};
  const auto& evaluation = run.series.back().evaluation;
  for (std::uint32_t node = 0; node < options.nodes; ++node) {
    run.summary.nodes.push_back(
        {.id = node,
         .name = "node-" + std::to_string(node),
         .profile = kProfiles[node % 4],
         .test_accuracy = evaluation ? evaluation->node_accuracy[node] : kNotMeasured,
         .test_loss = evaluation ? evaluation->node_loss[node] : kNotMeasured,
         .train_rounds = sample.train_rounds(node),
         .energy_wh = kTrainRoundWh[node % 4] * static_cast<double>(sample.train_rounds(node)),
         .dpsgd_equivalent_wh = kTrainRoundWh[node % 4] * static_cast<double>(run.series.size()),
         .bytes_sent = run.series.back().bytes_sent / options.nodes,
         .resident_bytes = 0});
  }
}

}  // namespace

SimulatedRun sample_run(const SampleOptions& options) {
  SimulatedRun run;
  run.label = options.label;
  run.trainer = "learn";
  run.network = "lan";
  run.workers = 2;
  run.options.nodes = options.nodes;
  run.options.rounds = options.rounds;
  run.options.schedule = options.schedule;
  run.options.topology = options.topology;
  run.options.lr = 0.1;
  run.options.seed = options.seed;
  run.options.evaluate_every = options.evaluate_every;
  if (heeds_budget(options.schedule.policy)) run.options.budget_fraction = 0.1;
  const auto spec = core::parse_topology_spec(options.topology).value();
  run.graph.topology = core::build_topology(spec, options.nodes, options.seed).value();
  if (options.nodes <= 512) {
    run.graph.spectral_gap = core::spectral_gap(run.graph.topology).value;
  }
  Sample sample(options);
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    run.series.push_back(sample.step(round));
  }
  run.virtual_seconds = run.series.back().virtual_seconds;
  fill_summary(run, sample);
  return run;
}

SimulationResults sample_comparison() {
  SimulationResults results = results_of(
      "skipctl sim --nodes 64 --rounds 80 --topology regular:6 --partition shards:2 --seed 1 "
      "--compare dpsgd,skiptrain,greedy,skiptrain-constrained,skiptrain-adaptive");
  const std::pair<const char*, core::Schedule> cases[] = {
      {"dpsgd", {core::Policy::kDpsgd, 1, 0}},
      {"skiptrain 4/4", {core::Policy::kSkipTrain, 4, 4}},
      {"greedy", {core::Policy::kGreedy, 1, 0}},
      {"skiptrain-constrained 4/4", {core::Policy::kSkipTrainConstrained, 4, 4}},
      {"skiptrain-adaptive 4/4", {core::Policy::kSkipTrainAdaptive, 4, 4}}};
  for (const auto& [label, schedule] : cases) {
    SampleOptions options{.label = label, .schedule = schedule};
    if (schedule.policy == core::Policy::kGreedy) options.rounds = 62;
    results.runs.push_back(sample_run(options));
  }
  SimulatedRun& greedy = results.runs[2];
  greedy.options.rounds = 80;
  greedy.interrupted = true;
  greedy.notes = {"node-5 crashed in round 12 and came back in round 20."};
  return results;
}

SimulationResults sample_sweep() {
  SimulationResults results =
      results_of("skipctl sim --nodes 64 --rounds 80 --sweep train=1..4,sync=1..4");
  results.sweep = SweepGrid{.gamma_train = {1, 2, 3, 4}, .gamma_sync = {1, 2, 3, 4}};
  for (const std::uint32_t train : results.sweep->gamma_train) {
    for (const std::uint32_t sync : results.sweep->gamma_sync) {
      if (train == 4 && sync == 4) continue;
      results.runs.push_back(
          sample_run({.label = "skiptrain " + std::to_string(train) + "/" + std::to_string(sync),
                      .schedule = {core::Policy::kSkipTrain, train, sync}}));
    }
  }
  return results;
}

SimulationResults sample_without_evaluation() {
  SimulationResults results = results_of("skipctl sim --nodes 4 --rounds 3");
  results.runs.push_back(sample_run({.label = "skiptrain 1/1",
                                     .schedule = {core::Policy::kSkipTrain, 1, 1},
                                     .nodes = 4,
                                     .rounds = 3,
                                     .topology = "ring",
                                     .evaluate_every = 0}));
  return results;
}

SimulationResults sample_quadratic() {
  SimulationResults results =
      results_of("skipctl sim --trainer quadratic --nodes 1024 --rounds 2400 --topology regular:8");
  SimulatedRun run = sample_run({.label = "skiptrain 4/4",
                                 .nodes = 1024,
                                 .rounds = 2400,
                                 .topology = "regular:8",
                                 .evaluate_every = 200});
  run.trainer = "quadratic";
  for (RoundPoint& point : run.series) {
    point.consensus_distance = kNotMeasured;
    if (!point.evaluation) continue;
    std::vector<double> losses = point.evaluation->node_loss;
    for (double& loss : losses) loss *= std::exp(-static_cast<double>(point.round.value()) / 300.0);
    const std::vector<double> no_accuracies(losses.size(), kNotMeasured);
    point.evaluation = evaluation_of(no_accuracies, std::move(losses));
  }
  for (std::size_t i = 0; i < run.summary.nodes.size(); ++i) {
    run.summary.nodes[i].test_accuracy = kNotMeasured;
    run.summary.nodes[i].test_loss = run.series.back().evaluation->node_loss[i];
  }
  run.summary.consensus_distance = kNotMeasured;
  results.runs.push_back(std::move(run));
  return results;
}

}  // namespace skiptrain::ctl
