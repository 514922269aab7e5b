#include "ctl/watch/live.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/check.h"

namespace skiptrain::ctl {
namespace {

constexpr std::array kHeld = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) { SKIPTRAIN_CHECK(fd >= 0, "no descriptor to wait on"); }
  ~Descriptor() { close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Looks again and again, and tells by a descriptor that there is something new.
class Looker {
 public:
  Looker(const LiveOptions& options, const Look& look)
      : options_(options), look_(look), news_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  int news() const { return news_.get(); }
  // The newest state, and whether it was the last look.
  std::pair<WatchState, bool> take() {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t got = read(news_.get(), &ignored, sizeof ignored);
    const std::scoped_lock lock(mutex_);
    return {state_, done_};
  }
  void end() {
    thread_.request_stop();
    changed_.notify_all();
  }

 private:
  void run(const std::stop_token& stop) {
    WatchState state;
    for (std::uint64_t looks = 1; !stop.stop_requested(); ++looks) {
      look_(stop, state);
      std::unique_lock lock(mutex_);
      state_ = state;
      done_ = options_.count > 0 && looks >= options_.count;
      const std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t told = write(news_.get(), &one, sizeof one);
      if (done_) return;
      changed_.wait_for(lock, stop, options_.interval, [] { return false; });
    }
  }

  const LiveOptions options_;
  const Look& look_;
  Descriptor news_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  WatchState state_;
  bool done_ = false;
  std::jthread thread_;  // the last member: it uses the others
};

// True if the process should end. A stopped process has its terminal back until it goes on.
bool handle(const signalfd_siginfo& info, Terminal& terminal) {
  switch (static_cast<int>(info.ssi_signo)) {
    case SIGWINCH:
      terminal.resized();
      return false;
    case SIGTSTP:
      terminal.suspend();
      raise(SIGSTOP);
      terminal.resume();
      terminal.resized();
      return false;
    default:
      return true;
  }
}

}  // namespace

HeldSignals::HeldSignals() {
  sigemptyset(&held_);
  for (const int signal : kHeld) sigaddset(&held_, signal);
  pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

HeldSignals::~HeldSignals() {
  release();
}

void HeldSignals::release() {
  if (std::exchange(holds_, false)) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

LiveEnd watch_live(std::unique_ptr<Terminal> terminal, HeldSignals& signals,
                   const LiveOptions& options, const Look& look) {
  const Descriptor arrived(signalfd(-1, &signals.set(), SFD_CLOEXEC | SFD_NONBLOCK));
  Looker looker(options, look);
  LiveEnd end;
  WatchView view;
  view.utf8 = terminal->utf8();
  for (bool over = false; !over;) {
    view.width = terminal->width();
    view.height = terminal->height();
    terminal->draw(picture(end.state, view));
    std::array<pollfd, 3> waits = {
        {{STDIN_FILENO, POLLIN, 0}, {arrived.get(), POLLIN, 0}, {looker.news(), POLLIN, 0}}};
    if (poll(waits.data(), waits.size(), -1) < 0) continue;
    signalfd_siginfo info{};
    while (read(arrived.get(), &info, sizeof info) == sizeof info) {
      if (!handle(info, *terminal)) continue;
      end.signal = static_cast<int>(info.ssi_signo);
      over = true;
    }
    if (waits[2].revents != 0) {
      auto [state, done] = looker.take();
      end.state = std::move(state);
      over = over || done;
    }
    for (WatchKey key = terminal->key(); key != WatchKey::kNone; key = terminal->key()) {
      view = pressed(view, key, end.state.nodes.size());
      over = over || key == WatchKey::kQuit;
    }
    // The terminal is gone: nobody sees anything any more.
    if ((waits[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) over = true;
  }
  looker.end();
  // Before the last look ends, which a silent node may hold up for as long as it is waited for.
  terminal.reset();
  signals.release();
  return end;
}

}  // namespace skiptrain::ctl
