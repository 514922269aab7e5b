#include "tests/unit/ctl/fake_node.h"

#include <chrono>
#include <cstring>
#include <limits>
#include <thread>
#include <utility>

namespace skiptrain::ctl {
namespace {

constexpr std::size_t kPieceBytes = 1000;

void fill_status(std::uint64_t id, v1::GetStatusResponse& s) {
  s.set_node_id(id);
  s.set_node_name("node-" + std::to_string(id));
  s.set_run_id("run-1");
  s.set_incarnation(1);
  s.set_phase(v1::PHASE_TRAINING);
  s.set_round(12);
  s.set_total_rounds(80);
  s.mutable_schedule()->set_policy(v1::POLICY_SKIPTRAIN);
  s.mutable_schedule()->set_gamma_train(4);
  s.mutable_schedule()->set_gamma_sync(4);
  s.set_train_rounds(8);
  s.set_last_loss(std::numeric_limits<double>::quiet_NaN());
  s.set_energy_spent_wh(0.0125);
  s.set_neighbours(1);
  s.set_neighbours_connected(1);
  s.set_median_round_seconds(0.5);
  s.set_profile("poco-x3");
  s.set_model("gn-lenet");
  s.set_cluster_id("demo");
  s.set_bytes_sent(1234567);
}

}  // namespace

FakeNode::FakeNode(std::uint64_t id, std::string socket) : socket_(std::move(socket)) {
  fill_status(id, status);
  auto& neighbour = *peers.add_neighbours();
  neighbour.set_node_id(7);
  neighbour.set_node_name("node-7");
  neighbour.set_address("127.0.0.1:7407");
  neighbour.set_link(v1::LINK_STATE_CONNECTED);
  neighbour.set_activity(v1::ACTIVITY_RUNNING);
  neighbour.set_round(12);
  neighbour.set_degree(3);
  neighbour.set_weight(0.25);
  energy.set_source("model");
  energy.set_profile("poco-x3");
  energy.set_wh_per_train_round(0.00851912);
  energy.set_train_rounds(8);
  energy.set_spent_wh(0.0125);
  energy.set_dpsgd_equivalent_wh(0.025);
  topology.set_spec("ring");
  topology.set_self(id);
  topology.set_connected(true);
  auto& vertex = *topology.add_vertices();
  vertex.set_node_id(id);
  vertex.set_node_name(status.node_name());
  schedule.mutable_current()->CopyFrom(status.schedule());
  schedule.set_round(12);
  schedule.set_total_rounds(80);
  schedule.set_train_slots_total(40);
  schedule.set_train_slots_left(32);
  evaluation.set_round(12);
  evaluation.set_accuracy(0.625);
  evaluation.set_loss(1.25);
  evaluation.set_samples(10000);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

FakeNode::~FakeNode() {
  stop();
}

void FakeNode::stop() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

std::vector<v1::IssueDirectiveRequest> FakeNode::directives_issued() const {
  const std::lock_guard lock(mutex_);
  return directives_issued_;
}

std::vector<v1::SetBudgetRequest> FakeNode::budgets_set() const {
  const std::lock_guard lock(mutex_);
  return budgets_set_;
}

std::vector<std::string> FakeNode::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

grpc::Status FakeNode::enter(Context* context, const char* call) {
  {
    const std::lock_guard lock(mutex_);
    calls_.emplace_back(call);
  }
  const bool waits = hangs || (loop_hangs && std::string_view(call) != "GetVersion");
  while (waits && !context->IsCancelled()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return error;
}

grpc::Status FakeNode::GetVersion(Context* context, const v1::GetVersionRequest*,
                                  v1::GetVersionResponse* response) {
  response->set_version("9.9.9");
  response->set_protocol_version(1);
  response->set_node_id(status.node_id());
  return enter(context, "GetVersion");
}
grpc::Status FakeNode::GetStatus(Context* context, const v1::GetStatusRequest*,
                                 v1::GetStatusResponse* response) {
  *response = status;
  return enter(context, "GetStatus");
}
grpc::Status FakeNode::ListPeers(Context* context, const v1::ListPeersRequest*,
                                 v1::ListPeersResponse* response) {
  *response = peers;
  return enter(context, "ListPeers");
}
grpc::Status FakeNode::ListRounds(Context* context, const v1::ListRoundsRequest* request,
                                  grpc::ServerWriter<v1::RoundRecord>* writer) {
  const std::size_t skip =
      request->last() == 0 || request->last() > rounds.size() ? 0 : rounds.size() - request->last();
  for (std::size_t i = skip; i < rounds.size(); ++i) writer->Write(rounds[i]);
  if (request->follow() && while_followed) while_followed();
  return enter(context, request->follow() ? "ListRounds follow" : "ListRounds");
}
grpc::Status FakeNode::GetEnergy(Context* context, const v1::GetEnergyRequest*,
                                 v1::GetEnergyResponse* response) {
  *response = energy;
  return enter(context, "GetEnergy");
}
grpc::Status FakeNode::GetTopology(Context* context, const v1::GetTopologyRequest*,
                                   v1::GetTopologyResponse* response) {
  *response = topology;
  return enter(context, "GetTopology");
}
grpc::Status FakeNode::GetSchedule(Context* context, const v1::GetScheduleRequest*,
                                   v1::GetScheduleResponse* response) {
  *response = schedule;
  return enter(context, "GetSchedule");
}
grpc::Status FakeNode::IssueDirective(Context* context, const v1::IssueDirectiveRequest* request,
                                      v1::IssueDirectiveResponse* response) {
  {
    const std::lock_guard lock(mutex_);
    directives_issued_.push_back(*request);
  }
  v1::Directive& directive = *response->mutable_directive();
  if (request->has_schedule()) *directive.mutable_schedule() = request->schedule();
  if (request->order_case() == v1::IssueDirectiveRequest::kLearningRate) {
    directive.set_learning_rate(request->learning_rate());
  }
  if (request->order_case() == v1::IssueDirectiveRequest::kRun) directive.set_run(request->run());
  response->set_safe_round(status.round() + 3);
  directive.set_effective_round(request->has_effective_round() ? request->effective_round()
                                                               : response->safe_round());
  return enter(context, "IssueDirective");
}
grpc::Status FakeNode::ListDirectives(Context* context, const v1::ListDirectivesRequest*,
                                      v1::ListDirectivesResponse* response) {
  *response = directives;
  return enter(context, "ListDirectives");
}
grpc::Status FakeNode::Pause(Context* context, const v1::PauseRequest*,
                             v1::PauseResponse* response) {
  response->set_after_round(12);
  return enter(context, "Pause");
}
grpc::Status FakeNode::Resume(Context* context, const v1::ResumeRequest*,
                              v1::ResumeResponse* response) {
  response->set_round(13);
  return enter(context, "Resume");
}
grpc::Status FakeNode::Stop(Context* context, const v1::StopRequest*, v1::StopResponse* response) {
  response->set_after_round(12);
  return enter(context, "Stop");
}
grpc::Status FakeNode::SetBudget(Context* context, const v1::SetBudgetRequest* request,
                                 v1::SetBudgetResponse* response) {
  {
    const std::lock_guard lock(mutex_);
    budgets_set_.push_back(*request);
  }
  *response->mutable_energy() = energy;
  if (request->has_budget_wh()) response->mutable_energy()->set_budget_wh(request->budget_wh());
  return enter(context, "SetBudget");
}
grpc::Status FakeNode::Evaluate(Context* context, const v1::EvaluateRequest* request,
                                v1::EvaluateResponse* response) {
  *response = evaluation;
  if (request->max_samples() > 0) response->set_samples(request->max_samples());
  return enter(context, "Evaluate");
}
grpc::Status FakeNode::ExportModel(Context* context, const v1::ExportModelRequest* request,
                                   grpc::ServerWriter<v1::ExportModelResponse>* writer) {
  exported_format = request->format();
  for (std::size_t at = 0; at < model_file.size(); at += kPieceBytes) {
    v1::ExportModelResponse piece;
    piece.set_round(status.round());
    piece.set_total_bytes(model_file.size());
    piece.set_data(model_file.substr(at, kPieceBytes));
    writer->Write(piece);
  }
  return enter(context, "ExportModel");
}
grpc::Status FakeNode::Checkpoint(Context* context, const v1::CheckpointRequest*,
                                  v1::CheckpointResponse* response) {
  response->set_round(12);
  response->set_path("/state/checkpoint-00000012.safetensors");
  return enter(context, "Checkpoint");
}
grpc::Status FakeNode::SetLogLevel(Context* context, const v1::SetLogLevelRequest*,
                                   v1::SetLogLevelResponse* response) {
  response->set_previous("info");
  return enter(context, "SetLogLevel");
}

std::string safetensors_file(const std::vector<float>& numbers) {
  const std::size_t bytes = numbers.size() * sizeof(float);
  const std::string header = R"({"w":{"dtype":"F32","shape":[)" + std::to_string(numbers.size()) +
                             R"(],"data_offsets":[0,)" + std::to_string(bytes) + "]}}";
  const std::uint64_t length = header.size();
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  file += header;
  file.append(reinterpret_cast<const char*>(numbers.data()), bytes);
  return file;
}

}  // namespace skiptrain::ctl
