#include "daemon/control_service.h"

#include <algorithm>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/stubs/common.h>
#include <grpcpp/grpcpp.h>

#include "base/version.h"
#include "daemon/control_convert.h"
#include "daemon/control_status.h"
#include "daemon/logging/logging.h"
#include "daemon/metrics/process_usage.h"
#include "learn/library.h"
#include "store/safetensors.h"
#include "wire/limits.h"

namespace skiptrain::daemon {
namespace {

// Of an exported model in one message; well below gRPC's default limit of 4 MiB on the other side.
constexpr std::size_t kExportPieceBytes = std::size_t{1} << 20;
// How often a followed stream looks whether its client is still there.
constexpr Duration kFollowPatience = std::chrono::milliseconds(250);

Error warming_up() {
  return {ErrorCode::kPreconditionFailed,
          "the node is warming up: its data and model are still being loaded"};
}

Status still_running(const core::Node& node) {
  const core::Phase phase = node.phase();
  if (phase == core::Phase::kFinished || phase == core::Phase::kStopped) {
    return fail(ErrorCode::kPreconditionFailed,
                "the run has ended here, at round " + to_string(node.round()));
  }
  if (phase == core::Phase::kFailed) {
    return fail(ErrorCode::kPreconditionFailed, "the node has failed: " + node.failure());
  }
  return {};
}

// A pause of the whole run is not one node's to end.
Status may_resume(const core::Node& node) {
  if (auto running = still_running(node); !running) return running;
  if (node.directives().run_order_at(node.round()) == core::RunOrder::kPause) {
    return fail(ErrorCode::kPreconditionFailed,
                "the whole run is paused by a directive; skipctl run resume ends that");
  }
  return {};
}

Status always(const core::Node&) {
  return {};
}

Result<std::string> encode_model(const ports::Trainer& trainer, const ModelUpdate& state,
                                 const std::string& run_id, v1::ModelFormat format) {
  if (format == v1::MODEL_FORMAT_TORCHSCRIPT) return trainer.torchscript(state.parameters);
  const NamedParameters whole = trainer.whole_model(state.parameters);
  return store::encode_safetensors(whole.layout, std::as_const(*whole.values).values(),
                                   {.round = state.round, .run_id = run_id, .extra = {}});
}

}  // namespace

ControlService::ControlService(const Config& config, Incarnation incarnation,
                               runtime::Driver& driver, std::shared_ptr<discovery::Keyring> keyring,
                               Actions actions)
    : config_(config),
      incarnation_(incarnation),
      driver_(driver),
      keyring_(std::move(keyring)),
      actions_(std::move(actions)) {}

grpc::Status ControlService::GetVersion(grpc::ServerContext*, const v1::GetVersionRequest*,
                                        v1::GetVersionResponse* response) {
  response->set_version(kVersion);
  response->set_protocol_version(wire::kProtocolVersion);
  response->set_node_id(config_.node.id.value());
  const auto add = [response](const char* name, std::string version) {
    auto* library = response->add_libraries();
    library->set_name(name);
    library->set_version(std::move(version));
  };
  add("libtorch", learn::torch_version());
  add("grpc", grpc::Version());
  add("protobuf", google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION));
  return grpc::Status::OK;
}

