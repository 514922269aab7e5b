#include "transport/state_calls.h"

#include <utility>

#include "transport/channel_args.h"
#include "wire/frame_encoder.h"
#include "wire/hello.h"
#include "wire/peer_text.h"

namespace skiptrain::transport {
namespace {

Result<wire::StateRequest> decode_request(const grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  if (!message.Dump(&slices).ok()) return fail(ErrorCode::kCorrupt, "an unreadable message");
  std::vector<wire::Slice> views;
  views.reserve(slices.size());
  for (const grpc::Slice& slice : slices) {
    views.emplace_back(reinterpret_cast<const std::byte*>(slice.begin()), slice.size());
  }
  return wire::decode_state_request(views);
}

Duration state_call_limit(const TransportConfig& config) {
  const double bytes =
      static_cast<double>(config.parameter_count) * static_cast<double>(sizeof(float));
  return kStateFetchBaseTimeout + from_seconds(bytes / kStateFetchMinBytesPerSecond);
}

}  // namespace

// ---- asking

StateFetch::StateFetch(std::shared_ptr<StateHost> host, StateExchange& exchange, NodeId from,
                       Round at_least, std::shared_ptr<grpc::Channel> channel)
    : host_(std::move(host)),
      exchange_(exchange),
      from_(from),
      at_least_(at_least),
      channel_(std::move(channel)),
      stub_(channel_),
      assembler_(host_->pool()) {}

void StateFetch::start(std::shared_ptr<StateFetch> self) {
  self_ = std::move(self);
  context_.set_deadline(std::chrono::system_clock::now() +
                        std::chrono::duration_cast<std::chrono::system_clock::duration>(
                            state_call_limit(host_->config())));
  request_ = make_message(wire::encode_state_request({host_->our_hello(), at_least_}));
  stub_.PrepareBidiStreamingCall(&context_, kFetchStateMethod, grpc::StubOptions(), this);
  StartWriteLast(&request_, grpc::WriteOptions());
  StartRead(&incoming_);
  StartCall();
}

void StateFetch::OnReadDone(bool ok) {
  if (!ok) return;
  std::vector<grpc::Slice> slices;
  if (!incoming_.Dump(&slices).ok()) return give_up("an unreadable message");
  std::vector<wire::Slice> views;
  views.reserve(slices.size());
  for (const grpc::Slice& slice : slices) {
    views.emplace_back(reinterpret_cast<const std::byte*>(slice.begin()), slice.size());
  }
  const auto frame = decoder_.decode(views);
  if (!frame) return give_up(frame.error().message);
  take(*frame);
  if (!error_.empty()) return;
  incoming_.Clear();
  StartRead(&incoming_);
}

void StateFetch::take(const wire::FrameView& frame) {
  if (state_ || (!frame.update && !frame.chunk)) {
    return give_up("a frame that is no part of the one state asked for");
  }
  auto assembled = assembler_.accept(frame);
  if (!assembled) return give_up(assembled.error().message);
  if (!*assembled) return;
  if ((*assembled)->round < at_least_) {
    return give_up("its state is of round " + to_string((*assembled)->round) + ", expected " +
                   to_string(at_least_) + " or later");
  }
  state_ = *std::move(*assembled);
}

void StateFetch::give_up(const std::string& why) {
  error_ = why;
  state_.reset();
  context_.TryCancel();
}

void StateFetch::cancel(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = why;
  }
  context_.TryCancel();
}

void StateFetch::OnDone(const grpc::Status& status) {
  exchange_.remove_fetch(this);  // nobody cancels it after this
  {
    const std::lock_guard lock(mutex_);
    if (!cancelled_.empty()) {
      error_ = cancelled_;
      state_.reset();
    }
  }
  if (state_) {
    host_->gate().post(core::StateFetched{from_, *std::move(state_)});
  } else {
    if (error_.empty()) {
      error_ = status.ok() ? "the answer ended before the state was whole"
                           : wire::peer_text(status.error_message());
    }
    host_->gate().post(
        core::StateFetchFailed{from_, "state of " + host_->peer_label(from_) + ": " + error_});
  }
  StateHost& host = *host_;
  host.leave(this, {std::move(self_), channel_});
}

