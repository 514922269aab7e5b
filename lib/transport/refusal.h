// A server call that ends at once with a status.
#pragma once

#include <string>

#include <grpcpp/generic/async_generic_service.h>

namespace skiptrain::transport {

class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  Refusal(grpc::StatusCode code, const std::string& why) { Finish(grpc::Status(code, why)); }

 private:
  void OnDone() override { delete this; }  // gRPC owns it until here
};

}  // namespace skiptrain::transport
