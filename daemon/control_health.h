// gRPC's standard health service (grpc.health.v1.Health) on the control endpoint, for the probes
// that others have: SERVING means what 200 of /readyz means, and NOT_SERVING what its 503 does.
//
// gRPC brings a health service of its own, but it is switched on for all servers of a process, the
// peers' listener too, and says what it was last told; this one asks when it is asked.
//
// Thread-safe. Each Watch occupies a thread of gRPC's for as long as it lasts, so there are at most
// kMaxHealthWatchers; the next is refused with RESOURCE_EXHAUSTED.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "daemon/metrics/readiness.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace skiptrain::daemon {

inline constexpr std::size_t kMaxHealthWatchers = 32;

class HealthService final : public grpc::health::v1::Health::Service {
 public:
  // `judge` is called from gRPC's threads.
  explicit HealthService(std::function<Readiness()> judge) : judge_(std::move(judge)) {}

  // NOT_FOUND for names other than "" and that of the control service.
  grpc::Status Check(grpc::ServerContext*, const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override;
  // Of a name that is not known it says SERVICE_UNKNOWN, and nothing more.
  grpc::Status Watch(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::ServerWriter<grpc::health::v1::HealthCheckResponse>* writer) override;

  // Tells all watchers how it stands once more and ends their calls; later ones end at once.
  void stop();

 private:
  using ServingStatus = grpc::health::v1::HealthCheckResponse::ServingStatus;
  ServingStatus status_of(const std::string& service) const;
  // Waits until it is time to look again; false if there will be nothing more to see.
  bool wait();

  const std::function<Readiness()> judge_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopped_ = false;
  std::size_t watchers_ = 0;
};

}  // namespace skiptrain::daemon
