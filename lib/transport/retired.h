// A call or a stream that gRPC is done with, until it can be freed together with its channel.
//
// Two rules of gRPC's stand behind it. Its threads must not free a channel: the last one of a
// process joins them. And a channel must not be freed while it connects: between the TCP handshake
// and the first HTTP/2 settings gRPC 1.51 then loses sight of the connection, which stays open at
// both ends until the process ends. So whoever ends a call hands it over, and Switchboard frees it
// later, when the attempt to connect has come to something (at most hello_timeout later).
#pragma once

#include <memory>

#include <grpcpp/channel.h>

namespace skiptrain::transport {

struct Retired {
  std::shared_ptr<void> what;              // null: nothing to free
  std::shared_ptr<grpc::Channel> channel;  // which `what` uses

  bool can_be_freed() const {
    return !channel || channel->GetState(/*try_to_connect=*/false) != GRPC_CHANNEL_CONNECTING;
  }
};

}  // namespace skiptrain::transport
