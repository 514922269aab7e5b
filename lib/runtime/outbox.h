// What a node says to its neighbours, in the order in which it said it.
//
// A directive of this node's own may be sent only when it is durable: else a node that crashes
// between could give one stamp to two orders. What this node says later waits behind it, updates
// above all: each receiver relies on it that news travel ahead of the next update (see
// Node::safe_directive_round). Belongs to the loop thread.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <variant>
#include <vector>

#include "core/effect.h"
#include "model/published_update.h"
#include "ports/transport.h"

namespace skiptrain::runtime {

// core::Send, with the update as it is to be published.
struct SendPublished {
  std::vector<NodeId> to;
  PublishedUpdate update;
};

class Outbox {
 public:
  void set_transport(std::shared_ptr<ports::Transport> transport);

  void send(const SendPublished& message) { put(message); }
  void send(const core::SendDirectives& message) { put(message); }

  // What is sent from now on waits until as many releases.
  void hold() { ++holds_; }
  void release();

 private:
  using Message = std::variant<SendPublished, core::SendDirectives>;
  void put(const Message& message);
  void deliver(const Message& message);

  std::shared_ptr<ports::Transport> transport_;
  std::size_t holds_ = 0;
  std::deque<Message> waiting_;
};

}  // namespace skiptrain::runtime
