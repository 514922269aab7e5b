#include "transport/accepted_stream.h"

#include <utility>

namespace skiptrain::transport {

AcceptedStream::AcceptedStream(std::shared_ptr<StreamListener> listener, ParametersPool& pool,
                               const Compression& compression, grpc::CallbackServerContext* context)
    : ExchangeStream(std::move(listener), pool, compression), context_(context) {}

grpc::ServerGenericBidiReactor* AcceptedStream::start() {
  self_ = shared_from_this();
  read_next();
  return this;
}

void AcceptedStream::OnReadDone(bool ok) {
  // Said before the call is finished, so that a lost peer is reported at once.
  if (!ok) closed("the peer's stream ended");
  read_done(ok);
}

void AcceptedStream::OnDone() {
  {
    const std::lock_guard lock(context_mutex_);
    context_ = nullptr;
  }
  gone(std::move(self_));
}

void AcceptedStream::cancel() {
  const std::lock_guard lock(context_mutex_);
  if (context_ != nullptr) context_->TryCancel();
}

void AcceptedStream::finish_once() {
  if (!finished_.test_and_set()) Finish(grpc::Status::OK);
}

}  // namespace skiptrain::transport
