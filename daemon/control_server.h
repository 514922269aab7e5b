// The listener of the control service: one unix socket with mode 0600. Beside the service it offers
// gRPC's health service, and reflection, by which a client that knows nothing of the node (grpcurl,
// say) learns what can be called. The peers' listener offers neither.
#pragma once

#include <filesystem>
#include <memory>

#include <grpcpp/server.h>

#include "base/error.h"
#include "daemon/control_health.h"
#include "daemon/control_service.h"

namespace skiptrain::daemon {

class ControlServer {
 public:
  // Removes a socket that a dead daemon left behind. kPreconditionFailed if another process answers
  // on it, kUnavailable if it cannot be made.
  static Result<ControlServer> start(ControlService& service, HealthService& health,
                                     const std::filesystem::path& socket);

  ControlServer(ControlServer&&) = default;
  ~ControlServer();

  // Ends calls in progress within `patience` and removes the socket. Idempotent.
  void stop(Duration patience);

 private:
  ControlServer(std::unique_ptr<grpc::Server> server, std::filesystem::path socket)
      : server_(std::move(server)), socket_(std::move(socket)) {}

  std::unique_ptr<grpc::Server> server_;
  std::filesystem::path socket_;
};

}  // namespace skiptrain::daemon
