// `watch` on a whole screen: looks at the nodes on a thread of its own, so that keys are answered
// at once however slow a node is, and draws what it saw last.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>

#include "base/units.h"
#include "ctl/failure.h"
#include "ctl/watch/picture.h"
#include "ctl/watch/terminal.h"

namespace skiptrain::ctl {

// Blocks what could end or stop the process while the terminal is not its own, in this thread and
// in those that it starts from now on: to be made before there are any. Unblocks at its end.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  const sigset_t& set() const { return held_; }
  // Unblocks early.
  void release();

 private:
  sigset_t held_;
  sigset_t before_;
  bool holds_ = true;
};

struct LiveOptions {
  Duration interval;
  std::uint64_t count = 0;  // looks before it ends; 0: until a key or a signal
};

// How it ended.
struct LiveEnd {
  WatchState state;  // as last seen
  int signal = 0;    // that ended it: to be raised again once the terminal is restored
};

// Brings the state up to date, or gives that up when it is to stop. Called on another thread, one
// call at a time.
using Look = std::function<void(const std::stop_token& stop, WatchState&)>;

// Releases `signals` when the terminal is given back, before it waits for the last look's end.
LiveEnd watch_live(std::unique_ptr<Terminal> terminal, HeldSignals& signals,
                   const LiveOptions& options, const Look& look);

}  // namespace skiptrain::ctl
