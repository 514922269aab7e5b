#include "daemon/metrics/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::daemon {
namespace {

using ::testing::HasSubstr;

v1::GetStatusResponse status(v1::Phase phase, std::uint32_t connected) {
  v1::GetStatusResponse status;
  status.set_phase(phase);
  status.set_neighbours(3);
  status.set_neighbours_connected(connected);
  return status;
}

TEST(ReadinessTest, ANodeInARoundWithANeighbourIsReady) {
  for (const auto phase : {v1::PHASE_TRAINING, v1::PHASE_EXCHANGING, v1::PHASE_MIXING,
                           v1::PHASE_CATCHING_UP, v1::PHASE_FINISHED}) {
    EXPECT_TRUE(readiness(status(phase, 1)).ready) << phase;
  }
}

TEST(ReadinessTest, ANodeThatTakesNoPartIsNotReadyAndSaysWhy) {
  const std::pair<v1::Phase, const char*> cases[] = {
      {v1::PHASE_WARMING_UP, "warming up"}, {v1::PHASE_WAITING_FOR_PEERS, "1 of 3 neighbours"},
      {v1::PHASE_PAUSED, "paused"},         {v1::PHASE_STOPPED, "ended"},
      {v1::PHASE_FAILED, "failed: no"},     {v1::PHASE_UNSPECIFIED, "no phase"}};
  for (const auto& [phase, words] : cases) {
    auto now = status(phase, 1);
    now.set_failure("no");
    EXPECT_FALSE(readiness(now).ready) << phase;
    EXPECT_THAT(readiness(now).reason, HasSubstr(words));
  }
}

TEST(ReadinessTest, ANodeCutOffFromAllNeighboursIsNotReady) {
  EXPECT_FALSE(readiness(status(v1::PHASE_EXCHANGING, 0)).ready);
  EXPECT_TRUE(readiness(status(v1::PHASE_FINISHED, 0)).ready);
  auto alone = status(v1::PHASE_EXCHANGING, 0);
  alone.set_neighbours(0);
  EXPECT_TRUE(readiness(alone).ready);
}

}  // namespace
}  // namespace skiptrain::daemon
