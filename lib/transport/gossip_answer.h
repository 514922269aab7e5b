// A Gossip call of a peer's. See gossip_exchange.h.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <grpcpp/generic/async_generic_service.h>

#include "transport/gossip_exchange.h"

namespace skiptrain::transport {

// Waits for the handler's reply between the request and the answer; the reply may come from any
// thread, also when the call is gone.
class GossipAnswer final : public std::enable_shared_from_this<GossipAnswer>,
                           private grpc::ServerGenericBidiReactor {
 public:
  GossipAnswer(std::shared_ptr<StateHost> host, GossipExchange& exchange,
               grpc::CallbackServerContext* context);

  grpc::ServerGenericBidiReactor* start(std::shared_ptr<GossipAnswer> self);
  // One of these, once; a second has no effect.
  void answer(Result<std::string> envelope);
  void finish(const grpc::Status& status);

 private:
  void OnReadDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void cut_off();
  bool finish_once();

  const std::shared_ptr<StateHost> host_;
  GossipExchange& exchange_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;

  std::mutex mutex_;                      // guards what follows
  grpc::CallbackServerContext* context_;  // null once gRPC is done with the call
  bool finished_ = false;

  std::shared_ptr<GossipAnswer> self_;
};

}  // namespace skiptrain::transport
