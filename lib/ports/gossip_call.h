// The port for membership messages that need a reliable way: calls to any member, by address.
//
// Envelopes are opaque here: sealed bytes, which only lib/discovery opens. Thread-safe. Calls
// return at once; `done` and the handler run on the port's own threads and must only post.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "base/units.h"

namespace skiptrain::ports {

class GossipCall {
 public:
  // kUnavailable or kTimeout if there was no answer, kInvalidArgument if it was refused.
  using Done = std::function<void(Result<std::string> answer)>;
  using Reply = std::function<void(Result<std::string> answer)>;
  using Handler = std::function<void(std::string envelope, Reply reply)>;

  virtual ~GossipCall() = default;

  // Calls the node at `address` (HOST:PORT of its streams). Also to nodes that are no neighbours.
  // `done` is called exactly once, also when the port is stopped.
  virtual void call_gossip(const std::string& address, std::string envelope, Duration timeout,
                           Done done) = 0;
  // Who answers incoming calls; before it is set they are refused as unavailable. Each `reply` is
  // to be called once; one that is dropped counts as a refusal.
  virtual void set_gossip_handler(Handler handler) = 0;
};

}  // namespace skiptrain::ports