void ControlService::fill_from_node(const core::Node& node, v1::GetStatusResponse& response) const {
  const Instant now = runtime::Driver::now();
  response.set_phase(to_message(node.phase()));
  response.set_round(node.round().value());
  response.set_total_rounds(node.options().total_rounds);
  *response.mutable_schedule() = to_message(node.schedule(), node.round());
  response.set_train_rounds(node.train_rounds());
  response.set_energy_spent_wh(node.energy().spent().value());
  if (const auto budget = node.energy().budget()) response.set_budget_wh(budget->value());
  response.set_neighbours(static_cast<std::uint32_t>(node.neighbours().linked().size()));
  response.set_neighbours_connected(
      static_cast<std::uint32_t>(node.neighbours().connected().size()));
  if (const auto waiting = node.waiting()) {
    for (const NodeId neighbour : waiting->neighbours) {
      auto* entry = response.add_waiting_for();
      entry->set_node_id(neighbour.value());
      entry->set_seconds(to_seconds(now - waiting->since));
    }
    // An asynchronous round waits for nobody, so there is nobody to give up.
    if (waiting->until && node.options().rules.mode != core::RoundMode::kAsync) {
      response.set_gives_up_in_seconds(std::max(0.0, to_seconds(*waiting->until - now)));
    }
  }
  if (const auto parameters = node.committed_state().parameters) {
    response.set_parameter_count(parameters->size());
  }
  response.set_failure(node.failure());
  response.set_updates_held(static_cast<std::uint32_t>(node.updates_held()));
  response.set_pause_requested(node.pause_requested());
  response.set_stop_requested(node.stop_requested());
  *response.mutable_updates() =
      to_message(node.update_counters(), node.updates_rejected(), node.updates_missed());
}

grpc::Status ControlService::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                       v1::GetStatusResponse* response) {
  driver_.inspect([&](const core::Node& node) {
    fill_from_node(node, *response);
    return 0;
  });
  for (auto& waiting : *response->mutable_waiting_for()) {
    waiting.set_node_name(name_of(NodeId(waiting.node_id())));
  }
  response->set_node_id(config_.node.id.value());
  response->set_node_name(config_.node.name);
  response->set_run_id(config_.run.id);
  response->set_cluster_id(config_.cluster.id);
  response->set_profile(config_.node.profile);
  response->set_model(config_.model.label());
  response->set_compression(to_string(config_.exchange.compression));
  response->set_address(config_.self().address);
  response->set_incarnation(incarnation_.value());
  response->set_last_loss(driver_.last_loss());
  response->set_consensus_distance(driver_.last_distance());
  if (const auto evaluated = driver_.last_evaluation()) {
    *response->mutable_last_evaluation() = to_message(*evaluated);
    // Of thousands of classes too much for what is asked for several times a second.
    response->mutable_last_evaluation()->clear_per_class();
  }
  if (const auto report = driver_.store_report()) fill_from_store(*report, *response);
  const auto uptime = std::chrono::steady_clock::now() - started_;
  response->set_uptime_seconds(std::chrono::duration<double>(uptime).count());
  response->set_median_round_seconds(to_seconds(driver_.history().median_round_time()));
  response->set_resident_bytes(resident_bytes().value_or(0));
  *response->mutable_rounds_done() = to_message(driver_.history().totals());
  response->set_metrics_address(metrics_address_);
  if (const auto transport = driver_.transport()) {
    // Of an address to be listened on at any free port it knows which.
    if (config_.node.listen == config_.self().address) response->set_address(transport->address());
    std::uint64_t rejected = response->updates().rejected();
    for (const ports::LinkReport& link : transport->links()) {
      response->set_bytes_sent(response->bytes_sent() + link.bytes_sent);
      response->set_bytes_received(response->bytes_received() + link.bytes_received);
      response->set_update_bytes_sent(response->update_bytes_sent() + link.update_bytes_sent);
      response->set_plain_update_bytes_sent(response->plain_update_bytes_sent() +
                                            link.plain_update_bytes_sent);
      rejected += link.updates_rejected;
    }
    response->mutable_updates()->set_rejected(rejected);
  }
  return grpc::Status::OK;
}

