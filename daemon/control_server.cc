#include "daemon/control_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server_builder.h>

namespace skiptrain::daemon {
namespace {

// True if no process accepts connections on the socket: it was left behind.
bool is_orphan(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool refused =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
      errno == ECONNREFUSED;
  ::close(probe);
  return refused;
}

// Reflection for one server. Its library puts a plugin into every builder of the process as well;
// this leaves one of it here, and the peers' listener takes out its own.
class WithReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
    plugins->push_back(std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>());
  }
};

}  // namespace

Result<ControlServer> ControlServer::start(ControlService& service, HealthService& health,
                                           const std::filesystem::path& socket) {
  std::error_code ignored;
  const auto there = std::filesystem::symlink_status(socket, ignored);
  if (std::filesystem::exists(there)) {
    if (!std::filesystem::is_socket(there)) {
      return fail(ErrorCode::kPreconditionFailed,
                  "control.socket " + socket.string() +
                      ": is there already and is no socket; name another path");
    }
    if (!is_orphan(socket)) {
      return fail(ErrorCode::kPreconditionFailed,
                  "control.socket " + socket.string() + ": another process answers on it");
    }
    std::filesystem::remove(socket, ignored);
  }
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket.string(), grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  builder.RegisterService(&health);
  builder.SetOption(std::make_unique<WithReflection>());
  // An idle daemon should be idle: one completion queue and one waiting thread are enough.
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::CQ_TIMEOUT_MSEC, 10'000);
  // The socket is never open to others, not even for a moment.
  const mode_t previous = ::umask(0177);
  auto server = builder.BuildAndStart();
  ::umask(previous);
  if (!server || !std::filesystem::exists(socket, ignored)) {
    return fail(ErrorCode::kUnavailable, "control.socket " + socket.string() +
                                             ": cannot be made; is its folder there and writable?");
  }
  return ControlServer(std::move(server), socket);
}

ControlServer::~ControlServer() {
  stop(std::chrono::seconds(1));
}

void ControlServer::stop(Duration patience) {
  if (!server_) return;
  server_->Shutdown(std::chrono::system_clock::now() +
                    std::chrono::duration_cast<std::chrono::system_clock::duration>(patience));
  server_.reset();
  std::error_code ignored;
  std::filesystem::remove(socket_, ignored);
}

}  // namespace skiptrain::daemon
