// What systemd, or whoever else set NOTIFY_SOCKET, hears of the daemon: when it is ready, what it
// does, that it lives, and that it ends (sd_notify(3), sd_watchdog_enabled(3)). Without
// NOTIFY_SOCKET nothing is sent and no timer runs.
//
// The watchdog is pinged from the main loop, and only after the node's loop has answered: if either
// hangs, so do the pings, and systemd kills the daemon and starts it anew. Nothing ever waits for
// the answer, so that a hung node's loop does not keep the main loop from seeing SIGTERM. Training,
// evaluation and disk have threads of their own, may take as long as they like, and are not
// watched.
//
// Threads: all but `ready` and what `Ask` is given belong to the main loop's thread.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/units.h"
#include "core/node.h"

namespace skiptrain::daemon {

// What the node does, in some words for `systemctl status`: "round 12 of 80, training".
std::string status_line(const core::Node& node);

class ServiceManager {
 public:
  // Takes one line about what the node does; may be called on any thread.
  using Answer = std::function<void(std::string)>;
  // Asks the node's loop, without waiting for it, to call the Answer.
  using Ask = std::function<void(Answer)>;

  // A status line is sent no more often than this; the watchdog's time may demand it.
  static constexpr Duration kPeriod = std::chrono::seconds(5);
  // While loading, more time is asked for by this much from each ping on.
  static constexpr Duration kLoadingExtension = std::chrono::seconds(60);

  // `loop` must outlive this object; what `ask` was given must not be called after that.
  ServiceManager(asio::io_context& loop, Ask ask);
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // Before there is a main loop: what is being done, and how long it may take.
  static void starting(const std::string& what, Duration limit);

  // Begins to tell how it goes, and to ping the watchdog.
  void start();
  // Thread-safe: data and model are loaded.
  void ready();
  // The daemon ends; no more pings. The watchdog's time runs on, and is longer than an end takes.
  void stopping();

 private:
  void ping();
  void tell(const std::string& status);

  asio::io_context& loop_;
  Ask ask_;
  asio::steady_timer timer_;
  Duration period_ = kPeriod;
  bool is_asked_ = false;  // and has not answered
  bool is_watched_ = false;
  bool has_ended_ = false;
  std::atomic<bool> ready_ = false;
};

}  // namespace skiptrain::daemon
