// Shows that a simulation moves, and how long it still takes: a bar on a terminal, a line now and
// then elsewhere. Also passes Ctrl-C on to the simulation.
#pragma once

#include <cstddef>
#include <stop_token>
#include <string>
#include <thread>

#include "ctl/render.h"
#include "sim/simulation.h"

namespace skiptrain::ctl {

class SimProgress {
 public:
  // Watches from a thread of its own until it is destroyed. `label`: "skiptrain 4/4 (2 of 5)".
  // `simulation`, `screen` and `stop` must outlive it. An InterruptGuard must be in force.
  SimProgress(const sim::Simulation& simulation, std::string label, bool shown, Screen& screen,
              std::stop_source& stop);

 private:
  void watch(const std::stop_token& over);
  void draw(LiveBlock& block) const;
  std::string line() const;

  const sim::Simulation& simulation_;
  const std::string label_;
  const bool shown_;
  Screen& screen_;
  std::stop_source& stop_;
  const double begin_;  // part that was done before, by a checkpoint
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::jthread thread_;
};

}  // namespace skiptrain::ctl
