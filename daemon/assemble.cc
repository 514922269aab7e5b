#include "daemon/assemble.h"

#include <memory>
#include <utility>

#include <spdlog/spdlog.h>

#include "daemon/workload/workload.h"
#include "energy/meters.h"
#include "energy/profile.h"
#include "learn/torch_trainer.h"
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

runtime::DriverOptions driver_options(const Config& config) {
  runtime::DriverOptions options;
  options.node.id = config.node.id;
  for (const auto position :
       config.cluster.graph.neighbours(static_cast<core::Topology::Position>(config.position()))) {
    options.node.neighbours.push_back(config.cluster.nodes[position].id);
  }
  options.node.total_rounds = config.run.rounds;
  options.node.run_seed = config.run.seed;
  options.node.schedule = config.schedule;
  options.node.budget = config.training_budget();
  options.node.fixed_deadline = config.round.deadline;
  options.node.rules = config.round.rules;
  options.node.start_timeout = config.round.start_timeout;
  options.node.evaluate_every = config.round.evaluate_every;
  options.history_limit = config.round.history;
  options.evaluate_samples = config.round.evaluate_samples;
  return options;
}

Result<runtime::Machinery> load_machinery(const Config& config, Incarnation incarnation) {
  auto data = load_share(config);
  if (!data) return tl::unexpected(data.error());
  const std::size_t samples = data->train.size();
  auto options = trainer_options(config, data->train.shape, data->train.classes);
  auto trainer = learn::TorchTrainer::create(std::move(options), std::move(data->train),
                                             std::move(data->test));
  if (!trainer) return tl::unexpected(trainer.error());
  auto initial = initial_parameters(config, (*trainer)->layout(), (*trainer)->initial_parameters());
  if (!initial) return tl::unexpected(initial.error());
  auto meter = energy::make_meter(
      {config.energy.meter, config.energy.meter_root, config.energy.constant_watts});
  if (!meter) return tl::unexpected(meter.error());

  const ParameterLayout& layout = (*trainer)->layout();
  const WattHours energy =
      round_energy(config, train_round_work(config, layout.parameter_count(), samples));
  spdlog::info("loaded {} training samples; {} has {} parameters; {:.6f} Wh per train round as {}",
               samples, config.model.name, layout.parameter_count(), energy.value(),
               config.node.profile);
  runtime::Machinery machinery;
  machinery.transport =
      std::make_unique<transport::GrpcTransport>(transport_config(config, incarnation, layout));
  machinery.trainer = std::move(*trainer);
  machinery.meter = std::move(*meter);
  machinery.ready = {Round(0), *initial, energy};
  return machinery;
}

}  // namespace skiptrain::daemon
