#include "transport/gossip_call.h"

#include <chrono>
#include <utility>
#include <vector>

#include "transport/channel_args.h"
#include "transport/outgoing_update.h"
#include "wire/frame_decoder.h"
#include "wire/frame_encoder.h"
#include "wire/peer_text.h"

namespace skiptrain::transport {
namespace {

ErrorCode code_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return ErrorCode::kTimeout;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::PERMISSION_DENIED:
      return ErrorCode::kInvalidArgument;
    default:
      return ErrorCode::kUnavailable;
  }
}

Result<std::string> open_answer(const grpc::ByteBuffer& response) {
  std::vector<grpc::Slice> slices;
  if (!response.Dump(&slices).ok()) return fail(ErrorCode::kCorrupt, "an unreadable message");
  std::vector<wire::Slice> views;
  views.reserve(slices.size());
  for (const grpc::Slice& slice : slices) {
    views.emplace_back(reinterpret_cast<const std::byte*>(slice.begin()), slice.size());
  }
  return wire::decode_gossip(views);
}

}  // namespace

GossipCallOut::GossipCallOut(std::shared_ptr<StateHost> host, GossipExchange& exchange,
                             std::string address, std::shared_ptr<grpc::Channel> channel,
                             ports::GossipCall::Done done)
    : host_(std::move(host)),
      exchange_(exchange),
      address_(std::move(address)),
      channel_(std::move(channel)),
      stub_(channel_),
      done_(std::move(done)) {}

void GossipCallOut::start(std::shared_ptr<GossipCallOut> self, std::string envelope,
                          Duration timeout) {
  self_ = std::move(self);
  const auto alive = self_;
  context_.set_deadline(std::chrono::system_clock::now() +
                        std::chrono::duration_cast<std::chrono::system_clock::duration>(timeout));
  request_ = make_message(wire::encode_gossip(std::move(envelope)));
  stub_.PrepareUnaryCall(&context_, kGossipMethod, grpc::StubOptions(), &request_, &response_,
                         this);
  StartCall();
}

void GossipCallOut::complete(Result<std::string> answer) {
  ports::GossipCall::Done done;
  {
    const std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  if (done) done(std::move(answer));
}

void GossipCallOut::OnDone(const grpc::Status& status) {
  Result<std::string> answer;
  if (status.ok()) {
    answer = open_answer(response_);
  } else {
    answer = fail(code_of(status.error_code()), wire::peer_text(status.error_message()));
  }
  if (!answer) {
    answer = fail(answer.error().code, "gossip with " + address_ + ": " + answer.error().message);
  }
  // The connection is no good if nobody answered over it.
  const bool failed = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                      status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  exchange_.give_back(this, address_, failed);
  complete(std::move(answer));
  request_.Clear();  // the rest waits for its channel to be freed
  response_.Clear();
  StateHost& host = *host_;
  host.leave(this, {std::move(self_), channel_});
}

}  // namespace skiptrain::transport
