// A connection to one daemon's control service, one method per RPC.
//
// Errors of gRPC become Failures with an exit code and a hint. Nothing retries: a command asks
// once and says how it went. One Client may be used from several threads. gRPC itself stays in
// client.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "ctl/endpoint.h"
#include "ctl/failure.h"
#include "skiptrain/v1/control.pb.h"

namespace skiptrain::ctl {

// Used where --timeout is not given. Evaluating and exporting take as long as the model is large.
inline constexpr Duration kDefaultTimeout = std::chrono::seconds(10);
inline constexpr Duration kLongTimeout = std::chrono::minutes(10);

// What an endpoint without a daemon behind it gets; `detail` is the system's word for it.
Failure unreachable(const Endpoint& endpoint, const std::string& detail);

class Client {
 public:
  // Fails at once if the endpoint is a unix socket that is missing (kUnreachable) or closed to
  // this user (kNotAuthorized). Connects with the first call. `timeout` bounds each call.
  static Outcome<Client> connect(const Endpoint& endpoint, std::optional<Duration> timeout);

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  Outcome<v1::GetVersionResponse> version();
  Outcome<v1::GetStatusResponse> status();
  Outcome<v1::GetConfigResponse> config();
  Outcome<v1::GetMetricsResponse> metrics();
  Outcome<v1::ListPeersResponse> peers();
  Outcome<v1::GetEnergyResponse> energy();
  Outcome<v1::GetTopologyResponse> topology();
  Outcome<v1::GetScheduleResponse> schedule();
  Outcome<v1::IssueDirectiveResponse> issue_directive(const v1::IssueDirectiveRequest& request);
  Outcome<v1::ListDirectivesResponse> directives();
  Outcome<v1::ListMembersResponse> members();
  Outcome<v1::LeaveResponse> leave();
  Outcome<v1::ForceLeaveResponse> force_leave(std::uint64_t node);
  Outcome<v1::ListKeysResponse> keys();
  Outcome<v1::ListKeysResponse> install_key(const std::string& base64);
  Outcome<v1::ListKeysResponse> use_key(const std::string& id);
  Outcome<v1::ListKeysResponse> remove_key(const std::string& id);
  Outcome<v1::PauseResponse> pause();
  Outcome<v1::ResumeResponse> resume();
  Outcome<v1::StopResponse> stop();
  Outcome<v1::SetBudgetResponse> set_budget(const v1::SetBudgetRequest& request);
  // 0 samples: the whole test set.
  Outcome<v1::EvaluateResponse> evaluate(std::uint64_t max_samples);
  Outcome<v1::CheckpointResponse> checkpoint();
  Outcome<v1::SetLogLevelResponse> set_log_level(const std::string& level);

  // Calls `on_record` for each round; it returns false to end the stream. With `follow` the
  // stream has no end of its own and --timeout does not apply to it.
  Outcome<void> rounds(const v1::ListRoundsRequest& request,
                       const std::function<bool(const v1::RoundRecord&)>& on_record);
  // The newest `last` lines of its log, oldest first; 0: all that it keeps.
  Outcome<std::vector<std::string>> log_lines(std::uint64_t last);
  // Calls `on_piece` with the file's bytes in order; a Failure it returns ends the stream and is
  // the result.
  Outcome<void> export_model(
      v1::ModelFormat format,
      const std::function<Outcome<void>(const v1::ExportModelResponse&)>& on_piece);

  const Endpoint& endpoint() const;

 private:
  struct Channel;
  explicit Client(std::unique_ptr<Channel> channel);

  std::unique_ptr<Channel> channel_;
};

}  // namespace skiptrain::ctl
