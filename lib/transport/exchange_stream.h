// One Exchange stream, seen from either side: what is sent in which order, what arrives is decoded
// and checked, and the stream's end.
//
// Sending: gRPC allows one outstanding write. Between writes the next message is chosen: hello,
// what is queued (updates, edge messages, directives, in order; see outgoing_queue.h), goodbye,
// newest state. Each has one slot or a bounded queue, so a peer that does not read cannot make it
// grow.
// Receiving: one read at a time, decoded on gRPC's thread. Until `admit` is called, only a hello
// is taken from the peer.
// Ending: the sequence differs between the sides (AcceptedStream finishes the call, DialledStream
// half-closes and gives up its hold); the base class decides when, always between two writes.
//
// Threading: public methods are thread-safe. The listener's methods are called on gRPC's threads
// without a lock of the stream, one at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include "transport/outgoing_queue.h"
#include "transport/outgoing_update.h"
#include "wire/frame_decoder.h"
#include "wire/update_assembler.h"

namespace skiptrain::transport {

class ExchangeStream;
struct Link;
using LinkPtr = std::shared_ptr<Link>;
using StreamPtr = std::shared_ptr<ExchangeStream>;

class StreamListener {
 public:
  virtual ~StreamListener() = default;

  // The first frame; answer by admit() or close().
  virtual void on_hello(const StreamPtr& stream, const wire::Hello& hello) = 0;
  virtual void on_update(const StreamPtr& stream, ModelUpdate update) = 0;
  virtual void on_state(const StreamPtr& stream, const core::NodeState& state) = 0;
  // `message.peer` is not set.
  virtual void on_edge(const StreamPtr& stream, core::EdgeMessage message) = 0;
  virtual void on_directives(const StreamPtr& stream, std::vector<core::Directive> directives) = 0;
  // The peer ends the stream; nothing more is taken from it. Answer by close().
  virtual void on_goodbye(const StreamPtr& stream, const wire::Goodbye& goodbye) = 0;
  // Malformed input; nothing more is taken from the stream. Answer by close().
  virtual void on_bad_frame(const StreamPtr& stream, const std::string& reason) = 0;
  // Nothing more arrives. Once per stream, also after a goodbye.
  virtual void on_closed(const StreamPtr& stream, const std::string& why) = 0;
  // gRPC has let go of the stream. Once, after on_closed; the last call, and the stream's last
  // reference of its own. A dialled stream holds a channel, which gRPC's threads must not free:
  // the last channel of a process joins them.
  virtual void on_gone(StreamPtr stream) = 0;
};

class ExchangeStream : public std::enable_shared_from_this<ExchangeStream> {
 public:
  virtual ~ExchangeStream() = default;
  ExchangeStream(const ExchangeStream&) = delete;
  ExchangeStream& operator=(const ExchangeStream&) = delete;

  // The peer's hello was accepted: further frames are taken from it.
  void admit() { admitted_ = true; }
  bool admitted() const { return admitted_; }

  // Whose stream it is, from the start if we dialled, else from the peer's hello on; null:
  // nobody's. It stays that link's when the peer is removed and added again, which makes a new one.
  // Belongs to the listener's callbacks of this stream.
  const LinkPtr& link() const { return link_; }
  void set_link(LinkPtr link) { link_ = std::move(link); }
  virtual bool dialled_by_us() const = 0;
  // Null: we did not dial.
  virtual std::shared_ptr<grpc::Channel> channel() const { return nullptr; }

  // Puts a message in its slot, without sending yet: call pump() afterwards, without a lock of
  // one's own. A newer state replaces one that was not sent; one that the peer knows is not put.
  void put_hello(const wire::Hello& hello);
  void put_state(const core::NodeState& state);
  // Sends what can be sent now. The caller holds a reference, or is a reaction of gRPC's.
  void pump();

  // Queues and sends. Returns how many older updates were dropped for it (0 or 1).
  std::size_t send_update(OutgoingUpdatePtr update);
  // Queued behind the updates sent so far.
  void send_edge(const core::EdgeMessage& message);
  void send_directives(const std::vector<core::Directive>& directives);  // <= wire::kMaxDirectives

  // Drops the queue, sends `goodbye` after the message in flight, if any, and ends the stream.
  // With Rest::kSay only updates are dropped: edge messages and directives go out first. Whoever
  // calls it sees to it that abort() follows after a while, in case the peer hangs.
  enum class Rest { kDrop, kSay };
  void close(const std::optional<wire::Goodbye>& goodbye, Rest rest = Rest::kDrop);
  // Cuts the stream. `why` is passed to on_closed if the stream was not closed before.
  void abort(const std::string& why);

  // Message bytes, before HTTP/2 framing.
  Bytes bytes_sent() const { return bytes_sent_; }
  Bytes bytes_received() const { return bytes_received_; }
  // Of those sent, updates; and what these would be in float32.
  struct UpdateBytes {
    Bytes sent = 0;
    Bytes plain = 0;
  };
  UpdateBytes update_bytes() const;
  // nullopt: nothing arrived yet.
  std::optional<std::chrono::steady_clock::time_point> last_heard() const;

 protected:
  // `listener` outlives the stream's last callback; `pool` lends the buffers of received updates,
  // which are in the forms of `compression`.
  ExchangeStream(std::shared_ptr<StreamListener> listener, ParametersPool& pool,
                 const Compression& compression);

  // gRPC's operations. end_writes() and release() are each called once, with no write
  // outstanding; end_writes() answers true if it is an operation that ends with write_done().
  virtual void start_read(grpc::ByteBuffer* into) = 0;
  virtual void start_write(const grpc::ByteBuffer* message) = 0;
  virtual bool end_writes_is_write() const = 0;
  virtual void end_writes() = 0;
  virtual void release() = 0;
  virtual void cancel() = 0;

  // gRPC's reactions.
  void read_next() { start_read(&incoming_); }
  void read_done(bool ok);
  void write_done(bool ok);
  void closed(const std::string& why);
  void gone(StreamPtr self);

 private:
  enum class Step { kNothing, kWrite, kEndWrites, kRelease };

  Step choose_step();
  template <typename Message>
  void send_queued(const Message& message);
  void handle(const wire::FrameView& frame);
  void reject(const std::string& reason);

  const std::shared_ptr<StreamListener> listener_;

  // Touched by the reading thread alone.
  grpc::ByteBuffer incoming_;
  std::vector<grpc::Slice> slices_;
  std::vector<wire::Slice> views_;
  wire::FrameDecoder decoder_;
  wire::UpdateAssembler assembler_;
  bool heard_hello_ = false;
  LinkPtr link_;

  std::atomic<bool> admitted_ = false;
  std::atomic<bool> deaf_ = false;  // what arrives is thrown away: the stream is ending
  std::atomic<Bytes> bytes_sent_ = 0;
  std::atomic<Bytes> bytes_received_ = 0;
  std::atomic<std::int64_t> last_heard_ns_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  bool writing_ = false;
  bool closing_ = false;  // end the writes once the goodbye, if any, is out
  bool writes_ended_ = false;
  bool read_closed_ = false;
  bool released_ = false;
  std::string abort_reason_;
  std::optional<core::NodeState> said_;  // the newest that the peer was told
  std::optional<grpc::ByteBuffer> hello_;
  std::optional<grpc::ByteBuffer> state_;
  std::optional<grpc::ByteBuffer> goodbye_;
  OutgoingQueue queue_;
  grpc::ByteBuffer outgoing_;  // the message in flight
};

}  // namespace skiptrain::transport
