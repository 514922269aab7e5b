// The Control service: each RPC decodes, asks the driver, and replies. It answers from the first
// moment on; what needs the model fails with FAILED_PRECONDITION while the node warms up.
//
// Thread-safe: gRPC calls it from several threads, the driver brings order.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/ids.h"
#include "daemon/config/config.h"
#include "daemon/metrics/page.h"
#include "discovery/keyring.h"
#include "runtime/driver.h"
#include "skiptrain/v1/control.grpc.pb.h"

namespace skiptrain::daemon {

class ControlService final : public v1::Control::Service {
 public:
  struct Actions {
    std::function<void()> shutdown;  // ends the daemon as SIGTERM does; returns at once
    std::function<void()> leave;     // ends it after it has left run and cluster; returns at once
  };

  // Keeps references to both for its lifetime. `keyring` is null where nodes are listed.
  ControlService(const Config& config, Incarnation incarnation, runtime::Driver& driver,
                 std::shared_ptr<discovery::Keyring> keyring, Actions actions);

  // From now on the status names where metrics are served. Before the first call.
  void set_metrics_address(std::string address) { metrics_address_ = std::move(address); }
  // From now on GetConfig tells these settings, which a reload has brought into force.
  void set_config_in_force(Config config);
  // What a scrape shows, gathered as for the RPCs; `process` is left empty. Must not be called on
  // the driver's thread.
  NodeReport node_report();

  grpc::Status GetVersion(grpc::ServerContext*, const v1::GetVersionRequest*,
                          v1::GetVersionResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override;
  grpc::Status GetConfig(grpc::ServerContext* context, const v1::GetConfigRequest* request,
                         v1::GetConfigResponse* response) override;
  grpc::Status ListLogLines(grpc::ServerContext* context, const v1::ListLogLinesRequest* request,
                            grpc::ServerWriter<v1::LogLine>* writer) override;
  grpc::Status GetMetrics(grpc::ServerContext* context, const v1::GetMetricsRequest* request,
                          v1::GetMetricsResponse* response) override;
  grpc::Status ListPeers(grpc::ServerContext*, const v1::ListPeersRequest*,
                         v1::ListPeersResponse* response) override;
  grpc::Status ListRounds(grpc::ServerContext* context, const v1::ListRoundsRequest* request,
                          grpc::ServerWriter<v1::RoundRecord>* writer) override;
  grpc::Status GetEnergy(grpc::ServerContext*, const v1::GetEnergyRequest*,
                         v1::GetEnergyResponse* response) override;
  grpc::Status GetTopology(grpc::ServerContext*, const v1::GetTopologyRequest*,
                           v1::GetTopologyResponse* response) override;
  grpc::Status GetSchedule(grpc::ServerContext*, const v1::GetScheduleRequest*,
                           v1::GetScheduleResponse* response) override;
  grpc::Status IssueDirective(grpc::ServerContext* context,
                              const v1::IssueDirectiveRequest* request,
                              v1::IssueDirectiveResponse* response) override;
  grpc::Status ListDirectives(grpc::ServerContext* context,
                              const v1::ListDirectivesRequest* request,
                              v1::ListDirectivesResponse* response) override;
  grpc::Status Pause(grpc::ServerContext*, const v1::PauseRequest*,
                     v1::PauseResponse* response) override;
  grpc::Status Resume(grpc::ServerContext*, const v1::ResumeRequest*,
                      v1::ResumeResponse* response) override;
  grpc::Status Stop(grpc::ServerContext*, const v1::StopRequest*,
                    v1::StopResponse* response) override;
  grpc::Status SetBudget(grpc::ServerContext*, const v1::SetBudgetRequest* request,
                         v1::SetBudgetResponse* response) override;
  grpc::Status Evaluate(grpc::ServerContext* context, const v1::EvaluateRequest* request,
                        v1::EvaluateResponse* response) override;
  grpc::Status ExportModel(grpc::ServerContext*, const v1::ExportModelRequest* request,
                           grpc::ServerWriter<v1::ExportModelResponse>* writer) override;
  grpc::Status ListMembers(grpc::ServerContext* context, const v1::ListMembersRequest* request,
                           v1::ListMembersResponse* response) override;
  grpc::Status Leave(grpc::ServerContext* context, const v1::LeaveRequest* request,
                     v1::LeaveResponse* response) override;
  grpc::Status ForceLeave(grpc::ServerContext* context, const v1::ForceLeaveRequest* request,
                          v1::ForceLeaveResponse* response) override;
  grpc::Status ListKeys(grpc::ServerContext* context, const v1::ListKeysRequest* request,
                        v1::ListKeysResponse* response) override;
  grpc::Status InstallKey(grpc::ServerContext* context, const v1::InstallKeyRequest* request,
                          v1::ListKeysResponse* response) override;
  grpc::Status UseKey(grpc::ServerContext* context, const v1::UseKeyRequest* request,
                      v1::ListKeysResponse* response) override;
  grpc::Status RemoveKey(grpc::ServerContext* context, const v1::RemoveKeyRequest* request,
                         v1::ListKeysResponse* response) override;
  grpc::Status Checkpoint(grpc::ServerContext* context, const v1::CheckpointRequest*,
                          v1::CheckpointResponse* response) override;
  grpc::Status SetLogLevel(grpc::ServerContext*, const v1::SetLogLevelRequest* request,
                           v1::SetLogLevelResponse* response) override;
  grpc::Status Shutdown(grpc::ServerContext*, const v1::ShutdownRequest*,
                        v1::ShutdownResponse*) override;

 private:
  struct Map;
  Map map() const;
  std::uint64_t diameter() const;
  grpc::Status list_keys(v1::ListKeysResponse& response) const;
  Round usual_round(const core::DirectiveOrder& order);
  std::string name_of(NodeId node) const;
  void fill_from_node(const core::Node& node, v1::GetStatusResponse& response) const;

  const Config& config_;
  const Incarnation incarnation_;
  runtime::Driver& driver_;
  const std::shared_ptr<discovery::Keyring> keyring_;
  const Actions actions_;
  std::string metrics_address_;
  std::mutex config_in_force_mutex_;
  std::optional<Config> config_in_force_;  // since the last reload, if there was one
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace skiptrain::daemon
