// An Exchange stream that this node dialled: the client's side of the call.
//
// Owns itself from start() until gRPC is done with the call. gRPC ends a client call only when its
// hold is given up, so that writes may be started at any time before.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include "transport/exchange_stream.h"

namespace skiptrain::transport {

class DialledStream : public ExchangeStream,
                      private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // `link` is of the peer that should answer.
  DialledStream(std::shared_ptr<StreamListener> listener, ParametersPool& pool,
                const Compression& compression, std::shared_ptr<grpc::Channel> channel,
                LinkPtr link);

  // Connects and says `hello`. Once.
  void start(const wire::Hello& hello);

  bool dialled_by_us() const override { return true; }
  std::shared_ptr<grpc::Channel> channel() const override { return channel_; }

 private:
  void start_read(grpc::ByteBuffer* into) override { StartRead(into); }
  void start_write(const grpc::ByteBuffer* message) override { StartWrite(message); }
  bool end_writes_is_write() const override { return true; }
  void end_writes() override { StartWritesDone(); }
  void release() override { RemoveHold(); }
  void cancel() override { context_.TryCancel(); }

  void OnReadDone(bool ok) override { read_done(ok); }
  void OnWriteDone(bool ok) override { write_done(ok); }
  void OnWritesDoneDone(bool ok) override { write_done(ok); }
  void OnDone(const grpc::Status& status) override;

  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  StreamPtr self_;
};

}  // namespace skiptrain::transport
