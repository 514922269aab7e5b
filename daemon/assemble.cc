#include "daemon/assemble.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/check.h"
#include "base/fingerprint.h"
#include "base/rng.h"
#include "core/topology/topology_spec.h"
#include "daemon/workload/workload.h"
#include "discovery/gossip_network.h"
#include "energy/meters.h"
#include "energy/profile.h"
#include "learn/torch_trainer.h"
#include "store/atomic_file.h"
#include "store/files.h"
#include "transport/grpc_transport.h"

namespace skiptrain::daemon {
namespace {

WattHours round_energy(const Config& config, const energy::TrainRoundWork& work) {
  const auto profile = energy::find_profile(config.node.profile);
  return profile ? energy::train_round_energy(*profile, work) : WattHours(0);
}

// What of the model is neither trained nor exchanged.
NamedParameters frozen_part(const learn::TorchTrainer& trainer) {
  std::set<std::string> exchanged;
  for (const TensorSpec& tensor : trainer.layout().tensors()) exchanged.insert(tensor.name);
  return filter_parameters(trainer.whole_model(trainer.initial_parameters()),
                           [&](const std::string& name) { return !exchanged.contains(name); });
}

// Of what two nodes must have in common to mix: names and shapes, code, frozen parameters.
Fingerprint model_fingerprint(const learn::TorchTrainer& trainer,
                              const learn::ScriptFilePtr& model_file) {
  const Fingerprint layout = trainer.layout().fingerprint();
  const NamedParameters frozen = frozen_part(trainer);
  if (!model_file && frozen.layout.tensors().empty()) return layout;
  Fingerprinter hash;
  hash.add(layout.value());
  if (model_file) hash.add(model_file->digest.value());
  const std::span<const std::byte> values = std::as_const(*frozen.values).bytes();
  hash.add(frozen.layout.fingerprint().value());
  hash.add(std::string_view(reinterpret_cast<const char*>(values.data()), values.size()));
  return hash.finish();
}

transport::TransportConfig transport_config(const Config& config, Incarnation incarnation,
                                            const learn::TorchTrainer& trainer,
                                            const learn::ScriptFilePtr& model_file) {
  transport::TransportConfig result;
  result.cluster_id = config.cluster.id;
  result.self = config.node.id;
  result.name = config.node.name;
  result.incarnation = incarnation;
  result.run_id = config.run.id;
  result.run_fingerprint = run_fingerprint(config, digest_of(model_file));
  result.layout_fingerprint = model_fingerprint(trainer, model_file);
  result.parameter_count = trainer.layout().parameter_count();
  result.compression = config.exchange.compression;
  result.listen = config.node.listen;
  result.peers_come_and_go = config.membership.enabled;
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

core::TopologySpec topology_of(const Config& config) {
  auto spec = core::parse_topology_spec(config.cluster.topology);
  SKIPTRAIN_CHECK(spec.has_value(), "a loaded config names a topology");
  return *std::move(spec);
}

std::string port_of(const std::string& address) {
  return address.substr(address.rfind(':'));
}

core::MemberInfo member_info(const Config& config, std::uint64_t samples) {
  core::MemberInfo info;
  info.name = config.node.name;
  info.peer_address = config.node.address;
  const std::string& address = config.node.address;
  info.gossip_address = address.substr(0, address.rfind(':')) + port_of(config.membership.listen);
  const std::string control = "unix:" + config.control.socket.string();
  if (control.size() <= core::kMaxMemberAddressBytes) info.control = control;
  info.profile = config.node.profile;
  info.data_samples = samples;
  for (const std::string& tag : config.membership.tags) {
    const std::size_t equals = tag.find('=');
    info.tags.emplace_back(tag.substr(0, equals), tag.substr(equals + 1));
  }
  std::ranges::sort(info.tags);
  return info;
}

runtime::ClusterMachinery cluster_machinery(const Config& config, Incarnation incarnation,
                                            std::uint64_t samples,
                                            std::shared_ptr<const discovery::Keyring> keyring,
                                            std::shared_ptr<ports::GossipCall> calls) {
  runtime::ClusterMachinery machinery;
  discovery::GossipNetworkOptions network;
  network.udp.bind_address = config.membership.listen;
  network.join = config.membership.join;
  if (!config.membership.multicast.empty()) {
    network.multicast.emplace();
    network.multicast->group = config.membership.multicast;
    network.multicast->interface = config.membership.multicast_interface;
  }
  machinery.gossip = std::make_unique<discovery::GossipNetwork>(
      std::move(network), discovery::Identity{config.cluster.id, config.node.id, incarnation},
      std::move(keyring), std::move(calls));
  machinery.membership.id = config.node.id;
  machinery.membership.incarnation = incarnation;
  machinery.membership.info = member_info(config, samples);
  machinery.membership.timing = core::timing_of(config.membership.network);
  machinery.membership.seed =
      derive_seed({config.run.seed, config.node.id.value(), incarnation.value()});
  machinery.membership.join_attempts = static_cast<unsigned>(config.membership.join_attempts);
  machinery.expect = config.membership.expect;
  const core::TopologySpec spec = topology_of(config);
  if (spec.kind != core::TopologySpec::Kind::kEpidemic) {
    auto topology = core::LivingTopology::create(spec, config.cluster.topology_seed);
    SKIPTRAIN_CHECK(topology.has_value(), "a loaded config names a topology of the living");
    machinery.topology = *std::move(topology);
  }
  return machinery;
}

}  // namespace

Result<std::shared_ptr<discovery::Keyring>> load_keyring(const Config& config) {
  if (!config.membership.enabled) return std::shared_ptr<discovery::Keyring>();
  const std::string file = config.membership.keyring.string();
  auto keys = discovery::read_key_file(file);
  if (!keys) {
    std::string message = "membership.keyring: " + keys.error().message;
    if (keys.error().code == ErrorCode::kNotFound) {
      message += "; skipctl keyring generate " + file +
                 " makes one, and every node of the cluster needs the same";
    }
    return fail(keys.error().code, std::move(message));
  }
  store::delete_leftovers(file);  // they hold keys that may have been removed since
  return std::make_shared<discovery::Keyring>(*std::move(keys), [file](const std::string& content) {
    return store::replace_file(file, content);
  });
}

runtime::DriverOptions driver_options(const Config& config, const store::RecoveredRun& run) {
  runtime::DriverOptions options;
  options.node.id = config.node.id;
  for (const auto position :
       config.cluster.graph.neighbours(static_cast<core::Topology::Position>(config.position()))) {
    options.node.neighbours.push_back(config.cluster.nodes[position].id);
  }
  options.node.nodes_come_and_go = config.membership.enabled;
  if (const auto spec = topology_of(config); spec.kind == core::TopologySpec::Kind::kEpidemic) {
    options.node.epidemic = core::EpidemicOptions{spec.parameter, config.cluster.topology_seed};
  }
  options.node.total_rounds = config.run.rounds;
  options.node.run_seed = config.run.seed;
  options.node.schedule = config.schedule;
  options.node.budget = run.budget;
  options.node.energy_spent = run.spent;
  options.node.train_rounds = run.train_rounds;
  options.node.forfeited = run.forfeited;
  options.node.directives = run.directives;
  options.node.fixed_deadline = config.round.deadline;
  options.node.rules = config.round.rules;
  options.node.start_timeout = config.round.start_timeout;
  options.node.evaluate_every = config.round.evaluate_every;
  options.history_limit = config.round.history;
  options.evaluate_samples = config.round.evaluate_samples;
  options.compression = config.exchange.compression;
  return options;
}

namespace {

// Seconds since 1970, or 0 on a device whose clock was never set.
std::uint64_t clock_seconds() {
  constexpr std::uint64_t kFirstSane = 1'700'000'000;  // 2023
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
  return seconds >= kFirstSane ? seconds : 0;
}

}  // namespace

Result<OpenedState> open_state(const Config& config, const learn::ScriptFilePtr& model_file,
                               const std::string& folder, Incarnation last_incarnation) {
  // Members drop what an earlier start of a node seems to say. So that a node which lost its state
  // is heard again, starts are counted from the clock where nodes remember each other.
  if (config.membership.enabled) {
    last_incarnation = std::max(last_incarnation, Incarnation(clock_seconds()));
  }
  auto store =
      store::StateStore::open(store::real_files(), {.folder = folder,
                                                    .node = config.node.id,
                                                    .cluster_id = config.cluster.id,
                                                    .last_incarnation = last_incarnation,
                                                    .history_limit = config.round.history});
  if (!store) return tl::unexpected(store.error());
  auto run = (*store)->open_run(
      {config.run.id, run_fingerprint(config, digest_of(model_file)), config.training_budget()});
  if (!run) return tl::unexpected(run.error());
  return OpenedState{std::move(*store), std::move(*run)};
}

namespace {

// What a run that begins takes from `file`. Its frozen parameters may be left out, as our own
// checkpoints do; if they are there, they must be what this node has, or they would be forgotten
// when it starts again.
Result<ParametersPtr> parameters_in(const std::string& file, const learn::TorchTrainer& trainer) {
  const auto found = read_model(file);
  if (!found) return tl::unexpected(found.error());
  const NamedParameters frozen = frozen_part(trainer);
  const ParameterLayout whole = trainer.whole_model(trainer.initial_parameters()).layout;
  auto all = select_parameters(*found, whole, file, &frozen);
  if (!all) return tl::unexpected(all.error());
  std::set<std::string> exchanged;
  for (const TensorSpec& tensor : trainer.layout().tensors()) exchanged.insert(tensor.name);
  const NamedParameters taken{whole, *std::move(all)};
  const NamedParameters others =
      filter_parameters(taken, [&](const std::string& name) { return !exchanged.contains(name); });
  if (!std::ranges::equal(std::as_const(*others.values).values(),
                          std::as_const(*frozen.values).values())) {
    return fail(ErrorCode::kMismatch,
                file +
                    ": its frozen parameters are not those of this node: name the file as "
                    "model.initial, so that they come from it at every start");
  }
  return filter_parameters(taken, [&](const std::string& name) { return exchanged.contains(name); })
      .values;
}

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
    auto parameters = parameters_in(from_checkpoint, trainer);
    if (!parameters) return tl::unexpected(parameters.error());
    machinery.ready.parameters = *std::move(parameters);
    spdlog::info("beginning run {} at round 0 from {}", config.run.id, from_checkpoint);
    return {};
  }
  machinery.ready.parameters = trainer.initial_parameters();
  return {};
}

}  // namespace

