#include "transport/dialled_stream.h"

#include <utility>

#include "transport/channel_args.h"
#include "wire/peer_text.h"

namespace skiptrain::transport {

DialledStream::DialledStream(std::shared_ptr<StreamListener> listener, ParametersPool& pool,
                             const Compression& compression, std::shared_ptr<grpc::Channel> channel,
                             LinkPtr link)
    : ExchangeStream(std::move(listener), pool, compression),
      channel_(std::move(channel)),
      stub_(channel_) {
  set_link(std::move(link));
}

void DialledStream::start(const wire::Hello& hello) {
  self_ = shared_from_this();
  const StreamPtr alive = self_;
  stub_.PrepareBidiStreamingCall(&context_, kExchangeMethod, grpc::StubOptions(), this);
  AddHold();
  put_hello(hello);
  read_next();
  pump();
  StartCall();
}

void DialledStream::OnDone(const grpc::Status& status) {
  closed(status.ok() ? "the peer ended the stream" : wire::peer_text(status.error_message()));
  gone(std::move(self_));
}

}  // namespace skiptrain::transport
