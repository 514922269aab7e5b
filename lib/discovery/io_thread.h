// A thread that runs an Asio context. Private to lib/discovery.
#pragma once

#include <thread>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

namespace skiptrain::discovery {

class IoThread {
 public:
  IoThread() : work_(asio::make_work_guard(context_)) {}
  ~IoThread() { stop(); }
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  asio::io_context& context() { return context_; }

  void start() {
    thread_ = std::thread([this] { context_.run(); });
  }
  // What is running ends, what has not begun is dropped. Not from the thread itself.
  void stop() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace skiptrain::discovery
