#include "transport/exchange_stream.h"

#include <utility>

namespace skiptrain::transport {

ExchangeStream::ExchangeStream(std::shared_ptr<StreamListener> listener, ParametersPool& pool,
                               const Compression& compression)
    : listener_(std::move(listener)), assembler_(pool, compression) {}

ExchangeStream::UpdateBytes ExchangeStream::update_bytes() const {
  const std::lock_guard lock(mutex_);
  return {queue_.update_bytes(), queue_.plain_update_bytes()};
}

void ExchangeStream::put_hello(const wire::Hello& hello) {
  auto message = make_message(wire::encode_frame(hello));
  const std::lock_guard lock(mutex_);
  hello_ = std::move(message);
  said_ = hello.state;
}

void ExchangeStream::put_state(const core::NodeState& state) {
  auto message = make_message(wire::encode_frame(state));
  const std::lock_guard lock(mutex_);
  if (said_ == state) return;
  state_ = std::move(message);
  said_ = state;
}

std::size_t ExchangeStream::send_update(OutgoingUpdatePtr update) {
  std::size_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || read_closed_) return 0;
    dropped = queue_.push(std::move(update));
  }
  pump();
  return dropped;
}

template <typename Message>
void ExchangeStream::send_queued(const Message& message) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || read_closed_) return;
    queue_.push(message);
  }
  pump();
}

void ExchangeStream::send_edge(const core::EdgeMessage& message) {
  send_queued(message);
}

void ExchangeStream::send_directives(const std::vector<core::Directive>& directives) {
  send_queued(directives);
}

void ExchangeStream::close(const std::optional<wire::Goodbye>& goodbye, Rest rest) {
  deaf_ = true;
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    if (goodbye) goodbye_ = make_message(wire::encode_frame(*goodbye));
    state_.reset();
    if (rest == Rest::kSay && goodbye) {
      queue_.drop_updates();
    } else {
      hello_.reset();
      queue_.clear();
    }
  }
  pump();
}

void ExchangeStream::abort(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (abort_reason_.empty()) abort_reason_ = why;
  }
  cancel();
}

std::optional<std::chrono::steady_clock::time_point> ExchangeStream::last_heard() const {
  const std::int64_t ns = last_heard_ns_;
  if (ns == 0) return std::nullopt;
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(ns));
}

// ---- sending

void ExchangeStream::pump() {
  Step step;
  {
    const std::lock_guard lock(mutex_);
    step = choose_step();
  }
  // Outside the lock, in case gRPC runs the reaction on this thread. No other thread starts an
  // operation meanwhile: writing_ and released_ are set.
  switch (step) {
    case Step::kNothing:
      return;
    case Step::kWrite:
      return start_write(&outgoing_);
    case Step::kEndWrites:
      return end_writes();
    case Step::kRelease:
      return release();
  }
}

ExchangeStream::Step ExchangeStream::choose_step() {
  if (writing_ || released_) return Step::kNothing;
  if (read_closed_) {
    released_ = true;
    return Step::kRelease;
  }
  if (writes_ended_) return Step::kNothing;
  const bool has_message = goodbye_ || hello_ || state_ || !queue_.empty();
  if (closing_ && !goodbye_) {
    writes_ended_ = true;
    writing_ = end_writes_is_write();
    return Step::kEndWrites;
  }
  if (!has_message) return Step::kNothing;
  if (hello_) {
    outgoing_ = *std::exchange(hello_, std::nullopt);
  } else if (!queue_.empty()) {
    // Before an announcement: "finished" must not overtake the last update, nor cut into its
    // chunks.
    outgoing_ = queue_.take();
  } else if (goodbye_) {
    outgoing_ = *std::exchange(goodbye_, std::nullopt);
  } else {
    outgoing_ = *std::exchange(state_, std::nullopt);
  }
  writing_ = true;
  return Step::kWrite;
}

void ExchangeStream::write_done(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    queue_.written();
    if (ok) bytes_sent_ += outgoing_.Length();
    outgoing_.Clear();
    if (!ok) {
      // The stream is broken; the read fails too and says so.
      closing_ = true;
      goodbye_.reset();
      hello_.reset();
      state_.reset();
      queue_.clear();
    }
  }
  pump();
}

// ---- receiving

void ExchangeStream::read_done(bool ok) {
  if (!ok) {
    deaf_ = true;
    {
      const std::lock_guard lock(mutex_);
      read_closed_ = true;
    }
    pump();
    return;
  }
  bytes_received_ += incoming_.Length();
  last_heard_ns_ = std::chrono::steady_clock::now().time_since_epoch().count();
  if (!deaf_) {
    if (!incoming_.Dump(&slices_).ok()) {
      reject("a message that gRPC cannot read");
    } else {
      views_.clear();
      for (const grpc::Slice& slice : slices_) {
        views_.emplace_back(reinterpret_cast<const std::byte*>(slice.begin()), slice.size());
      }
      const auto frame = decoder_.decode(views_);
      if (frame) {
        handle(*frame);
      } else {
        reject(frame.error().message);
      }
    }
    slices_.clear();
  }
  incoming_.Clear();
  read_next();
}

void ExchangeStream::handle(const wire::FrameView& frame) {
  const StreamPtr self = shared_from_this();
  if (frame.goodbye) {
    deaf_ = true;
    return listener_->on_goodbye(self, *frame.goodbye);
  }
  if (frame.hello) {
    if (std::exchange(heard_hello_, true)) return reject("a second hello");
    return listener_->on_hello(self, *frame.hello);
  }
  if (!admitted_) return reject("a frame before the hello");
  if (frame.state) return listener_->on_state(self, *frame.state);
  if (frame.edge) return listener_->on_edge(self, *frame.edge);
  if (frame.directives) return listener_->on_directives(self, *frame.directives);
  auto update = assembler_.accept(frame);
  if (!update) return reject(update.error().message);
  if (*update) listener_->on_update(self, **std::move(update));
}

void ExchangeStream::reject(const std::string& reason) {
  deaf_ = true;
  listener_->on_bad_frame(shared_from_this(), reason);
}

void ExchangeStream::closed(const std::string& why) {
  std::string reason;
  {
    const std::lock_guard lock(mutex_);
    reason = abort_reason_.empty() ? why : abort_reason_;
  }
  listener_->on_closed(shared_from_this(), reason);
}

void ExchangeStream::gone(StreamPtr self) {
  StreamListener& listener = *listener_;  // may outlive this stream, which may end in the call
  listener.on_gone(std::move(self));
}

}  // namespace skiptrain::transport
