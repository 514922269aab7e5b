#include "transport/timers.h"

#include <utility>

namespace skiptrain::transport {

Timers::~Timers() {
  stop();
}

void Timers::start() {
  const std::lock_guard lock(mutex_);
  if (running_ || thread_.joinable()) return;
  running_ = true;
  thread_ = std::thread([this] { loop(); });
}

void Timers::stop() {
  std::multimap<Clock::time_point, std::function<void()>> forgotten;
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    forgotten.swap(pending_);  // destroyed without the lock: they may hold the last reference
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Timers::after(Duration delay, std::function<void()> run) {
  const std::lock_guard lock(mutex_);
  if (!running_) return;
  pending_.emplace(Clock::now() + delay, std::move(run));
  changed_.notify_all();
}

void Timers::loop() {
  std::unique_lock lock(mutex_);
  while (running_) {
    if (pending_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto next = pending_.begin();
    if (const auto due = next->first; Clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    {
      auto run = std::move(next->second);
      pending_.erase(next);
      lock.unlock();
      run();
    }
    lock.lock();
  }
}

}  // namespace skiptrain::transport
