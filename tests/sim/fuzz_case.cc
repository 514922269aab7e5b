#include "tests/sim/fuzz_case.h"

#include <memory>
#include <utility>

#include "base/check.h"
#include "base/rng.h"
#include "core/topology/build_topology.h"
#include "sim/event_log.h"
#include "sim/quadratic_trainer.h"
#include "tests/sim/protocol_invariants.h"
#include "tests/sim/test_simulation.h"

namespace skiptrain::sim::testing {
namespace {

using core::Policy;
using std::chrono::milliseconds;

constexpr std::uint64_t kRounds = 25;
constexpr std::size_t kDimension = 3;

core::Topology draw_topology(Rng& rng) {
  const std::pair<const char*, std::size_t> graphs[] = {
      {"ring", 2}, {"ring", 3},  {"ring", 6},      {"complete", 4},  {"complete", 6},
      {"star", 5}, {"torus", 9}, {"regular:3", 8}, {"regular:4", 7}, {"regular:4", 10},
  };
  const auto& [spec, nodes] = graphs[rng.below(std::size(graphs))];
  core::Topology topology =
      core::build_topology(core::parse_topology_spec(spec).value(), nodes, rng.next()).value();
  // Uneven degrees, too: a few chords more.
  for (std::uint64_t k = rng.below(3); k > 0; --k) {
    const auto a = static_cast<Position>(rng.below(nodes));
    const auto b = static_cast<Position>(rng.below(nodes));
    if (a != b) topology.add_edge(a, b);
  }
  return topology;
}

core::Schedule draw_schedule(Rng& rng) {
  const auto policies = core::policies();
  return {policies[rng.below(policies.size())], static_cast<std::uint32_t>(1 + rng.below(4)),
          static_cast<std::uint32_t>(rng.below(4))};
}

void draw_devices(Rng& rng, SimulationOptions& options) {
  options.devices.clear();
  for (std::size_t i = 0; i < options.topology.node_count(); ++i) {
    Device device;
    device.train_time = milliseconds(1 + rng.below(40));
    device.train_jitter = milliseconds(rng.below(40));
    device.energy_per_train_round = WattHours(0.5 + rng.uniform());
    if (rng.below(4) > 0) device.budget = WattHours(20 * rng.uniform());
    options.devices.push_back(device);
  }
}

NetworkOptions draw_network(Rng& rng, bool calm) {
  NetworkOptions network = jittery_network(milliseconds(1 + rng.below(10)));
  network.link.latency = std::chrono::microseconds(rng.below(5'000));
  if (rng.below(3) == 0) network.link.bandwidth_bytes_per_s = 1e5 + 1e6 * rng.uniform();
  network.reconnect_delay = milliseconds(1 + rng.below(50));
  network.keepalive = milliseconds(20 + rng.below(200));
  network.fetch_timeout = milliseconds(50 + rng.below(300));
  if (calm) return network;
  network.unreliable_until = Instant(milliseconds(800));
  network.link.loss = 0.1 * rng.uniform();
  network.link.duplicate = 0.2 * rng.uniform();
  network.link.reorder = 0.2 * rng.uniform();
  network.link.reorder_delay = milliseconds(1 + rng.below(200));
  return network;
}

RandomFaults draw_amounts(Rng& rng) {
  const auto up_to = [&rng](std::uint64_t most) {
    return static_cast<std::uint32_t>(rng.below(most + 1));
  };
  return {.period = milliseconds(800),
          .crashes = up_to(3),
          .partitions = up_to(1),
          .one_way_cuts = up_to(3),
          .link_breaks = up_to(3),
          .slow_nodes = up_to(2),
          .clock_steps = up_to(3),
          .max_clock_step = milliseconds(300),
          .clock_skews = up_to(2),
          .training_failure = 0.1 * rng.uniform(),
          .fetch_failure = 0.3 * rng.uniform()};
}

// From chances of its own, so that the rest of a case does not depend on it. Half of the cases have
// the default rules.
core::RoundRules draw_rules(std::uint64_t seed) {
  Rng rng(derive_seed({seed, 0x72756c6573}));
  core::RoundRules rules;
  rules.max_staleness = 1 + rng.below(4);
  if (rng.below(2) == 0) return rules;
  const auto modes = core::round_modes();
  rules.mode = modes[rng.below(modes.size())];
  if (rng.below(2) == 0) rules.quorum = 1.0 - 0.9 * rng.uniform();
  return rules;
}

// From chances of its own, likewise. Half of the cases send their updates as they are.
Compression draw_compression(std::uint64_t seed) {
  Rng rng(derive_seed({seed, 0x7061636b}));
  constexpr const char* kCompressions[] = {"bf16", "fp16", "int8", "top-k:0.3"};
  if (rng.below(2) == 0) return {};
  return parse_compression(kCompressions[rng.below(std::size(kCompressions))]).value();
}

// A barrier counts on streams that lose nothing as long as they stand, as lib/transport's do: links
// break and nodes crash, but what is lost without a break, nobody would ever send again.
void lose_nothing_silently(SimulationOptions& options) {
  options.network.link.loss = 0.0;
  std::erase_if(options.faults.faults, [](const Fault& fault) {
    return std::holds_alternative<Partition>(fault.what) || std::holds_alternative<Cut>(fault.what);
  });
}

}  // namespace

SimulationOptions draw_case(std::uint64_t seed, bool* calm) {
  Rng rng(derive_seed({seed, 0x66757a7a}));
  *calm = rng.below(8) == 0;
  SimulationOptions options;
  options.topology = draw_topology(rng);
  options.total_rounds = kRounds;
  options.run_seed = seed;
  options.network_seed = seed;
  options.schedule = draw_schedule(rng);
  draw_devices(rng, options);
  options.network = draw_network(rng, *calm);
  options.max_boot_time = milliseconds(1 + rng.below(20));
  options.start_timeout = *calm ? std::chrono::seconds(60) : Duration(milliseconds(200));
  options.round_deadline =
      *calm ? std::chrono::seconds(60) : Duration(milliseconds(30 + rng.below(150)));
  options.evaluate_every = rng.below(5);
  options.in_time_order = rng.below(2) == 0;
  options.workers = 1 + (seed % 64 == 0 ? 1 : 0);  // threads cost more than these cases
  if (!*calm) options.faults = draw_faults(draw_amounts(rng), options.topology, seed);
  options.rules = draw_rules(seed);
  options.compression = draw_compression(seed);
  if (options.rules.mode == core::RoundMode::kBarrier) lose_nothing_silently(options);
  return options;
}

FuzzResult run_case(std::uint64_t seed, std::ostream* log) {
  FuzzResult result;
  const SimulationOptions options = draw_case(seed, &result.calm);
  TestSimulation cluster(options, kDimension, result.calm);
  std::unique_ptr<EventLog> event_log;
  if (log != nullptr) {
    event_log = std::make_unique<EventLog>(*log);
    cluster.also_log_to(*event_log);
  }
  cluster.run_to_end();
  const ProtocolInvariants& invariants = cluster.invariants();
  result.violations = invariants.violations();
  result.faults = cluster->fault_counts();
  result.steps = cluster->steps();
  result.mixes_checked = invariants.mixes_checked();
  result.means_checked = invariants.means_checked();
  result.catch_ups = invariants.catch_ups();
  result.deadline_hits = invariants.deadline_hits();
  result.stale_mixed = invariants.stale_mixed();
  result.rules = options.rules;
  return result;
}

}  // namespace skiptrain::sim::testing
