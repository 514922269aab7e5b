// gRPC's settings for peer streams, in one place, and the few calls that need them.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/server_builder.h>

#include "transport/transport_config.h"

namespace skiptrain::transport {

inline constexpr const char* kExchangeMethod = "/skiptrain.v1.Peer/Exchange";
inline constexpr const char* kGossipMethod = "/skiptrain.v1.Peer/Gossip";
inline constexpr const char* kFetchStateMethod = "/skiptrain.v1.Peer/FetchState";

// A channel with a connection of its own. It connects with its first call and makes one attempt:
// the back-off between attempts is the transport's, so each attempt takes a new channel.
std::shared_ptr<grpc::Channel> make_channel(const std::string& address,
                                            const TransportConfig& config,
                                            int max_message_bytes = kMaxMessageBytes);

void configure_server(grpc::ServerBuilder& builder, const TransportConfig& config);

}  // namespace skiptrain::transport
