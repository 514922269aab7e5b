#include "ctl/sim/workload.h"

#include <algorithm>
#include <utility>

#include "core/topology/topology.h"
#include "core/topology/topology_spec.h"
#include "ctl/render.h"
#include "ctl/sim/faults_file.h"
#include "ctl/sim/memory.h"
#include "ctl/sim/network_file.h"
#include "ctl/testbed/plan.h"
#include "daemon/workload/workload.h"
#include "data/partition.h"
#include "energy/profile.h"
#include "learn/trainer_group.h"
#include "sim/memory_estimate.h"
#include "sim/network_options.h"
#include "sim/quadratic_trainer.h"

namespace skiptrain::ctl {
namespace {

tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

bool learns(const SimOptions& options) {
  return options.trainer == kLearnTrainer;
}

// The shares of the training set, by position.
Result<std::vector<std::vector<std::uint32_t>>> deal(const daemon::Config& config,
                                                     const data::Dataset& train) {
  const auto partition = data::parse_partition(config.data.partition);
  if (!partition) return tl::unexpected(partition.error());
  const auto count = static_cast<std::uint32_t>(config.cluster.nodes.size());
  std::vector<std::vector<std::uint32_t>> shares;
  for (std::uint32_t position = 0; position < count; ++position) {
    const data::Seat seat{position, count, config.run.seed};
    auto share = train.has_targets()
                     ? data::indices_for(*partition, std::uint64_t{train.size()}, seat)
                     : data::indices_for(*partition, train.labels, seat, train.users);
    if (!share) {
      return invalid("--partition " + config.data.partition + " of " +
                     std::to_string(train.size()) + " samples over " + std::to_string(count) +
                     " nodes: " + share.error().message);
    }
    shares.push_back(*std::move(share));
  }
  return shares;
}

// The device at `position`, and a budget that lets it train at all.
Result<sim::Device> device_of(const SimPlan& plan, std::size_t position,
                              const energy::TrainRoundWork& work) {
  const auto profile = energy::find_profile(plan.profiles[position]);
  if (!profile) return tl::unexpected(profile.error());
  daemon::Config config = {};
  config.node.profile = plan.profiles[position];
  config.energy = plan.config.energy;
  sim::Device device;
  device.train_time = energy::estimated_train_time(*profile, work);
  device.energy_per_train_round = energy::train_round_energy(*profile, work);
  device.budget = config.training_budget();
  if (device.budget && *device.budget < device.energy_per_train_round) {
    return invalid("the budget of node-" + std::to_string(position) + " (" +
                   std::string(profile->name) + "), " + watt_hours(device.budget->value()) +
                   ", is a budget of zero rounds: one costs " +
                   watt_hours(device.energy_per_train_round.value()));
  }
  return device;
}

// `own_bytes`: of the data and of kept optimizers, which the simulation does not know of.
Status check_memory(const SimPlan& plan, std::size_t parameter_count, std::size_t own_bytes,
                    bool snapshots) {
  sim::SimulationSize size;
  size.nodes = plan.config.cluster.nodes.size();
  size.parameter_count = parameter_count;
  for (std::uint32_t i = 0; i < size.nodes; ++i) {
    size.degree = std::max<std::uint64_t>(size.degree, plan.config.cluster.graph.degree(i));
  }
  size.workers = plan.workers;
  size.evaluates_every_round = plan.config.round.evaluate_every == 1;
  size.takes_snapshots = snapshots;
  size.compresses = !plan.config.exchange.compression.is_none();
  const std::uint64_t needed =
      sim::estimate_memory(size).total() + own_bytes + plan.workers * kWorkspaceBytes;
  const std::uint64_t available = available_memory();
  if (needed <= available) return {};
  return fail(ErrorCode::kResourceExhausted,
              "the run needs about " + bytes_text(needed) + " of memory (" +
                  std::to_string(size.nodes) + " nodes of " + std::to_string(parameter_count) +
                  " parameters), and " + bytes_text(available) +
                  " are free: take fewer --nodes, or a smaller --model");
}

Status fill_options(const SimOptions& options, const SimPlan& plan, sim::SimulationOptions& out) {
  const daemon::Config& config = plan.config;
  out.topology = config.cluster.graph;
  out.total_rounds = config.run.rounds;
  out.run_seed = config.run.seed;
  out.network_seed = options.network_seed.value_or(config.run.seed);
  out.schedule = config.schedule;
  out.round_deadline = config.round.deadline;
  out.rules = config.round.rules;
  out.compression = config.exchange.compression;
  const auto spec = core::parse_topology_spec(config.cluster.topology);
  if (spec && spec->kind == core::TopologySpec::Kind::kEpidemic) {
    out.epidemic = core::EpidemicOptions{spec->parameter, config.cluster.topology_seed};
  }
  out.start_timeout = config.round.start_timeout;
  out.evaluate_every = config.round.evaluate_every;
  out.evaluate_samples = config.round.evaluate_samples;
  out.end_samples = options.end_samples;
  out.snapshot_every = options.checkpoint.empty() ? 0 : options.checkpoint_every;
  out.workers = plan.workers;
  out.in_time_order = !options.event_log.empty();
  auto network = load_network(options.network, out.topology.node_count());
  if (!network) return tl::unexpected(network.error());
  out.network = *std::move(network);
  if (!options.faults.empty()) {
    auto faults = load_faults(options.faults, out.topology);
    if (!faults) return tl::unexpected(faults.error());
    out.faults = *std::move(faults);
  }
  return {};
}

// "configuration of node-0:11: cluster.topology = ..." without the file that does not exist.
Error without_place(const Error& error) {
  constexpr std::string_view kPlace = "configuration of node-0:";
  std::string message;
  for (std::size_t at = 0; at < error.message.size();) {
    const std::size_t end = std::min(error.message.find('\n', at), error.message.size());
    std::string_view line = std::string_view(error.message).substr(at, end - at);
    if (line.starts_with(kPlace)) {
      line.remove_prefix(kPlace.size());
      line.remove_prefix(std::min(line.find_first_not_of("0123456789: "), line.size()));
    }
    message += (message.empty() ? "" : "\n") + std::string(line);
    at = end + 1;
  }
  return {error.code, std::move(message)};
}

// That the pool of all nodes' models keeps.
std::size_t idle_buffers(const SimPlan& plan) {
  const std::size_t nodes = plan.config.cluster.nodes.size();
  const bool has_copies = !plan.config.exchange.compression.is_none();
  return nodes * (has_copies ? 2 : 1) + plan.workers;
}

struct Learners {
  sim::Trainers trainers;
  ParametersPool pool;
  ParametersPtr initial;
};

Result<Learners> make_learners(const SimPlan& plan, learn::TrainerOptions options,
                               const SharedData::Sets& sets,
                               std::vector<std::vector<std::uint32_t>> shares) {
  const std::size_t nodes = plan.config.cluster.nodes.size();
  const auto group =
      learn::TrainerGroup::create(std::move(options), sets.train, sets.test,
                                  {.workers = plan.workers, .idle_buffers = idle_buffers(plan)});
  if (!group) return tl::unexpected(group.error());
  Learners learners{{}, group->pool(), group->initial_parameters()};
  for (std::size_t i = 0; i < nodes; ++i) {
    auto trainer = group->trainer(NodeId(i), std::move(shares[i]));
    if (!trainer) return tl::unexpected(trainer.error());
    learners.trainers.push_back(*std::move(trainer));
  }
  return learners;
}

// What every node holds of its optimizer between rounds.
std::size_t kept_state_bytes(const daemon::TrainSettings& train, std::size_t parameter_count) {
  if (!train.keep_optimizer_state) return 0;
  const std::size_t buffers = train.optimizer != daemon::Optimizer::kSgd ? 2
                              : train.momentum > 0                       ? 1
                                                                         : 0;
  return buffers * parameter_count * sizeof(float);
}

Result<PreparedRun> prepare_learning(const SimOptions& options, const SimPlan& plan,
                                     SharedData& data) {
  const daemon::Config& config = plan.config;
  const auto sets = data.load(config);
  if (!sets) return tl::unexpected(sets.error());
  auto shares = deal(config, *sets->train);
  if (!shares) return tl::unexpected(shares.error());
  auto learning = daemon::with_model_files(
      config, daemon::trainer_options(config, sets->train->shape, sets->train->output_count()),
      plan.model_file);
  if (!learning) return tl::unexpected(learning.error());
  const auto layout = learn::layout_of(learning->model);
  if (!layout) return tl::unexpected(layout.error());
  // Frozen parameters cost energy, but no memory of a node.
  const auto whole = learn::whole_layout_of(learning->model);
  if (!whole) return tl::unexpected(whole.error());
  const std::size_t parameters = layout->parameter_count();
  const std::size_t own_bytes = sets->train->byte_count() + sets->test->byte_count() +
                                shares->size() * kept_state_bytes(config.train, parameters);
  if (auto fits = check_memory(plan, parameters, own_bytes, !options.checkpoint.empty()); !fits) {
    return tl::unexpected(fits.error());
  }
  std::vector<sim::Device> devices;
  for (std::size_t i = 0; i < shares->size(); ++i) {
    auto device = device_of(
        plan, i, daemon::train_round_work(config, whole->parameter_count(), (*shares)[i].size()));
    if (!device) return tl::unexpected(device.error());
    devices.push_back(*device);
  }
  auto learners = make_learners(plan, *std::move(learning), *sets, *std::move(shares));
  if (!learners) return tl::unexpected(learners.error());
  PreparedRun prepared{{}, std::move(learners->trainers), learners->pool};
  prepared.options.devices = std::move(devices);
  prepared.options.initial = [x0 = learners->initial](sim::Position) { return x0; };
  return prepared;
}

// Its devices work as hard as on the model of --model, whose size the energy depends on.
Result<PreparedRun> prepare_quadratic(const SimOptions& options, const SimPlan& plan) {
  const daemon::Config& config = plan.config;
  const std::size_t nodes = config.cluster.nodes.size();
  constexpr data::ImageShape kInput{1, 28, 28};
  constexpr std::uint32_t kOutputs = 10;
  auto model = daemon::trainer_options(config, kInput, kOutputs).model;
  model.file = plan.model_file;
  const auto layout = learn::whole_layout_of(model);
  if (!layout) return tl::unexpected(layout.error());
  if (options.dimension < 1 || options.dimension > kMaxQuadraticDimension) {
    return invalid("--dimension " + std::to_string(options.dimension) + ": must be from 1 to " +
                   std::to_string(kMaxQuadraticDimension));
  }
  if (config.train.lr >= 2) {
    return invalid("--lr: the quadratic trainer diverges from 2 on");
  }
  if (config.train.optimizer != daemon::Optimizer::kSgd) {
    return invalid("train.optimizer: the quadratic trainer knows sgd alone, in closed form");
  }
  if (auto fits = check_memory(plan, 2 * options.dimension, 0, !options.checkpoint.empty());
      !fits) {
    return tl::unexpected(fits.error());
  }
  std::vector<sim::Device> devices;
  const energy::TrainRoundWork work{layout->parameter_count(), config.train.local_steps,
                                    config.train.batch_size};
  for (std::size_t i = 0; i < nodes; ++i) {
    auto device = device_of(plan, i, work);
    if (!device) return tl::unexpected(device.error());
    devices.push_back(*device);
  }
  sim::QuadraticOptions problem;
  problem.nodes = nodes;
  problem.dimension = options.dimension;
  problem.run_seed = config.run.seed;
  problem.local_steps = config.train.local_steps;
  problem.learning_rate = config.train.lr;
  problem.lr_schedule = config.train.lr_schedule;
  problem.lr_schedule.total_rounds = config.run.rounds;
  problem.heterogeneity = options.heterogeneity;
  const ParametersPool pool(options.dimension, idle_buffers(plan));
  PreparedRun prepared{
      {},
      sim::quadratic_trainers(std::make_shared<const sim::QuadraticProblem>(problem), pool),
      pool};
  prepared.options.devices = std::move(devices);
  return prepared;
}

}  // namespace

Result<SimPlan> plan_simulation(const SimOptions& options, const TestbedOptions& run) {
  if (!learns(options) && options.trainer != kQuadraticTrainer) {
    return invalid("--trainer " + options.trainer + ": must be learn or quadratic");
  }
  if (run.nodes < 1 || run.nodes > daemon::kMaxClusterNodes) {
    return invalid("--nodes " + std::to_string(run.nodes) + ": must be from 1 to " +
                   std::to_string(daemon::kMaxClusterNodes));
  }
  // Daemons that are never started, for the configuration that they would have.
  TestbedState never_started;
  never_started.dir = "/nowhere";
  for (std::uint32_t i = 0; i < run.nodes; ++i) {
    never_started.add_node(i).address = "127.0.0.1:" + std::to_string(1 + i);
  }
  auto config = read_node_config(run, never_started, 0, /*with_data=*/learns(options));
  if (!config) return tl::unexpected(without_place(config.error()));
  SimPlan plan;
  plan.config = *std::move(config);
  for (std::size_t i = 0; i < run.nodes; ++i) {
    plan.profiles.push_back(run.profiles.empty() ? std::string(energy::profile_for_position(i).name)
                                                 : run.profiles[i % run.profiles.size()]);
  }
  auto model_file = daemon::load_model_file(plan.config);
  if (!model_file) return tl::unexpected(model_file.error());
  plan.model_file = *std::move(model_file);
  plan.workers = options.workers;
  if (plan.workers < 1 || plan.workers > kMaxSimWorkers) {
    return invalid("--workers " + std::to_string(plan.workers) + ": must be from 1 to " +
                   std::to_string(kMaxSimWorkers));
  }
  return plan;
}

Result<SharedData::Sets> SharedData::load(const daemon::Config& config) {
  if (sets_) return *sets_;
  auto loaded = daemon::load_undealt(config);
  if (!loaded) return tl::unexpected(loaded.error());
  sets_ = Sets{std::make_shared<const data::Dataset>(std::move(loaded->train)),
               std::make_shared<const data::Dataset>(std::move(loaded->test))};
  return *sets_;
}

Result<PreparedRun> prepare(const SimOptions& options, const SimPlan& plan, SharedData& data) {
  auto prepared =
      learns(options) ? prepare_learning(options, plan, data) : prepare_quadratic(options, plan);
  if (!prepared) return prepared;
  if (auto filled = fill_options(options, plan, prepared->options); !filled) {
    return tl::unexpected(filled.error());
  }
  return prepared;
}

}  // namespace skiptrain::ctl