// ---- answering

StateAnswer::StateAnswer(std::shared_ptr<StateHost> host, StateExchange& exchange,
                         grpc::CallbackServerContext* context)
    : host_(std::move(host)), exchange_(exchange), context_(context) {}

grpc::ServerGenericBidiReactor* StateAnswer::start(std::shared_ptr<StateAnswer> self) {
  self_ = std::move(self);
  // One limit for the whole call, so that a peer that never asks, or never reads, holds neither a
  // place nor a model's memory for long.
  host_->timers().after(state_call_limit(host_->config()), [weak = weak_from_this()] {
    if (const auto late = weak.lock()) late->cut_off();
  });
  StartRead(&incoming_);
  return this;
}

void StateAnswer::OnReadDone(bool ok) {
  const grpc::Status asked =
      ok ? ask_core()
         : grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "a call without a StateRequest");
  if (!asked.ok()) finish(asked);
}

grpc::Status StateAnswer::ask_core() {
  const auto request = decode_request(incoming_);
  incoming_.Clear();
  if (!request) {
    return {grpc::StatusCode::INVALID_ARGUMENT, request.error().message};
  }
  const wire::Hello ours = host_->our_hello();
  if (const auto mismatch = wire::check_hello(ours, request->hello)) {
    return {grpc::StatusCode::FAILED_PRECONDITION, mismatch->detail};
  }
  const NodeId from = request->hello.node_id;
  if (!host_->peer_address(from)) {
    return {grpc::StatusCode::FAILED_PRECONDITION,
            wire::describe(from, request->hello.node_name) + " is no neighbour of " +
                wire::describe(ours.node_id, ours.node_name)};
  }
  at_least_ = request->at_least;
  const auto id = exchange_.add_answer(shared_from_this());
  if (!id) {
    return {grpc::StatusCode::UNAVAILABLE, "shutting down"};
  }
  request_ = *id;
  host_->timers().after(kStateAnswerTimeout, [weak = weak_from_this()] {
    const auto late = weak.lock();
    if (!late) return;
    late->exchange_.refuse(late->request_, "the node did not answer in time");
  });
  host_->gate().post(core::StateRequested{from, *id});
  return grpc::Status::OK;
}

void StateAnswer::answer(const ModelUpdate& state) {
  if (state.round < at_least_) {
    return finish(grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                               "the newest committed state is of round " + to_string(state.round) +
                                   ", asked for " + to_string(at_least_) + " or later"));
  }
  auto outgoing = make_outgoing(wire::encode_update(state, host_->config().chunk_bytes));
  {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    outgoing_ = std::move(outgoing);
    writing_ = true;
  }
  write_next();
}

// Requires writing_, which keeps others from finishing the call meanwhile.
void StateAnswer::write_next() {
  StartWrite(&outgoing_->messages[next_message_++]);
}

void StateAnswer::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = ok && next_message_ < outgoing_->messages.size();
  }
  if (ok && next_message_ < outgoing_->messages.size()) return write_next();
  finish(ok ? grpc::Status::OK : grpc::Status(grpc::StatusCode::UNAVAILABLE, "the caller is gone"));
}

void StateAnswer::OnCancel() {
  exchange_.take_answer(request_);
  finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller is gone"));
}

void StateAnswer::finish(const grpc::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    // While a write is out its end, or its failure, finishes the call.
    if (finished_ || writing_) return;
    finished_ = true;
  }
  Finish(status);
}

void StateAnswer::cut_off() {
  const std::lock_guard lock(mutex_);
  if (context_ != nullptr) context_->TryCancel();
}

void StateAnswer::OnDone() {
  {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
  }
  exchange_.remove_answer(request_);
  const auto last = std::move(self_);
  host_->leave(this, {});
}

}  // namespace skiptrain::transport
