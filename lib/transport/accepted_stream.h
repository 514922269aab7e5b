// An Exchange stream that a peer dialled: the server's side of the call.
//
// Owns itself until gRPC is done with the call.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include <grpcpp/generic/async_generic_service.h>

#include "transport/exchange_stream.h"

namespace skiptrain::transport {

class AcceptedStream : public ExchangeStream, private grpc::ServerGenericBidiReactor {
 public:
  AcceptedStream(std::shared_ptr<StreamListener> listener, ParametersPool& pool,
                 const Compression& compression, grpc::CallbackServerContext* context);

  // Begins to listen to the peer. The reactor is for gRPC.
  grpc::ServerGenericBidiReactor* start();

  bool dialled_by_us() const override { return false; }

 private:
  void start_read(grpc::ByteBuffer* into) override { StartRead(into); }
  void start_write(const grpc::ByteBuffer* message) override { StartWrite(message); }
  bool end_writes_is_write() const override { return false; }
  void end_writes() override { finish_once(); }
  void release() override { finish_once(); }
  void cancel() override;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override { write_done(ok); }
  void OnDone() override;

  void finish_once();

  std::atomic_flag finished_ = ATOMIC_FLAG_INIT;
  std::mutex context_mutex_;
  grpc::CallbackServerContext* context_;  // null once gRPC is done with it
  StreamPtr self_;
};

}  // namespace skiptrain::transport
