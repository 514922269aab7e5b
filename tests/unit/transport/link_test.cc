// The rules of a link, and the timers.
#include "transport/link.h"

#include <condition_variable>

#include <gtest/gtest.h>

#include "transport/event_gate.h"
#include "transport/timers.h"

namespace skiptrain::transport {
namespace {

using std::chrono::milliseconds;

constexpr Duration kMin = milliseconds(100);
constexpr Duration kMax = milliseconds(5000);

TEST(ReconnectDelayTest, DoublesUpToTheMaximumWithJitterBelow) {
  Rng rng(1);
  for (std::uint32_t failures = 0; failures < 100; ++failures) {
    const Duration full = failures <= 1   ? kMin
                          : failures <= 6 ? kMin * (1 << (failures - 1))
                                          : kMax;
    for (int draw = 0; draw < 50; ++draw) {
      const Duration delay = reconnect_delay(failures, false, kMin, kMax, rng);
      EXPECT_GE(delay, std::min(full, kMax) / 2);
      EXPECT_LE(delay, std::min(full, kMax));
    }
  }
}

TEST(ReconnectDelayTest, DiffersFromDrawToDraw) {
  Rng rng(1);
  EXPECT_NE(reconnect_delay(3, false, kMin, kMax, rng), reconnect_delay(3, false, kMin, kMax, rng));
}

TEST(ReconnectDelayTest, ARefusedNodeWaitsForTheMaximumAtOnce) {
  Rng rng(1);
  EXPECT_GE(reconnect_delay(1, true, kMin, kMax, rng), kMax / 2);
}

TEST(DuplicateRuleTest, OlderIncarnationsLose) {
  EXPECT_TRUE(newer_stream_wins(Incarnation(1), Incarnation(2)));
  EXPECT_TRUE(newer_stream_wins(Incarnation(2), Incarnation(2)));
  EXPECT_FALSE(newer_stream_wins(Incarnation(3), Incarnation(2)));
}

TEST(TimersTest, RunInOrderOfTimeAndStopForgetsTheRest) {
  Timers timers;
  timers.start();
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int> ran;
  const auto note = [&](int which) {
    return [&, which] {
      const std::lock_guard lock(mutex);
      ran.push_back(which);
      changed.notify_all();
    };
  };
  timers.after(std::chrono::hours(1), note(3));
  timers.after(milliseconds(20), note(2));
  timers.after(milliseconds(1), note(1));
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return ran.size() == 2; }));
  }
  timers.stop();
  timers.after(milliseconds(0), note(4));
  EXPECT_EQ(ran, (std::vector<int>{1, 2}));
}

TEST(EventGateTest, NothingPassesBeforeItOpensOrAfterItShuts) {
  EventGate gate;
  int posted = 0;
  gate.post(core::Tick{});
  gate.open([&](core::Event) { ++posted; });
  gate.post(core::Tick{});
  gate.shut();
  gate.post(core::Tick{});
  EXPECT_EQ(posted, 1);
}

}  // namespace
}  // namespace skiptrain::transport
