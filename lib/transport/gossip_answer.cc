#include "transport/gossip_answer.h"

#include <utility>
#include <vector>

#include "transport/outgoing_update.h"
#include "wire/frame_decoder.h"
#include "wire/frame_encoder.h"

namespace skiptrain::transport {
namespace {

Result<std::string> open_request(const grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  if (!message.Dump(&slices).ok()) return fail(ErrorCode::kCorrupt, "an unreadable message");
  std::vector<wire::Slice> views;
  views.reserve(slices.size());
  for (const grpc::Slice& slice : slices) {
    views.emplace_back(reinterpret_cast<const std::byte*>(slice.begin()), slice.size());
  }
  return wire::decode_gossip(views);
}

}  // namespace

GossipAnswer::GossipAnswer(std::shared_ptr<StateHost> host, GossipExchange& exchange,
                           grpc::CallbackServerContext* context)
    : host_(std::move(host)), exchange_(exchange), context_(context) {}

grpc::ServerGenericBidiReactor* GossipAnswer::start(std::shared_ptr<GossipAnswer> self) {
  self_ = std::move(self);
  // One limit for the whole call: a peer that never asks, or a handler that never replies.
  host_->timers().after(kGossipAnswerTimeout, [weak = weak_from_this()] {
    if (const auto late = weak.lock()) late->cut_off();
  });
  StartRead(&incoming_);
  return this;
}

void GossipAnswer::OnReadDone(bool ok) {
  if (!ok) {
    return finish({grpc::StatusCode::INVALID_ARGUMENT, "a call without a SealedGossip"});
  }
  auto envelope = open_request(incoming_);
  incoming_.Clear();
  if (!envelope) return finish({grpc::StatusCode::INVALID_ARGUMENT, envelope.error().message});
  if (!exchange_.handle(*std::move(envelope), shared_from_this())) {
    finish({grpc::StatusCode::UNAVAILABLE, "nobody handles gossip here yet"});
  }
}

void GossipAnswer::answer(Result<std::string> envelope) {
  if (!envelope) {
    return finish({envelope.error().code == ErrorCode::kUnavailable
                       ? grpc::StatusCode::UNAVAILABLE
                       : grpc::StatusCode::INVALID_ARGUMENT,
                   envelope.error().message});
  }
  if (envelope->size() > wire::kMaxGossipBytes) {
    return finish({grpc::StatusCode::UNAVAILABLE,
                   "an answer of " + std::to_string(envelope->size()) + " bytes, at most " +
                       std::to_string(wire::kMaxGossipBytes) + " are allowed"});
  }
  // Before another thread can finish the call; nobody else writes.
  grpc::ByteBuffer message = make_message(wire::encode_gossip(*std::move(envelope)));
  if (!finish_once()) return;
  outgoing_.Swap(&message);
  StartWriteAndFinish(&outgoing_, grpc::WriteOptions(), grpc::Status::OK);
}

void GossipAnswer::OnCancel() {
  finish({grpc::StatusCode::CANCELLED, "the caller is gone"});
}

void GossipAnswer::finish(const grpc::Status& status) {
  if (finish_once()) Finish(status);
}

bool GossipAnswer::finish_once() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(finished_, true);
}

void GossipAnswer::cut_off() {
  const std::lock_guard lock(mutex_);
  if (context_ != nullptr) context_->TryCancel();
}

void GossipAnswer::OnDone() {
  {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
  }
  exchange_.answer_gone(this);
  const auto last = std::move(self_);
  host_->leave(this, {});
}

}  // namespace skiptrain::transport
