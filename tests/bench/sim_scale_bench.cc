// Measures the simulator: what a node and a round cost at 256 and at 4 096 nodes, and how long a
// sync round's mixes take beside copying the bytes that they must read once.
//
//   sim_scale_bench [--rounds R] [--repeat K] [--workers N] [--mix-workers N] [--only scale|mixing]
//                   [--dimension D] [--noise S]
//
// Scale: quadratic trainer of D parameters, regular:8, dpsgd on a lan; both sizes do as many node
// rounds and take turns, K times. Mixing: 256 nodes of 83 754 parameters on
// regular:6, all mixes of a round in one batch. Medians.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "core/topology/build_topology.h"
#include "core/topology/mixing_matrix.h"
#include "sim/mixes.h"
#include "sim/quadratic_trainer.h"
#include "sim/simulation.h"

namespace skiptrain::sim {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  std::uint64_t rounds = 200;
  int repeat = 5;
  std::size_t workers = 1;  // as the simulator has by itself for this trainer
  std::size_t mix_workers = 2;
  std::size_t dimension = 16;
  double noise = 0.0;
  std::string only;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

core::Topology regular(std::size_t nodes, std::uint32_t degree) {
  return core::build_topology({core::TopologySpec::Kind::kRegular, degree, ""}, nodes, 1).value();
}

// Wall seconds of one run, without setting it up.
double run_once(const core::Topology& topology, const Arguments& arguments) {
  const std::size_t nodes = topology.node_count();
  const auto problem = std::make_shared<const QuadraticProblem>(
      QuadraticOptions{.nodes = nodes, .dimension = arguments.dimension, .noise = arguments.noise});
  ParametersPool pool(problem->layout().parameter_count(), 4 * nodes);
  SimulationOptions options;
  options.topology = topology;
  options.total_rounds = arguments.rounds;
  options.network = network_preset("lan").value();
  options.workers = arguments.workers;
  auto simulation = Simulation::create(options, quadratic_trainers(problem, pool), pool);
  SKIPTRAIN_CHECK(simulation.has_value(), "the options of a bench are good");
  const auto start = Clock::now();
  const Outcome outcome = (*simulation)->run();
  const double took = seconds_since(start);
  SKIPTRAIN_CHECK(outcome == Outcome::kEnded, "the run must end");
  return took;
}

void bench_scale(const Arguments& arguments) {
  const std::size_t sizes[] = {256, 4096};
  std::vector<core::Topology> topologies;
  for (const std::size_t nodes : sizes) topologies.push_back(regular(nodes, 8));
  std::vector<double> took[2];
  std::vector<double> ratios;  // of neighbours in time, which the machine's moods hit alike
  for (int k = 0; k < arguments.repeat; ++k) {
    // As many node rounds of the small size as of the large one.
    for (std::size_t s = 0; s < 2; ++s) {
      Arguments one = arguments;
      if (s == 0) one.rounds *= sizes[1] / sizes[0];
      took[s].push_back(run_once(topologies[s], one));
    }
    ratios.push_back(took[1].back() / took[0].back());
  }
  const double node_rounds = static_cast<double>(sizes[1] * arguments.rounds);
  const double small = median(took[0]) / node_rounds * 1e9;
  const double large = median(took[1]) / node_rounds * 1e9;
  std::printf("%zu nodes, %llu rounds, regular:8: %.2f s\n", sizes[1],
              static_cast<unsigned long long>(arguments.rounds), median(took[1]));
  std::printf("a node and round: %.0f ns at %zu nodes, %.0f ns at %zu: %+.1f %%\n", small, sizes[0],
              large, sizes[1], 100 * (median(ratios) - 1));
}

ParametersPtr random_parameters(ParametersPool& pool, std::uint64_t seed) {
  auto parameters = pool.acquire();
  Rng rng(seed);
  for (float& value : parameters->values()) value = static_cast<float>(rng.uniform());
  return parameters;
}

void bench_mixing(const Arguments& arguments) {
  constexpr std::size_t kNodes = 256;
  constexpr std::size_t kParameters = 83'754;
  const core::Topology topology = regular(kNodes, 6);
  const core::MixingMatrix weights(topology);
  ParametersPool pool(kParameters, 3 * kNodes);
  std::vector<ParametersPtr> updates;
  for (std::size_t i = 0; i < kNodes; ++i) updates.push_back(random_parameters(pool, i));
  std::vector<MutableParametersPtr> copies;
  for (std::size_t i = 0; i < kNodes; ++i) copies.push_back(pool.acquire());
  Workers workers(arguments.mix_workers, kNodes);
  Mixes mixes(pool, workers);
  std::vector<double> copy_times;
  std::vector<double> mix_times;
  for (int k = 0; k < 3 * arguments.repeat + 1; ++k) {
    auto start = Clock::now();
    for (std::size_t i = 0; i < kNodes; ++i) {
      std::memcpy(copies[i]->values().data(), updates[i]->values().data(),
                  updates[i]->bytes().size());
    }
    const double copied = seconds_since(start);
    std::vector<MixIndex> asked;
    for (core::Topology::Position i = 0; i < kNodes; ++i) {
      core::Mix mix{Round(0), NodeId(i), {}};
      for (const auto& [column, weight] : weights.row(i)) {
        mix.inputs.push_back({NodeId(column), weight, updates[column]});
      }
      asked.push_back(mixes.add(std::move(mix), Duration(1)));
    }
    start = Clock::now();
    std::vector<ParametersPtr> results;
    for (const MixIndex index : asked) results.push_back(mixes.take(index).parameters);
    const double mixed = seconds_since(start);
    if (k == 0) continue;  // touches fresh pages
    copy_times.push_back(copied);
    mix_times.push_back(mixed);
  }
  const double copy_ms = median(copy_times) * 1e3;
  const double mix_ms = median(mix_times) * 1e3;
  std::printf(
      "%zu mixes of %zu parameters, regular:6, %zu workers: %.1f ms; memcpy of what is read "
      "once: %.1f ms; %.2f times\n",
      kNodes, kParameters, arguments.mix_workers, mix_ms, copy_ms, mix_ms / copy_ms);
}

Arguments parse(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string flag = words[i];
    const std::string value = words[i + 1];
    if (flag == "--rounds") arguments.rounds = std::stoull(value);
    if (flag == "--repeat") arguments.repeat = std::stoi(value);
    if (flag == "--workers") arguments.workers = std::stoul(value);
    if (flag == "--mix-workers") arguments.mix_workers = std::stoul(value);
    if (flag == "--only") arguments.only = value;
    if (flag == "--dimension") arguments.dimension = std::stoul(value);
    if (flag == "--noise") arguments.noise = std::stod(value);
  }
  return arguments;
}

}  // namespace
}  // namespace skiptrain::sim

int main(int argc, char** argv) {
  const auto arguments = skiptrain::sim::parse(argc, argv);
  if (arguments.only != "mixing") skiptrain::sim::bench_scale(arguments);
  if (arguments.only != "scale") skiptrain::sim::bench_mixing(arguments);
}
