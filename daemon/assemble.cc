#include "daemon/assemble.h"

#include <memory>
#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/workload/workload.h"
#include "energy/meters.h"
#include "energy/profile.h"
#include "learn/torch_trainer.h"
#include "store/files.h"
#include "store/safetensors.h"
#include "transport/grpc_transport.h"

namespace skiptrain::daemon {
namespace {

WattHours round_energy(const Config& config, const energy::TrainRoundWork& work) {
  const auto profile = energy::find_profile(config.node.profile);
  return profile ? energy::train_round_energy(*profile, work) : WattHours(0);
}

transport::TransportConfig transport_config(const Config& config, Incarnation incarnation,
                                            const ParameterLayout& layout) {
  transport::TransportConfig result;
  result.cluster_id = config.cluster.id;
  result.self = config.node.id;
  result.name = config.node.name;
  result.incarnation = incarnation;
  result.run_id = config.run.id;
  result.run_fingerprint = run_fingerprint(config);
  result.layout_fingerprint = layout.fingerprint();
  result.parameter_count = layout.parameter_count();
  result.listen = config.node.listen;
  const auto& nodes = config.cluster.nodes;
  for (const auto position :
       config.cluster.graph.neighbours(static_cast<core::Topology::Position>(config.position()))) {
    result.peers.push_back({nodes[position].id, nodes[position].name, nodes[position].address});
  }
  result.chunk_bytes = config.transport.chunk_bytes;
  result.keepalive = config.transport.keepalive;
  result.reconnect_max = config.transport.reconnect_max;
  return result;
}

}  // namespace

runtime::DriverOptions driver_options(const Config& config, const store::RecoveredRun& run) {
  runtime::DriverOptions options;
  options.node.id = config.node.id;
  for (const auto position :
       config.cluster.graph.neighbours(static_cast<core::Topology::Position>(config.position()))) {
    options.node.neighbours.push_back(config.cluster.nodes[position].id);
  }
  options.node.total_rounds = config.run.rounds;
  options.node.run_seed = config.run.seed;
  options.node.schedule = config.schedule;
  options.node.budget = run.budget;
  options.node.energy_spent = run.spent;
  options.node.train_rounds = run.train_rounds;
  options.node.forfeited = run.forfeited;
  options.node.fixed_deadline = config.round.deadline;
  options.node.start_timeout = config.round.start_timeout;
  options.node.evaluate_every = config.round.evaluate_every;
  options.history_limit = config.round.history;
  options.evaluate_samples = config.round.evaluate_samples;
  return options;
}

Result<OpenedState> open_state(const Config& config, const std::string& folder,
                               Incarnation last_incarnation) {
  auto store =
      store::StateStore::open(store::real_files(), {.folder = folder,
                                                    .node = config.node.id,
                                                    .cluster_id = config.cluster.id,
                                                    .last_incarnation = last_incarnation,
                                                    .history_limit = config.round.history});
  if (!store) return tl::unexpected(store.error());
  auto run = (*store)->open_run({config.run.id, run_fingerprint(config), config.training_budget()});
  if (!run) return tl::unexpected(run.error());
  return OpenedState{std::move(*store), std::move(*run)};
}

namespace {

// Where the run goes on, or begins.
Status load_model(const Config& config, const std::string& from_checkpoint,
                  const learn::TorchTrainer& trainer, store::StateStore& store,
                  runtime::Machinery& machinery) {
  auto recovered = store.load_model(trainer.layout());
  if (!recovered) return tl::unexpected(recovered.error());
  if (*recovered) {
    for (const std::string& warning : (*recovered)->warnings) {
      spdlog::warn("{}; going on from the checkpoint before it", warning);
    }
    spdlog::info("resuming run {} at round {} from {}", config.run.id, (*recovered)->round.value(),
                 (*recovered)->path);
    machinery.ready.round = (*recovered)->round;
    machinery.ready.parameters = (*recovered)->parameters;
    machinery.durable.resumed_from = {(*recovered)->round, (*recovered)->path};
    machinery.durable.rounds = std::move((*recovered)->rounds);
    return {};
  }
  if (!from_checkpoint.empty()) {
    auto file = store::read_safetensors(from_checkpoint, &trainer.layout());
    if (!file) return tl::unexpected(file.error());
    machinery.ready.parameters = file->parameters;
    spdlog::info("beginning run {} at round 0 from {}", config.run.id, from_checkpoint);
    return {};
  }
  auto initial = initial_parameters(config, trainer.layout(), trainer.initial_parameters());
  if (!initial) return tl::unexpected(initial.error());
  machinery.ready.parameters = *initial;
  return {};
}

}  // namespace

Result<runtime::Machinery> load_machinery(const Config& config,
                                          std::unique_ptr<store::StateStore> store,
                                          const std::string& from_checkpoint) {
  const Incarnation incarnation = store->incarnation();
  auto data = load_share(config);
  if (!data) return tl::unexpected(data.error());
  const std::size_t samples = data->train.size();
  auto options = trainer_options(config, data->train.shape, data->train.classes);
  auto trainer = learn::TorchTrainer::create(std::move(options), std::move(data->train),
                                             std::move(data->test));
  if (!trainer) return tl::unexpected(trainer.error());
  runtime::Machinery machinery;
  if (Status loaded = load_model(config, from_checkpoint, **trainer, *store, machinery); !loaded) {
    return tl::unexpected(loaded.error());
  }
  auto meter = energy::make_meter(
      {config.energy.meter, config.energy.meter_root, config.energy.constant_watts});
  if (!meter) return tl::unexpected(meter.error());

  const ParameterLayout& layout = (*trainer)->layout();
  const WattHours energy =
      round_energy(config, train_round_work(config, layout.parameter_count(), samples));
  spdlog::info("loaded {} training samples; {} has {} parameters; {:.6f} Wh per train round as {}",
               samples, config.model.name, layout.parameter_count(), energy.value(),
               config.node.profile);
  machinery.transport =
      std::make_unique<transport::GrpcTransport>(transport_config(config, incarnation, layout));
  machinery.trainer = std::move(*trainer);
  machinery.meter = std::move(*meter);
  machinery.ready.energy_per_train_round = energy;
  machinery.durable.store = std::move(store);
  machinery.durable.checkpoint_interval = config.store.checkpoint_interval;
  return machinery;
}

}  // namespace skiptrain::daemon
