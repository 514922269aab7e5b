#include "ctl/sim/run.h"

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/fingerprint.h"
#include "base/version.h"
#include "core/topology/spectral_gap.h"
#include "ctl/sim/checkpoint.h"
#include "ctl/sim/progress.h"
#include "ctl/sim/recorder.h"
#include "ctl/sim/workload.h"
#include "ctl/testbed/process.h"
#include "daemon/workload/workload.h"
#include "sim/event_log.h"
#include "sim/simulation.h"

namespace skiptrain::ctl {
namespace {

using Clock = std::chrono::steady_clock;

// The file is replaced at each snapshot; what goes wrong with it ends up in the notes.
class CheckpointWriter final : public sim::Observer {
 public:
  CheckpointWriter(std::string path, Fingerprint run, const Recorder& recorder)
      : path_(std::move(path)), run_(run), recorder_(recorder) {}

  void snapshot_taken(const sim::Snapshot& snapshot) override {
    const Status written =
        write_checkpoint(path_, {snapshot, run_, recorder_.to_json(snapshot.round)});
    if (!written) error_ = written.error().message;
  }
  const std::string& error() const { return error_; }

 private:
  std::string path_;
  Fingerprint run_;
  const Recorder& recorder_;
  std::string error_;
};

// What a run that is resumed must have in common with the one that wrote the checkpoint.
Fingerprint fingerprint_of(const SimOptions& options, const SimPlan& plan) {
  const daemon::Config& config = plan.config;
  Fingerprinter hash;
  hash.add(daemon::run_fingerprint(config, daemon::digest_of(plan.model_file)).value());
  hash.add(schedule_text(config.schedule)).add(options.trainer);
  hash.add(config.cluster.nodes.size()).add(config.run.rounds);
  if (options.trainer == kQuadraticTrainer) hash.add(options.dimension);
  return hash.finish();
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// All that one run is made of, in the order in which it is taken down.
struct Stage {
  SimPlan plan;
  std::optional<Checkpoint> resumed;
  std::unique_ptr<sim::Simulation> simulation;
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<CheckpointWriter> checkpoints;
  std::ofstream event_file;
  std::unique_ptr<sim::EventLog> event_log;
};

Outcome<std::optional<Checkpoint>> load_checkpoint(const SimOptions& options, const SimPlan& plan) {
  if (options.resume.empty()) return std::optional<Checkpoint>();
  auto checkpoint = read_checkpoint(options.resume);
  if (!checkpoint) return tl::unexpected(to_failure(checkpoint.error()));
  if (checkpoint->run != fingerprint_of(options, plan)) {
    return failure(ExitCode::kPrecondition,
                   "--resume " + options.resume + ": is of a run with other settings",
                   "give the flags that the checkpoint was written with");
  }
  return std::optional<Checkpoint>(*std::move(checkpoint));
}

Outcome<void> open_event_log(const SimOptions& options, Stage& stage) {
  if (options.event_log.empty()) return {};
  stage.event_file.open(options.event_log, std::ios::binary | std::ios::trunc);
  if (!stage.event_file) {
    return failure(ExitCode::kError, "--event-log " + options.event_log + ": cannot be written");
  }
  stage.event_log = std::make_unique<sim::EventLog>(stage.event_file);
  stage.simulation->add_observer(*stage.event_log);
  stage.simulation->set_step_watcher(stage.event_log.get());
  return {};
}

Outcome<std::unique_ptr<Stage>> set_up(const SimOptions& options, const TestbedOptions& run,
                                       SharedData& data) {
  auto stage = std::make_unique<Stage>();
  auto plan = plan_simulation(options, run);
  if (!plan) return tl::unexpected(to_failure(plan.error()));
  stage->plan = *std::move(plan);
  auto resumed = load_checkpoint(options, stage->plan);
  if (!resumed) return tl::unexpected(resumed.error());
  stage->resumed = *std::move(resumed);
  auto prepared = prepare(options, stage->plan, data);
  if (!prepared) return tl::unexpected(to_failure(prepared.error()));
  auto simulation =
      sim::Simulation::create(std::move(prepared->options), std::move(prepared->trainers),
                              prepared->pool, stage->resumed ? &stage->resumed->snapshot : nullptr);
  if (!simulation) return tl::unexpected(to_failure(simulation.error()));
  stage->simulation = *std::move(simulation);
  stage->recorder = std::make_unique<Recorder>(*stage->simulation);
  if (stage->resumed) {
    if (auto restored = stage->recorder->restore(stage->resumed->history); !restored) {
      return failure(ExitCode::kError, options.resume + ": " + restored.error().message);
    }
  }
  stage->simulation->add_observer(*stage->recorder);
  if (!options.checkpoint.empty()) {
    stage->checkpoints = std::make_unique<CheckpointWriter>(
        options.checkpoint, fingerprint_of(options, stage->plan), *stage->recorder);
    stage->simulation->add_observer(*stage->checkpoints);
  }
  if (auto opened = open_event_log(options, *stage); !opened) {
    return tl::unexpected(opened.error());
  }
  return stage;
}

RunSummary summarize(const Stage& stage, const TestbedOptions& run) {
  const sim::Simulation& simulation = *stage.simulation;
  RunSummary summary;
  summary.rounds = stage.recorder->rounds_done();
  summary.schedule = run.schedule;
  summary.topology = run.topology;
  summary.model = run.model;
  summary.seed = run.seed;
  summary.consensus_distance = sim::consensus_distance(simulation);
  const std::uint64_t share = resident_bytes() / simulation.size();
  const auto& devices = simulation.options().devices;
  for (std::size_t i = 0; i < simulation.size(); ++i) {
    const sim::NodeTotals totals = simulation.totals(static_cast<sim::Position>(i));
    const sim::Device& device = devices.size() == 1 ? devices[0] : devices[i];
    NodeSummary node;
    node.id = sim::Simulation::id_of(static_cast<sim::Position>(i)).value();
    node.name = "node-" + std::to_string(i);
    node.profile = stage.plan.profiles[i];
    node.test_accuracy = stage.recorder->last_accuracy()[i];
    node.test_loss = stage.recorder->last_loss()[i];
    node.train_rounds = totals.train_rounds;
    node.energy_wh = totals.energy_spent.value();
    node.dpsgd_equivalent_wh =
        device.energy_per_train_round.value() * static_cast<double>(summary.rounds);
    node.bytes_sent = totals.bytes_sent;
    node.resident_bytes = share;
    summary.nodes.push_back(std::move(node));
  }
  return summary;
}

SimulatedRun gather(const SimOptions& options, const TestbedOptions& run, const Stage& stage,
                    sim::Outcome outcome) {
  SimulatedRun result;
  result.label = schedule_text(run.schedule);
  result.options = run;
  result.options.lr = stage.plan.config.train.lr;
  result.trainer = options.trainer;
  result.network = options.network;
  result.faults = options.faults;
  result.workers = stage.plan.workers;
  result.summary = summarize(stage, run);
  result.virtual_seconds = to_seconds(stage.simulation->now().time_since_epoch());
  result.series = stage.recorder->series();
  const core::Topology& graph = stage.plan.config.cluster.graph;
  result.graph.topology = graph;
  result.graph.spectral_gap = core::spectral_gap(graph).value;
  result.interrupted = outcome == sim::Outcome::kStopped;
  result.notes = stage.recorder->notes();
  if (stage.checkpoints && !stage.checkpoints->error().empty()) {
    result.notes.push_back("no checkpoint: " + stage.checkpoints->error());
  }
  return result;
}

Outcome<SimulatedRun> run_one(const SimOptions& options, const TestbedOptions& run,
                              const std::string& label, SharedData& data, bool show_progress,
                              Screen& screen) {
  auto stage = set_up(options, run, data);
  if (!stage) return tl::unexpected(stage.error());
  std::stop_source stop;
  const auto started = Clock::now();
  sim::Outcome outcome;
  {
    const SimProgress progress(*(*stage)->simulation, label, show_progress, screen, stop);
    outcome = (*stage)->simulation->run(stop.get_token());
  }
  SimulatedRun result = gather(options, run, **stage, outcome);
  result.summary.wall_seconds = std::chrono::duration<double>(Clock::now() - started).count();
  if (outcome != sim::Outcome::kEnded && outcome != sim::Outcome::kStopped) {
    return failure(ExitCode::kError,
                   std::string("internal error: the simulation has ") + sim::to_string(outcome));
  }
  if ((*stage)->event_file.is_open() && !(*stage)->event_file.flush()) {
    return failure(ExitCode::kError, "--event-log " + options.event_log + ": cannot be written");
  }
  return result;
}

}  // namespace

Outcome<SimulationResults> simulate(const SimOptions& options, bool show_progress, Screen& screen) {
  const auto runs = runs_of(options);
  if (!runs) return tl::unexpected(to_failure(runs.error()));
  SimulationResults results;
  results.command = options.command;
  results.version = kVersion;
  if (!options.sweep.empty()) results.sweep = *parse_sweep(options.sweep);
  const InterruptGuard guard;
  SharedData data;
  for (std::size_t i = 0; i < runs->size() && !InterruptGuard::is_interrupted(); ++i) {
    const TestbedOptions& run = (*runs)[i];
    std::string label = schedule_text(run.schedule);
    if (runs->size() > 1) {
      label += " (" + std::to_string(i + 1) + " of " + std::to_string(runs->size()) + ")";
    }
    auto result = run_one(options, run, label, data, show_progress, screen);
    if (!result) return tl::unexpected(result.error());
    results.runs.push_back(*std::move(result));
  }
  return results;
}

}  // namespace skiptrain::ctl
