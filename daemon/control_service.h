// The Control service: each RPC decodes, asks the driver, and replies. It answers from the first
// moment on; what needs the model fails with FAILED_PRECONDITION while the node warms up.
//
// Thread-safe: gRPC calls it from several threads, the driver brings order.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/ids.h"
#include "daemon/config/config.h"
#include "runtime/driver.h"
#include "skiptrain/v1/control.grpc.pb.h"

namespace skiptrain::daemon {

class ControlService final : public v1::Control::Service {
 public:
  struct Actions {
    std::function<void()> shutdown;  // ends the daemon as SIGTERM does; returns at once
  };

  // Keeps references to both for its lifetime.
  ControlService(const Config& config, Incarnation incarnation, runtime::Driver& driver,
                 Actions actions);

  grpc::Status GetVersion(grpc::ServerContext*, const v1::GetVersionRequest*,
                          v1::GetVersionResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override;
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
  grpc::Status SetSchedule(grpc::ServerContext*, const v1::SetScheduleRequest* request,
                           v1::SetScheduleResponse* response) override;
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
  grpc::Status Checkpoint(grpc::ServerContext* context, const v1::CheckpointRequest*,
                          v1::CheckpointResponse* response) override;
  grpc::Status SetLogLevel(grpc::ServerContext*, const v1::SetLogLevelRequest* request,
                           v1::SetLogLevelResponse* response) override;
  grpc::Status Shutdown(grpc::ServerContext*, const v1::ShutdownRequest*,
                        v1::ShutdownResponse*) override;

 private:
  std::string name_of(NodeId node) const;
  void fill_from_node(const core::Node& node, v1::GetStatusResponse& response) const;

  const Config& config_;
  const Incarnation incarnation_;
  runtime::Driver& driver_;
  const Actions actions_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace skiptrain::daemon
