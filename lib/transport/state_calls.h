// The two ends of a FetchState call. See state_exchange.h.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>

#include "transport/outgoing_update.h"
#include "transport/state_exchange.h"
#include "wire/frame_decoder.h"
#include "wire/update_assembler.h"

namespace skiptrain::transport {

// Our question to a neighbour. One request, then frames until the update is whole.
class StateFetch final : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  StateFetch(std::shared_ptr<StateHost> host, StateExchange& exchange, NodeId from, Round at_least,
             std::shared_ptr<grpc::Channel> channel);

  void start(std::shared_ptr<StateFetch> self);
  NodeId from() const { return from_; }
  // Ends it in a failure, also if the state is whole by now.
  void cancel(const std::string& why);

 private:
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  void take(const wire::FrameView& frame);
  void give_up(const std::string& why);

  const std::shared_ptr<StateHost> host_;
  StateExchange& exchange_;
  const NodeId from_;
  const Round at_least_;
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer incoming_;
  wire::FrameDecoder decoder_;
  wire::UpdateAssembler assembler_;
  std::optional<ModelUpdate> state_;
  std::string error_;

  std::mutex mutex_;
  std::string cancelled_;  // guarded by it; why, empty: it was not
  std::shared_ptr<StateFetch> self_;
};

// A neighbour's question to us. Waits for the core's answer between the request and the frames.
class StateAnswer final : public std::enable_shared_from_this<StateAnswer>,
                          private grpc::ServerGenericBidiReactor {
 public:
  StateAnswer(std::shared_ptr<StateHost> host, StateExchange& exchange,
              grpc::CallbackServerContext* context);

  grpc::ServerGenericBidiReactor* start(std::shared_ptr<StateAnswer> self);
  // One of these, once; a second has no effect.
  void answer(const ModelUpdate& state);
  void finish(const grpc::Status& status);

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void cut_off();
  grpc::Status ask_core();
  void write_next();

  const std::shared_ptr<StateHost> host_;
  StateExchange& exchange_;
  grpc::ByteBuffer incoming_;
  Round at_least_;
  std::atomic<std::uint64_t> request_ = 0;  // 0: the core was not asked yet

  std::mutex mutex_;                      // guards what follows
  grpc::CallbackServerContext* context_;  // null once gRPC is done with the call
  bool writing_ = false;
  bool finished_ = false;
  OutgoingUpdatePtr outgoing_;
  std::size_t next_message_ = 0;

  std::shared_ptr<StateAnswer> self_;
};

}  // namespace skiptrain::transport