grpc::Status ControlService::ListPeers(grpc::ServerContext*, const v1::ListPeersRequest*,
                                       v1::ListPeersResponse* response) {
  const auto neighbours =
      driver_.inspect([](const core::Node& node) { return node.neighbours().all(); });
  std::map<NodeId, ports::LinkReport> links;
  if (const auto transport = driver_.transport()) {
    for (ports::LinkReport& link : transport->links()) links[link.peer] = std::move(link);
  }
  for (const auto& [id, neighbour] : neighbours) {
    const ports::LinkReport& link = links[id];
    auto* entry = response->add_neighbours();
    entry->set_node_id(id.value());
    entry->set_node_name(name_of(id));
    entry->set_address(link.address);
    entry->set_link(to_message(link.state));
    entry->set_activity(neighbour.ever_connected ? to_message(neighbour.activity)
                                                 : v1::ACTIVITY_UNSPECIFIED);
    entry->set_round(neighbour.round.value());
    entry->set_degree(neighbour.degree);
    entry->set_weight(neighbour.last_weight);
    entry->set_bytes_sent(link.bytes_sent);
    entry->set_bytes_received(link.bytes_received);
    entry->set_update_bytes_sent(link.update_bytes_sent);
    entry->set_plain_update_bytes_sent(link.plain_update_bytes_sent);
    entry->set_updates_received(link.updates_received);
    entry->set_updates_late(neighbour.late);
    entry->set_updates_missed(neighbour.missed);
    entry->set_updates_rejected(link.updates_rejected);
    entry->set_updates_dropped(link.updates_dropped);
    entry->set_reconnects(link.reconnects);
    entry->set_last_heard_seconds(link.last_heard_seconds);
    entry->set_last_error(link.last_error);
    entry->set_dialled_by_us(link.dialled_by_us);
    entry->set_incarnation(link.incarnation.value());
    entry->set_straggler(neighbour.patience.is_straggler());
  }
  return grpc::Status::OK;
}

grpc::Status ControlService::ListRounds(grpc::ServerContext* context,
                                        const v1::ListRoundsRequest* request,
                                        grpc::ServerWriter<v1::RoundRecord>* writer) {
  auto entries = driver_.history().newest(request->last());
  std::uint64_t serial = 0;
  for (;;) {
    for (const runtime::RoundEntry& entry : entries) {
      if (!writer->Write(to_message(entry))) return grpc::Status::OK;
      serial = entry.serial;
    }
    if (!request->follow() || context->IsCancelled() || driver_.history().closed()) {
      return grpc::Status::OK;
    }
    entries = driver_.history().wait_for_after(serial, kFollowPatience);
  }
}

grpc::Status ControlService::GetEnergy(grpc::ServerContext*, const v1::GetEnergyRequest*,
                                       v1::GetEnergyResponse* response) {
  *response = driver_.inspect([](const core::Node& node) { return energy_message(node); });
  response->set_profile(config_.node.profile);
  response->set_source(std::string(to_string(config_.energy.meter)));
  return grpc::Status::OK;
}

grpc::Status ControlService::GetSchedule(grpc::ServerContext*, const v1::GetScheduleRequest*,
                                         v1::GetScheduleResponse* response) {
  driver_.inspect([response](const core::Node& node) {
    const Round end(node.options().total_rounds);
    *response->mutable_current() = to_message(node.schedule(), node.round());
    if (const auto* next = node.directives().next_after(core::Schedule{}, node.round())) {
      *response->mutable_pending() =
          to_message(std::get<core::Schedule>(next->order), next->effective);
    }
    response->set_round(node.round().value());
    response->set_total_rounds(end.value());
    response->set_train_slots_total(node.schedule().train_slots(Round(0), end));
    response->set_train_slots_left(node.schedule().train_slots(node.round(), end));
    if (core::is_probabilistic(node.schedule().policy)) {
      response->set_train_probability(node.policy().train_probability(node.round(), node.energy()));
    }
    return 0;
  });
  return grpc::Status::OK;
}

grpc::Status ControlService::Pause(grpc::ServerContext*, const v1::PauseRequest*,
                                   v1::PauseResponse* response) {
  const auto round = driver_.request(core::PauseRequested{}, still_running,
                                     [](const core::Node& node) { return node.round(); });
  if (!round) return to_grpc(round.error());
  response->set_after_round(round->value());
  return grpc::Status::OK;
}

grpc::Status ControlService::Resume(grpc::ServerContext*, const v1::ResumeRequest*,
                                    v1::ResumeResponse* response) {
  const auto round = driver_.request(core::ResumeRequested{}, may_resume,
                                     [](const core::Node& node) { return node.round(); });
  if (!round) return to_grpc(round.error());
  response->set_round(round->value());
  return grpc::Status::OK;
}

