#include "daemon/service_manager.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include <asio/error_code.hpp>
#include <asio/post.hpp>

#include "daemon/control_convert.h"
#include "proto/enum_words.h"

namespace skiptrain::daemon {
namespace {

std::string extension(Duration more) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(more).count();
  return "EXTEND_TIMEOUT_USEC=" + std::to_string(us) + "\n";
}

// A socket that is not there is systemd's affair and never the daemon's.
void send(const std::string& lines) {
  sd_notify(0, lines.c_str());
}

}  // namespace

std::string status_line(const core::Node& node) {
  std::string phase = word(to_message(node.phase()));
  if (node.phase() == core::Phase::kWarmingUp) return phase;
  return "round " + std::to_string(node.round().value()) + " of " +
         std::to_string(node.options().total_rounds) + ", " + phase;
}

ServiceManager::ServiceManager(asio::io_context& loop, Ask ask)
    : loop_(loop), ask_(std::move(ask)), timer_(loop) {
  std::uint64_t watchdog_us = 0;
  is_watched_ = sd_watchdog_enabled(0, &watchdog_us) > 0;
  // Two pings may be lost or late.
  if (is_watched_) {
    period_ = std::min<Duration>(kPeriod, std::chrono::microseconds(watchdog_us / 3));
  }
}

void ServiceManager::starting(const std::string& what, Duration limit) {
  send(extension(limit) + "STATUS=" + what);
}

void ServiceManager::start() {
  if (std::getenv("NOTIFY_SOCKET") == nullptr) return;
  ping();
}

void ServiceManager::ready() {
  ready_ = true;
  send("READY=1\nSTATUS=running");
}

void ServiceManager::stopping() {
  has_ended_ = true;
  timer_.cancel();
  send("STOPPING=1\nSTATUS=ending");
}

void ServiceManager::ping() {
  if (!is_asked_) {
    is_asked_ = true;
    ask_([this](std::string status) {
      asio::post(loop_, [this, status = std::move(status)] {
        is_asked_ = false;
        tell(status);
      });
    });
  }
  timer_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(period_));
  timer_.async_wait([this](const asio::error_code& error) {
    if (!error) ping();
  });
}

void ServiceManager::tell(const std::string& status) {
  if (has_ended_) return;
  std::string lines = "STATUS=" + status + "\n";
  if (is_watched_) lines += "WATCHDOG=1\n";
  if (!ready_) lines += extension(kLoadingExtension);
  send(lines);
}

}  // namespace skiptrain::daemon
