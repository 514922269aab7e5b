// The way out of the transport for events: open while it runs, and shut for good by stop().
//
// Thread-safe. When shut() has returned no event is being posted and none will be.
#pragma once

#include <mutex>
#include <shared_mutex>
#include <utility>

#include "ports/transport.h"

namespace skiptrain::transport {

class EventGate {
 public:
  void open(ports::Transport::EventSink sink) {
    const std::unique_lock lock(mutex_);
    sink_ = std::move(sink);
  }
  void shut() {
    const std::unique_lock lock(mutex_);
    sink_ = nullptr;
  }
  void post(core::Event event) {
    const std::shared_lock lock(mutex_);
    if (sink_) sink_(std::move(event));
  }

 private:
  std::shared_mutex mutex_;
  ports::Transport::EventSink sink_;
};

}  // namespace skiptrain::transport