grpc::Status ControlService::Stop(grpc::ServerContext*, const v1::StopRequest*,
                                  v1::StopResponse* response) {
  const auto round = driver_.request(core::StopRequested{}, still_running,
                                     [](const core::Node& node) { return node.round(); });
  if (!round) return to_grpc(round.error());
  response->set_after_round(round->value());
  return grpc::Status::OK;
}

grpc::Status ControlService::SetBudget(grpc::ServerContext*, const v1::SetBudgetRequest* request,
                                       v1::SetBudgetResponse* response) {
  core::BudgetRequested event;
  if (request->has_budget_wh()) {
    if (!(request->budget_wh() >= 0)) {
      return to_grpc({ErrorCode::kInvalidArgument, "budget_wh must be 0 or more"});
    }
    event.budget = WattHours(request->budget_wh());
  }
  const auto energy = driver_.request(event, always, energy_message);
  *response->mutable_energy() = *energy;
  return grpc::Status::OK;
}

grpc::Status ControlService::Evaluate(grpc::ServerContext* context,
                                      const v1::EvaluateRequest* request,
                                      v1::EvaluateResponse* response) {
  auto result = driver_.evaluate(request->max_samples());
  if (result.wait_until(context->deadline()) == std::future_status::timeout) {
    return to_grpc({ErrorCode::kTimeout, "the node is busy training; the evaluation waits for it"});
  }
  const auto evaluated = result.get();
  if (!evaluated) return to_grpc(evaluated.error());
  *response = to_message(*evaluated);
  return grpc::Status::OK;
}

grpc::Status ControlService::ExportModel(grpc::ServerContext*,
                                         const v1::ExportModelRequest* request,
                                         grpc::ServerWriter<v1::ExportModelResponse>* writer) {
  if (request->format() != v1::MODEL_FORMAT_SAFETENSORS &&
      request->format() != v1::MODEL_FORMAT_TORCHSCRIPT) {
    return to_grpc({ErrorCode::kInvalidArgument, "the formats are safetensors and torchscript"});
  }
  const auto trainer = driver_.trainer();
  const ModelUpdate state =
      driver_.inspect([](const core::Node& node) { return node.committed_state(); });
  if (!trainer || !state.parameters) return to_grpc(warming_up());
  const auto file = encode_model(*trainer, state, config_.run.id, request->format());
  if (!file) return to_grpc(file.error());
  for (std::size_t at = 0; at < file->size(); at += kExportPieceBytes) {
    v1::ExportModelResponse piece;
    piece.set_round(state.round.value());
    piece.set_total_bytes(file->size());
    piece.set_data(file->substr(at, kExportPieceBytes));
    if (!writer->Write(piece)) break;
  }
  return grpc::Status::OK;
}

grpc::Status ControlService::Checkpoint(grpc::ServerContext* context, const v1::CheckpointRequest*,
                                        v1::CheckpointResponse* response) {
  auto result = driver_.checkpoint();
  if (result.wait_until(context->deadline()) == std::future_status::timeout) {
    return to_grpc({ErrorCode::kTimeout, "the checkpoint is still being written"});
  }
  const auto written = result.get();
  if (!written) return to_grpc(written.error());
  response->set_round(written->round.value());
  response->set_path(written->path);
  return grpc::Status::OK;
}

grpc::Status ControlService::SetLogLevel(grpc::ServerContext*,
                                         const v1::SetLogLevelRequest* request,
                                         v1::SetLogLevelResponse* response) {
  const auto level = parse_log_level(request->level());
  if (!level) return to_grpc(level.error());
  response->set_previous(std::string(to_string(log_level())));
  set_log_level(*level);
  return grpc::Status::OK;
}

grpc::Status ControlService::Shutdown(grpc::ServerContext*, const v1::ShutdownRequest*,
                                      v1::ShutdownResponse*) {
  actions_.shutdown();
  return grpc::Status::OK;
}

}  // namespace skiptrain::daemon