Result<runtime::Machinery> load_machinery(const Config& config,
                                          std::unique_ptr<store::StateStore> store,
                                          const ModelSource& source,
                                          std::shared_ptr<const discovery::Keyring> keyring) {
  const Incarnation incarnation = store->incarnation();
  auto data = load_share(config);
  if (!data) return tl::unexpected(data.error());
  const std::size_t samples = data->train.size();
  // A run under way needs model.initial only for what it does not exchange, as it has the rest.
  const bool needs_initial = (!source.resumes && source.from_checkpoint.empty()) ||
                             source.file != nullptr || !config.model.frozen.empty();
  auto options = with_model_files(
      config, trainer_options(config, data->train.shape, data->train.output_count()), source.file,
      needs_initial);
  if (!options) return tl::unexpected(options.error());
  auto trainer = learn::TorchTrainer::create(*std::move(options), std::move(data->train),
                                             std::move(data->test));
  if (!trainer) return tl::unexpected(trainer.error());
  if (config.train.device != Device::kCpu) {
    spdlog::info("train.device = \"{}\": training on {}", to_string(config.train.device),
                 learn::describe((*trainer)->place()));
  }
  runtime::Machinery machinery;
  if (Status loaded = load_model(config, source.from_checkpoint, **trainer, *store, machinery);
      !loaded) {
    return tl::unexpected(loaded.error());
  }
  auto meter = energy::make_meter(
      {config.energy.meter, config.energy.meter_root, config.energy.constant_watts});
  if (!meter) return tl::unexpected(meter.error());

  // Frozen parameters are computed with, too.
  const std::size_t parameters =
      (*trainer)->whole_model((*trainer)->initial_parameters()).layout.parameter_count();
  const WattHours energy = round_energy(config, train_round_work(config, parameters, samples));
  spdlog::info(
      "loaded {} training samples; {} has {} parameters, {} of them exchanged; {:.6f} Wh per train "
      "round as {}",
      samples, config.model.label(), parameters, (*trainer)->layout().parameter_count(),
      energy.value(), config.node.profile);
  auto transport = std::make_shared<transport::GrpcTransport>(
      transport_config(config, incarnation, **trainer, source.file));
  if (keyring) {
    machinery.cluster =
        cluster_machinery(config, incarnation, samples, std::move(keyring), transport);
  }
  machinery.transport = std::move(transport);
  machinery.trainer = std::move(*trainer);
  machinery.meter = std::move(*meter);
  machinery.ready.energy_per_train_round = energy;
  machinery.durable.store = std::move(store);
  machinery.durable.checkpoint_interval = config.store.checkpoint_interval;
  return machinery;
}

}  // namespace skiptrain::daemon
