#include "ctl/client.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <grpcpp/grpcpp.h>

#include "skiptrain/v1/control.grpc.pb.h"

namespace skiptrain::ctl {
namespace {

using Stub = v1::Control::Stub;

// Reconnect quickly: `watch` and the testbed ask the same socket again and again.
constexpr int kFirstReconnectMs = 100;
constexpr int kMaxReconnectMs = 1000;
// A busy daemon may take long to greet; the call's own deadline is what limits the wait.
constexpr int kConnectPatienceMs = 3'600'000;
constexpr int kMaxAnswerBytes = 64 << 20;

ExitCode exit_code_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return ExitCode::kOk;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::OUT_OF_RANGE:
      return ExitCode::kUsage;
    case grpc::StatusCode::UNAVAILABLE:
      return ExitCode::kUnreachable;
    case grpc::StatusCode::NOT_FOUND:
      return ExitCode::kNotFound;
    case grpc::StatusCode::FAILED_PRECONDITION:
      return ExitCode::kPrecondition;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return ExitCode::kTimeout;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return ExitCode::kNotAuthorized;
    default:
      return ExitCode::kError;
  }
}

Failure describe(const grpc::Status& status, const Endpoint& endpoint) {
  const std::string& text = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return unreachable(endpoint, text);
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return {ExitCode::kTimeout, endpoint.text + " did not answer in time",
              "give it longer with --timeout, for example --timeout 60s"};
    case grpc::StatusCode::UNIMPLEMENTED:
      return {ExitCode::kError, endpoint.text + " does not know this request",
              "the daemon is older than this skipctl; compare with: skipctl version"};
    case grpc::StatusCode::FAILED_PRECONDITION:
      return {ExitCode::kPrecondition, text,
              text.find("warming up") == std::string::npos
                  ? ""
                  : "the node is loading its data; see: skipctl status"};
    default:
      return {exit_code_of(status.error_code()), text, ""};
  }
}

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectPatienceMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  // The map of a complete graph of a thousand nodes has half a million edges.
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  // A proxy named in the environment has no business between us and a device.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

}  // namespace

Failure unreachable(const Endpoint& endpoint, const std::string& detail) {
  return {
      ExitCode::kUnreachable, "cannot reach skiptraind at " + endpoint.text + ": " + detail,
      "is the daemon running? name its socket with -e PATH or $" + std::string(kEndpointVariable)};
}

struct Client::Channel {
  Endpoint endpoint;
  std::optional<Duration> timeout;
  std::unique_ptr<Stub> stub;

  void set_deadline(grpc::ClientContext& context, Duration otherwise) const {
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::ceil<std::chrono::milliseconds>(timeout.value_or(otherwise)));
  }

  template <typename Request, typename Response>
  Outcome<Response> call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                      Response*),
                         const Request& request, Duration otherwise = kDefaultTimeout) {
    grpc::ClientContext context;
    set_deadline(context, otherwise);
    Response response;
    const grpc::Status status = (stub.get()->*method)(&context, request, &response);
    if (!status.ok()) return tl::unexpected(describe(status, endpoint));
    return response;
  }
};

Outcome<Client> Client::connect(const Endpoint& endpoint, std::optional<Duration> timeout) {
  if (!endpoint.path.empty()) {
    struct stat info {};
    if (stat(endpoint.path.c_str(), &info) != 0) {
      if (errno == EACCES) {
        return failure(ExitCode::kNotAuthorized, "no permission to reach " + endpoint.path,
                       "run skipctl as the daemon's user, or with sudo");
      }
      return tl::unexpected(unreachable(endpoint, std::strerror(errno)));
    }
    if (!S_ISSOCK(info.st_mode)) {
      return failure(
          ExitCode::kUsage, "endpoint " + endpoint.path + " is not a socket",
          "name the daemon's control socket, for example " + std::string(kDefaultSockets[0]));
    }
    if (access(endpoint.path.c_str(), W_OK) != 0) {
      return failure(ExitCode::kNotAuthorized, "no permission to write to " + endpoint.path,
                     "run skipctl as the daemon's user, or with sudo");
    }
  }
  auto channel = std::make_unique<Channel>();
  channel->endpoint = endpoint;
  channel->timeout = timeout;
  channel->stub = v1::Control::NewStub(grpc::CreateCustomChannel(
      endpoint.target, grpc::InsecureChannelCredentials(), channel_arguments()));
  return Client(std::move(channel));
}

