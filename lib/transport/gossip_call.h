// A Gossip call that we make. See gossip_exchange.h.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include "transport/gossip_exchange.h"

namespace skiptrain::transport {

class GossipCallOut final : private grpc::ClientUnaryReactor {
 public:
  GossipCallOut(std::shared_ptr<StateHost> host, GossipExchange& exchange, std::string address,
                std::shared_ptr<grpc::Channel> channel, ports::GossipCall::Done done);

  void start(std::shared_ptr<GossipCallOut> self, std::string envelope, Duration timeout);
  // Answers whoever asked, if that was not done yet.
  void complete(Result<std::string> answer);
  void cancel() { context_.TryCancel(); }

 private:
  void OnDone(const grpc::Status& status) override;

  const std::shared_ptr<StateHost> host_;
  GossipExchange& exchange_;
  const std::string address_;
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::shared_ptr<GossipCallOut> self_;

  std::mutex mutex_;
  ports::GossipCall::Done done_;  // null once called
};

}  // namespace skiptrain::transport
