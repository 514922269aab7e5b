// Runs functions later, on a thread of its own: reconnects and time limits.
//
// Thread-safe. A function must not block and not call stop(). Timers are few (some per peer), so
// an ordered map is enough.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "base/units.h"

namespace skiptrain::transport {

class Timers {
 public:
  Timers() = default;
  ~Timers();

  void start();
  // Forgets all functions that have not begun and waits for one that has. After it, `after` does
  // nothing.
  void stop();

  void after(Duration delay, std::function<void()> run);

 private:
  using Clock = std::chrono::steady_clock;
  void loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, std::function<void()>> pending_;
  bool running_ = false;
  std::thread thread_;
};

}  // namespace skiptrain::transport
