// Measures whole rounds of the simulator, next to their floors in the same run.
//
//   sim_round_bench [--nodes N] [--steps S] [--workers W] [--rounds R]
//
// N nodes on regular:6 train GN-LeNet on 1x28x28, batch 32, S local steps, in every second round,
// on a lan; wall time from the last commit of a round to the last of the next. Medians of R rounds
// of each kind:
//   train round  against N * S steps of a bare loop (training_bench.h), divided by W
//   sync round   against memcpy, in one thread, of the bytes that it must read once
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

#include "base/check.h"
#include "core/topology/build_topology.h"
#include "learn/memory.h"
#include "learn/trainer_group.h"
#include "sim/simulation.h"
#include "training_bench.h"

namespace skiptrain::sim {
namespace {

using learn::Clock;
using learn::median;
using learn::seconds_since;

constexpr int kBareSteps = 200;

struct Settings {
  std::uint32_t nodes = 256;
  std::uint32_t steps = 10;
  std::uint32_t workers = 2;
  std::uint32_t rounds = 5;
};

// When the last node committed each round.
class RoundClock : public Observer {
 public:
  explicit RoundClock(std::size_t nodes) : nodes_(nodes) {}
  void node_committed(Position, Instant, const core::Commit& commit) override {
    const std::uint64_t round = commit.record.round.value();
    if (round >= commits_.size()) {
      commits_.resize(round + 1);
      ends_.resize(round + 1);
    }
    if (++commits_[round] == nodes_) ends_[round] = Clock::now();
  }
  // Of a round and its predecessor.
  double seconds_between(std::size_t round) const {
    return std::chrono::duration<double>(ends_[round] - ends_[round - 1]).count();
  }

 private:
  std::size_t nodes_;
  std::vector<std::size_t> commits_;
  std::vector<Clock::time_point> ends_;
};

double bare_step_seconds(learn::BareLoop& loop) {
  const auto begin = Clock::now();
  loop.run(kBareSteps);
  return seconds_since(begin) / kBareSteps;
}

// Of `count` models of `parameters` each.
double copy_seconds(std::size_t count, std::size_t parameters) {
  const std::vector<std::vector<float>> from(count, std::vector<float>(parameters, 1.0f));
  std::vector<std::vector<float>> to = from;
  std::vector<double> took;
  for (int repeat = 0; repeat < 9; ++repeat) {
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(to[i].data(), from[i].data(), parameters * sizeof(float));
    }
    took.push_back(seconds_since(begin));
  }
  return median(took);
}

double peak_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:" && status >> word) return std::stod(word) / 1e3;
  }
  return 0.0;
}

RoundClock simulate(const Settings& settings, const learn::TrainerGroup& group) {
  SimulationOptions options;
  options.topology =
      core::build_topology({core::TopologySpec::Kind::kRegular, 6, ""}, settings.nodes, 1).value();
  options.schedule = {core::Policy::kSkipTrain, 1, 1};
  options.total_rounds = 2 * (settings.rounds + 1);
  options.end_samples = 1;
  options.network = network_preset("lan").value();
  options.workers = settings.workers;
  auto simulation =
      Simulation::create(options, learn::make_trainers(group, settings.nodes), group.pool());
  SKIPTRAIN_CHECK(simulation.has_value(), "the options of a bench are good");
  RoundClock clock(settings.nodes);
  (*simulation)->add_observer(clock);
  SKIPTRAIN_CHECK((*simulation)->run() == Outcome::kEnded, "the run must end");
  return clock;
}

int run(const Settings& settings) {
  learn::keep_freed_memory(settings.workers);
  const learn::TrainerOptions training{
      .local_steps = settings.steps, .batch_size = learn::kBatch, .lr = 0.01};
  const auto dataset =
      std::make_shared<const data::Dataset>(learn::noise(training.model, learn::kSamples));
  const auto group = learn::TrainerGroup::create(
      training, dataset, dataset,
      {.workers = settings.workers, .idle_buffers = settings.nodes + settings.workers});
  SKIPTRAIN_CHECK(group.has_value(), "the bench's options are valid");
  learn::BareLoop loop;
  (void)bare_step_seconds(loop);
  const double before = bare_step_seconds(loop);
  const RoundClock clock = simulate(settings, *group);
  const double peak = peak_mb();
  const double bare = (before + bare_step_seconds(loop)) / 2;
  const double copy = copy_seconds(settings.nodes, group->layout().parameter_count());
  std::vector<double> train;
  std::vector<double> sync;
  for (std::size_t round = 2; round < 2 * (settings.rounds + 1); ++round) {
    (round % 2 == 0 ? train : sync).push_back(clock.seconds_between(round));
  }
  const double floor = settings.nodes * settings.steps * bare / settings.workers;
  std::printf("%u nodes, regular:6, %u steps of %.2f ms, %u workers; medians of %u rounds\n",
              settings.nodes, settings.steps, bare * 1e3, settings.workers, settings.rounds);
  std::printf("train round %.2f s, bare loop %.2f s: %.3f times\n", median(train), floor,
              median(train) / floor);
  std::printf("sync round %.1f ms, memcpy of what is read once %.1f ms: %.2f times\n",
              median(sync) * 1e3, copy * 1e3, median(sync) / copy);
  std::printf("%.0f MB at most\n", peak);
  return 0;
}

Settings parse(int count, char** words) {
  Settings settings;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view flag = words[i];
    const auto value = static_cast<std::uint32_t>(std::atol(words[i + 1]));
    SKIPTRAIN_CHECK(value > 0, "a flag's value is a number above 0");
    if (flag == "--nodes") settings.nodes = value;
    if (flag == "--steps") settings.steps = value;
    if (flag == "--workers") settings.workers = value;
    if (flag == "--rounds") settings.rounds = value;
  }
  return settings;
}

}  // namespace
}  // namespace skiptrain::sim

int main(int argc, char** argv) {
  return skiptrain::sim::run(skiptrain::sim::parse(argc, argv));
}
