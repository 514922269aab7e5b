// What waits to be sent on one stream: updates, edge messages and directives, in the order in which
// they were queued.
//
// Bounded, so a peer that does not read cannot make it grow, and each kind gives way in its own
// manner. A newer update drops the oldest not begun. Of too many edge messages the oldest goes: all
// but the newest are superseded, and the newest stays behind the update it was queued after. Of too
// many messages with directives the two oldest become one, in the later's place.
//
// An update that may go as a difference (OutgoingUpdate) is given its form when its first message
// is taken: only then is it certain which one went before it on this stream. So what gives way
// costs a whole copy with the next, and the other end never misses a step.
//
// Pure bookkeeping without a lock; its stream's guards it.
#pragma once

#include <cstddef>
#include <deque>
#include <variant>
#include <vector>

#include <grpcpp/support/byte_buffer.h>

#include "core/directive.h"
#include "core/topology/edge_agreement.h"
#include "transport/outgoing_update.h"

namespace skiptrain::transport {

class OutgoingQueue {
 public:
  // How many older updates were dropped for it (0 or 1).
  std::size_t push(OutgoingUpdatePtr update);
  void push(const core::EdgeMessage& message);
  // At most wire::kMaxDirectives.
  void push(std::vector<core::Directive> directives);

  bool empty() const { return items_.empty(); }
  // The next message; not when empty. written() says that it is out.
  grpc::ByteBuffer take();
  void written() { ending_update_ = false; }

  // Of the updates begun so far: what they take as they are sent, and what in float32.
  Bytes update_bytes() const { return update_bytes_; }
  Bytes plain_update_bytes() const { return plain_update_bytes_; }

  void clear();
  // Edge messages and directives stay.
  void drop_updates();

 private:
  using Directives = std::vector<core::Directive>;
  using Item = std::variant<OutgoingUpdatePtr, core::EdgeMessage, Directives>;

  // Gives the update at the front its form.
  void begin(const OutgoingUpdate& update);
  template <typename T>
  std::size_t count() const;
  // The first item of that kind from `from` on, or the end.
  template <typename T>
  std::deque<Item>::iterator first(std::deque<Item>::iterator from);

  std::deque<Item> items_;
  std::size_t next_message_ = 0;  // of the update at the front
  bool as_difference_ = false;    // it goes as one
  std::uint64_t copy_sent_ = 0;   // the newest that the other end has, or will; 0: none
  Bytes update_bytes_ = 0;
  Bytes plain_update_bytes_ = 0;
  bool ending_update_ = false;  // the message in flight is the last of an update
};

}  // namespace skiptrain::transport
