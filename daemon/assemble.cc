#include "daemon/assemble.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <spdlog/spdlog.h>

#include "data/idx_reader.h"
#include "data/partition.h"
#include "energy/meters.h"
#include "energy/profile.h"
#include "learn/torch_trainer.h"
#include "store/safetensors.h"
#include "transport/grpc_transport.h"

namespace skiptrain::daemon {
namespace {

struct NodeData {
  data::Dataset train;
  data::Dataset test;
};

Result<NodeData> load_data(const Config& config) {
  auto partition = data::parse_partition(config.data.partition);
  if (!partition) return tl::unexpected(partition.error());
  const data::LoadOptions share{
      .partition = *partition,
      .seat = {.position = static_cast<std::uint32_t>(config.position()),
               .node_count = static_cast<std::uint32_t>(config.cluster.nodes.size()),
               .seed = config.run.seed},
      .limit = static_cast<std::uint32_t>(config.data.train_limit)};
  auto train = data::load_idx({config.data.train_images, config.data.train_labels}, share);
  if (!train) return tl::unexpected(train.error());
  auto test = data::load_idx({config.data.test_images, config.data.test_labels});
  if (!test) return tl::unexpected(test.error());
  // Both files may lack a class; the model needs one output for each that occurs anywhere.
  const std::uint32_t classes = std::max(train->classes, test->classes);
  train->classes = classes;
  test->classes = classes;
  return NodeData{std::move(*train), std::move(*test)};
}

// The FEMNIST CNN has 62 outputs (digits and letters) also on data with fewer classes, so that it
// is the model of the paper; the others have as many as the data.
std::uint32_t model_outputs(const Config& config, const data::Dataset& train) {
  constexpr std::uint32_t kFemnistClasses = 62;
  if (config.model.classes > 0) return config.model.classes;
  return config.model.name == "femnist-cnn" ? std::max(kFemnistClasses, train.classes)
                                            : train.classes;
}

learn::TrainerOptions trainer_options(const Config& config, const data::Dataset& train) {
  learn::TrainerOptions options;
  options.model.name = config.model.name;
  options.model.hidden.assign(config.model.hidden.begin(), config.model.hidden.end());
  options.model.input = train.shape;
  options.model.classes = model_outputs(config, train);
  options.local_steps = static_cast<std::uint32_t>(config.train.local_steps);
  options.local_epochs = static_cast<std::uint32_t>(config.train.local_epochs);
  options.batch_size = static_cast<std::uint32_t>(config.train.batch_size);
  options.lr = config.train.lr;
  options.momentum = config.train.momentum;
  options.weight_decay = config.train.weight_decay;
  options.keep_optimizer_state = config.train.keep_optimizer_state;
  options.threads = static_cast<std::uint32_t>(config.train.threads);
  options.seed = config.run.seed;
  options.node = config.node.id;
  options.mean = config.data.mean;
  options.std = config.data.std;
  return options;
}

Result<ParametersPtr> initial_parameters(const Config& config, const ports::Trainer& trainer) {
  if (config.model.initial.empty()) return trainer.initial_parameters();
  auto loaded = store::read_safetensors(config.model.initial, &trainer.layout());
  if (!loaded) return tl::unexpected(loaded.error());
  return loaded->parameters;
}

WattHours round_energy(const Config& config, std::size_t parameter_count, std::size_t samples) {
  // local_epochs passes over the share cost as much as the minibatches they consist of.
  const std::uint64_t steps_per_epoch =
      (samples + config.train.batch_size - 1) / config.train.batch_size;
  const std::uint64_t steps = config.train.local_epochs > 0
                                  ? config.train.local_epochs * steps_per_epoch
                                  : config.train.local_steps;
  const auto profile = energy::find_profile(config.node.profile);
  return profile ? energy::train_round_energy(*profile,
                                              {parameter_count, steps, config.train.batch_size})
                 : WattHours(0);
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
  options.node.start_timeout = config.round.start_timeout;
  options.node.evaluate_every = config.round.evaluate_every;
  options.history_limit = config.round.history;
  options.evaluate_samples = config.round.evaluate_samples;
  return options;
}

Result<runtime::Machinery> load_machinery(const Config& config, Incarnation incarnation) {
  auto data = load_data(config);
  if (!data) return tl::unexpected(data.error());
  const std::size_t samples = data->train.size();
  auto options = trainer_options(config, data->train);
  auto trainer = learn::TorchTrainer::create(std::move(options), std::move(data->train),
                                             std::move(data->test));
  if (!trainer) return tl::unexpected(trainer.error());
  auto initial = initial_parameters(config, **trainer);
  if (!initial) return tl::unexpected(initial.error());
  auto meter = energy::make_meter(
      {config.energy.meter, config.energy.meter_root, config.energy.constant_watts});
  if (!meter) return tl::unexpected(meter.error());

  const ParameterLayout& layout = (*trainer)->layout();
  const WattHours energy = round_energy(config, layout.parameter_count(), samples);
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
