// A daemon's control service with made-up answers, on a unix socket in this process.
//
// Tests set the answers before they ask; the service only reads them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "skiptrain/v1/control.grpc.pb.h"

namespace skiptrain::ctl {

class FakeNode final : public v1::Control::Service {
 public:
  // Fills in plausible answers of a node in the middle of a run.
  FakeNode(std::uint64_t id, std::string socket);
  ~FakeNode() override;

  const std::string& socket() const { return socket_; }

  // Stops serving, as a crashed daemon does.
  void stop();

  v1::GetStatusResponse status;
  v1::ListPeersResponse peers;
  v1::GetEnergyResponse energy;
  v1::GetTopologyResponse topology;
  v1::GetScheduleResponse schedule;
  v1::ListDirectivesResponse directives;
  v1::EvaluateResponse evaluation;
  std::vector<v1::RoundRecord> rounds;
  std::string model_file;
  v1::ModelFormat exported_format = v1::MODEL_FORMAT_UNSPECIFIED;
  grpc::Status error = grpc::Status::OK;  // what every request fails with, if not OK
  bool hangs = false;                     // answers only when the client has given up
  bool loop_hangs = false;                // the same for all but what is told without its main loop
  std::function<void()> while_followed;   // called in `rounds --follow`, before it ends

  // What was asked for.
  std::vector<v1::IssueDirectiveRequest> directives_issued() const;
  std::vector<v1::SetBudgetRequest> budgets_set() const;
  std::vector<std::string> calls() const;

 private:
  using Context = grpc::ServerContext;
  grpc::Status GetVersion(Context*, const v1::GetVersionRequest*, v1::GetVersionResponse*) override;
  grpc::Status GetStatus(Context*, const v1::GetStatusRequest*, v1::GetStatusResponse*) override;
  grpc::Status ListPeers(Context*, const v1::ListPeersRequest*, v1::ListPeersResponse*) override;
  grpc::Status ListRounds(Context*, const v1::ListRoundsRequest*,
                          grpc::ServerWriter<v1::RoundRecord>*) override;
  grpc::Status GetEnergy(Context*, const v1::GetEnergyRequest*, v1::GetEnergyResponse*) override;
  grpc::Status GetTopology(Context*, const v1::GetTopologyRequest*,
                           v1::GetTopologyResponse*) override;
  grpc::Status GetSchedule(Context*, const v1::GetScheduleRequest*,
                           v1::GetScheduleResponse*) override;
  grpc::Status IssueDirective(Context*, const v1::IssueDirectiveRequest*,
                              v1::IssueDirectiveResponse*) override;
  grpc::Status ListDirectives(Context*, const v1::ListDirectivesRequest*,
                              v1::ListDirectivesResponse*) override;
  grpc::Status Pause(Context*, const v1::PauseRequest*, v1::PauseResponse*) override;
  grpc::Status Resume(Context*, const v1::ResumeRequest*, v1::ResumeResponse*) override;
  grpc::Status Stop(Context*, const v1::StopRequest*, v1::StopResponse*) override;
  grpc::Status SetBudget(Context*, const v1::SetBudgetRequest*, v1::SetBudgetResponse*) override;
  grpc::Status Evaluate(Context*, const v1::EvaluateRequest*, v1::EvaluateResponse*) override;
  grpc::Status ExportModel(Context*, const v1::ExportModelRequest*,
                           grpc::ServerWriter<v1::ExportModelResponse>*) override;
  grpc::Status Checkpoint(Context*, const v1::CheckpointRequest*, v1::CheckpointResponse*) override;
  grpc::Status SetLogLevel(Context*, const v1::SetLogLevelRequest*,
                           v1::SetLogLevelResponse*) override;

  // Notes the call; then the error or the wait that the test asked for.
  grpc::Status enter(Context* context, const char* call);

  const std::string socket_;
  mutable std::mutex mutex_;
  std::vector<v1::IssueDirectiveRequest> directives_issued_;
  std::vector<v1::SetBudgetRequest> budgets_set_;
  std::vector<std::string> calls_;
  std::unique_ptr<grpc::Server> server_;
};

// A safetensors file with one F32 tensor.
std::string safetensors_file(const std::vector<float>& numbers);

}  // namespace skiptrain::ctl
