#include "transport/channel_args.h"

#include <grpc/grpc.h>

#include <memory>
#include <utility>
#include <vector>

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>

namespace skiptrain::transport {
namespace {

int milliseconds(Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

std::vector<std::pair<const char*, int>> common_args(const TransportConfig& config) {
  const Tuning& tuning = config.tuning;
  const int read_chunk = static_cast<int>(tuning.read_chunk_bytes);
  return {
      {GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(config.keepalive)},
      {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(kKeepaliveTimeout)},
      {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
      {GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0},
      {GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, static_cast<int>(tuning.lookahead_bytes)},
      {GRPC_ARG_HTTP2_MAX_FRAME_SIZE, static_cast<int>(tuning.http2_frame_bytes)},
      {GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, static_cast<int>(tuning.write_buffer_bytes)},
      {GRPC_ARG_HTTP2_BDP_PROBE, tuning.probe_bandwidth ? 1 : 0},
      {GRPC_ARG_TCP_READ_CHUNK_SIZE, read_chunk},
      {GRPC_ARG_TCP_MIN_READ_CHUNK_SIZE, read_chunk},
      {GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, static_cast<int>(tuning.max_read_chunk_bytes)},
      // Kernel zero-copy has not paid for itself on gRPC and keeps pages pinned.
      {GRPC_ARG_TCP_TX_ZEROCOPY_ENABLED, 0},
      // Parameters do not compress; asking costs a filter in each call.
      {GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0},
  };
}

// A library that is linked for another server of the process may put services of its own into every
// builder (gRPC's reflection does). The network sees the peer service and nothing else.
class NoPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
  }
};

}  // namespace

std::shared_ptr<grpc::Channel> make_channel(const std::string& address,
                                            const TransportConfig& config, int max_message_bytes) {
  grpc::ChannelArguments args;
  for (const auto& [name, value] : common_args(config)) args.SetInt(name, value);
  args.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, max_message_bytes);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // The time limit of the one attempt, before gRPC's own back-off would begin.
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, milliseconds(config.hello_timeout));
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), args);
}

void configure_server(grpc::ServerBuilder& builder, const TransportConfig& config) {
  for (const auto& [name, value] : common_args(config)) builder.AddChannelArgument(name, value);
  builder.AddChannelArgument(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, kMaxServerMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             milliseconds(kMinPingInterval));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  // Two daemons on one port would each get half of the connections; a taken port is an error.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetOption(std::make_unique<NoPlugins>());
}

}  // namespace skiptrain::transport
