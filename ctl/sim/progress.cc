#include "ctl/sim/progress.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "ctl/testbed/process.h"

namespace skiptrain::ctl {
namespace {

constexpr auto kLook = std::chrono::milliseconds(100);
constexpr auto kRedraw = std::chrono::milliseconds(300);
// Where nothing can be redrawn a line is printed this often at most.
constexpr auto kLineInterval = std::chrono::seconds(5);
constexpr std::size_t kBarWidth = 40;
// Below this part the time left is a guess not worth printing.
constexpr double kMinPart = 0.01;

double part_done(const sim::Simulation& simulation) {
  const sim::Progress progress = simulation.progress();
  if (progress.rounds_total == 0) return 1.0;
  return std::min(1.0, static_cast<double>(progress.rounds_committed) /
                           static_cast<double>(progress.rounds_total));
}

}  // namespace

SimProgress::SimProgress(const sim::Simulation& simulation, std::string label, bool shown,
                         Screen& screen, std::stop_source& stop)
    : simulation_(simulation),
      label_(std::move(label)),
      shown_(shown),
      screen_(screen),
      stop_(stop),
      begin_(part_done(simulation)),
      thread_([this](const std::stop_token& over) { watch(over); }) {}

std::string SimProgress::line() const {
  const double part = part_done(simulation_);
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  std::string text = label_ + "  " + fixed(100 * part, 1) + " %  " + seconds_text(elapsed);
  if (part >= 1) return text + ", evaluating";
  if (part - begin_ > kMinPart) {
    text += ", about " + seconds_text(elapsed * (1 - part) / (part - begin_)) + " left";
  }
  return text;
}

void SimProgress::draw(LiveBlock& block) const {
  const auto full = static_cast<std::size_t>(part_done(simulation_) * kBarWidth);
  block.draw({"[" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "] " + line()});
}

void SimProgress::watch(const std::stop_token& over) {
  LiveBlock block(screen_.err, screen_.width);
  auto next = std::chrono::steady_clock::now() + kRedraw;
  while (!over.stop_requested()) {
    if (InterruptGuard::is_interrupted()) stop_.request_stop();
    const auto now = std::chrono::steady_clock::now();
    if (shown_ && now >= next) {
      if (screen_.err_terminal) {
        draw(block);
        next = now + kRedraw;
      } else {
        screen_.err << line() << std::endl;
        next = now + kLineInterval;
      }
    }
    std::this_thread::sleep_for(kLook);
  }
  if (shown_ && screen_.err_terminal) block.draw({});
}

}  // namespace skiptrain::ctl
