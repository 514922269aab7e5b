#include "daemon/control_health.h"

#include <chrono>
#include <optional>
#include <string>

#include "skiptrain/v1/control.grpc.pb.h"

namespace skiptrain::daemon {

namespace health = grpc::health::v1;

namespace {

// How often a watched node is looked at, and a client that has gone is noticed.
constexpr std::chrono::milliseconds kWatchInterval{250};

}  // namespace

HealthService::ServingStatus HealthService::status_of(const std::string& service) const {
  if (!service.empty() && service != v1::Control::service_full_name()) {
    return health::HealthCheckResponse::SERVICE_UNKNOWN;
  }
  return judge_().ready ? health::HealthCheckResponse::SERVING
                        : health::HealthCheckResponse::NOT_SERVING;
}

grpc::Status HealthService::Check(grpc::ServerContext*, const health::HealthCheckRequest* request,
                                  health::HealthCheckResponse* response) {
  const ServingStatus status = status_of(request->service());
  if (status == health::HealthCheckResponse::SERVICE_UNKNOWN) {
    return {grpc::StatusCode::NOT_FOUND, "no service \"" + request->service() + "\"; there is " +
                                             v1::Control::service_full_name() +
                                             ", and \"\" for the node"};
  }
  response->set_status(status);
  return grpc::Status::OK;
}

grpc::Status HealthService::Watch(grpc::ServerContext* context,
                                  const health::HealthCheckRequest* request,
                                  grpc::ServerWriter<health::HealthCheckResponse>* writer) {
  {
    const std::lock_guard lock(mutex_);
    if (watchers_ == kMaxHealthWatchers) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED,
              std::to_string(kMaxHealthWatchers) + " clients are watching already"};
    }
    ++watchers_;
  }
  std::optional<ServingStatus> told;
  bool more = true;
  while (more && !context->IsCancelled()) {
    // Waits first and looks then, so that the last look is one after the end has begun.
    more = !told || wait();
    const ServingStatus status = status_of(request->service());
    if (told == status) continue;
    health::HealthCheckResponse response;
    response.set_status(status);
    if (!writer->Write(response)) break;
    told = status;
  }
  const std::lock_guard lock(mutex_);
  --watchers_;
  return {grpc::StatusCode::UNAVAILABLE, "the daemon is ending"};
}

bool HealthService::wait() {
  std::unique_lock lock(mutex_);
  return !stop_.wait_for(lock, kWatchInterval, [this] { return stopped_; });
}

void HealthService::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_.notify_all();
}

}  // namespace skiptrain::daemon