Client::Client(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

const Endpoint& Client::endpoint() const {
  return channel_->endpoint;
}

Outcome<v1::GetVersionResponse> Client::version() {
  return channel_->call(&Stub::GetVersion, v1::GetVersionRequest());
}
Outcome<v1::GetStatusResponse> Client::status() {
  return channel_->call(&Stub::GetStatus, v1::GetStatusRequest());
}
Outcome<v1::GetConfigResponse> Client::config() {
  return channel_->call(&Stub::GetConfig, v1::GetConfigRequest());
}
Outcome<v1::GetMetricsResponse> Client::metrics() {
  return channel_->call(&Stub::GetMetrics, v1::GetMetricsRequest());
}
Outcome<v1::ListPeersResponse> Client::peers() {
  return channel_->call(&Stub::ListPeers, v1::ListPeersRequest());
}
Outcome<v1::GetEnergyResponse> Client::energy() {
  return channel_->call(&Stub::GetEnergy, v1::GetEnergyRequest());
}
Outcome<v1::GetTopologyResponse> Client::topology() {
  return channel_->call(&Stub::GetTopology, v1::GetTopologyRequest());
}
Outcome<v1::GetScheduleResponse> Client::schedule() {
  return channel_->call(&Stub::GetSchedule, v1::GetScheduleRequest());
}
Outcome<v1::IssueDirectiveResponse> Client::issue_directive(
    const v1::IssueDirectiveRequest& request) {
  return channel_->call(&Stub::IssueDirective, request);
}
Outcome<v1::ListDirectivesResponse> Client::directives() {
  return channel_->call(&Stub::ListDirectives, v1::ListDirectivesRequest());
}
Outcome<v1::ListMembersResponse> Client::members() {
  return channel_->call(&Stub::ListMembers, v1::ListMembersRequest());
}
Outcome<v1::LeaveResponse> Client::leave() {
  return channel_->call(&Stub::Leave, v1::LeaveRequest());
}
Outcome<v1::ForceLeaveResponse> Client::force_leave(std::uint64_t node) {
  v1::ForceLeaveRequest request;
  request.set_node_id(node);
  return channel_->call(&Stub::ForceLeave, request);
}
Outcome<v1::ListKeysResponse> Client::keys() {
  return channel_->call(&Stub::ListKeys, v1::ListKeysRequest());
}
Outcome<v1::ListKeysResponse> Client::install_key(const std::string& base64) {
  v1::InstallKeyRequest request;
  request.set_key(base64);
  return channel_->call(&Stub::InstallKey, request);
}
Outcome<v1::ListKeysResponse> Client::use_key(const std::string& id) {
  v1::UseKeyRequest request;
  request.set_id(id);
  return channel_->call(&Stub::UseKey, request);
}
Outcome<v1::ListKeysResponse> Client::remove_key(const std::string& id) {
  v1::RemoveKeyRequest request;
  request.set_id(id);
  return channel_->call(&Stub::RemoveKey, request);
}
Outcome<v1::PauseResponse> Client::pause() {
  return channel_->call(&Stub::Pause, v1::PauseRequest());
}
Outcome<v1::ResumeResponse> Client::resume() {
  return channel_->call(&Stub::Resume, v1::ResumeRequest());
}
Outcome<v1::StopResponse> Client::stop() {
  return channel_->call(&Stub::Stop, v1::StopRequest());
}
Outcome<v1::SetBudgetResponse> Client::set_budget(const v1::SetBudgetRequest& request) {
  return channel_->call(&Stub::SetBudget, request);
}
Outcome<v1::EvaluateResponse> Client::evaluate(std::uint64_t max_samples) {
  v1::EvaluateRequest request;
  request.set_max_samples(max_samples);
  return channel_->call(&Stub::Evaluate, request, kLongTimeout);
}
Outcome<v1::CheckpointResponse> Client::checkpoint() {
  return channel_->call(&Stub::Checkpoint, v1::CheckpointRequest());
}

Outcome<v1::SetLogLevelResponse> Client::set_log_level(const std::string& level) {
  v1::SetLogLevelRequest request;
  request.set_level(level);
  return channel_->call(&Stub::SetLogLevel, request);
}

Outcome<void> Client::rounds(const v1::ListRoundsRequest& request,
                             const std::function<bool(const v1::RoundRecord&)>& on_record) {
  grpc::ClientContext context;
  if (!request.follow()) channel_->set_deadline(context, kDefaultTimeout);
  const auto reader = channel_->stub->ListRounds(&context, request);
  v1::RoundRecord record;
  bool stopped = false;
  while (!stopped && reader->Read(&record)) stopped = !on_record(record);
  if (stopped) context.TryCancel();
  const grpc::Status status = reader->Finish();
  if (!stopped && !status.ok()) return tl::unexpected(describe(status, channel_->endpoint));
  return {};
}

Outcome<std::vector<std::string>> Client::log_lines(std::uint64_t last) {
  grpc::ClientContext context;
  channel_->set_deadline(context, kDefaultTimeout);
  v1::ListLogLinesRequest request;
  request.set_last(last);
  const auto reader = channel_->stub->ListLogLines(&context, request);
  std::vector<std::string> lines;
  for (v1::LogLine line; reader->Read(&line);) lines.push_back(line.text());
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return tl::unexpected(describe(status, channel_->endpoint));
  return lines;
}

Outcome<void> Client::export_model(
    v1::ModelFormat format,
    const std::function<Outcome<void>(const v1::ExportModelResponse&)>& on_piece) {
  grpc::ClientContext context;
  channel_->set_deadline(context, kLongTimeout);
  v1::ExportModelRequest request;
  request.set_format(format);
  const auto reader = channel_->stub->ExportModel(&context, request);
  v1::ExportModelResponse piece;
  while (reader->Read(&piece)) {
    if (auto taken = on_piece(piece); !taken) {
      context.TryCancel();
      reader->Finish();
      return taken;
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return tl::unexpected(describe(status, channel_->endpoint));
  return {};
}

}  // namespace skiptrain::ctl
